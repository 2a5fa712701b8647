// The store of tuned schedules: what `tune` measured on this machine and Linear::create finds again. A text file:
//
//   # tilejit tuned schedules 1
//   layout zen4 w4a16 n=4096 k=4096 a=bf16 g=128 dot=bf16 ks=1 : panel=64 kk=8 streams=4
//   loops zen4 w4a16 n=4096 k=4096 a=bf16 g=128 dot=bf16 ks=1 : panel=64 kk=8 streams=4 mr=1 ... rows=1..4
//
// One layout line for each machine row and problem, then one loops line for each range of m, ascending. A later layout line
// of the same problem replaces all earlier lines of it. Whatever a file says, legal() decides what is used.
#pragma once

#include <tilejit/result.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

struct TunedSchedules {
  Layout layout;
  std::vector<Loops> loops;  // one for each range of m, ascending
  bool operator==(const TunedSchedules&) const = default;
};
/// By tuned_key.
using TunedTable = std::map<std::string, TunedSchedules, std::less<>>;

/// `<row> <problem>`, the problem without what does not change which schedule is fast: m, the constant z, the permutation, the
/// epilogue (but swiglu, which decides the layout).
std::string tuned_key(const Problem& resolved, const TargetFacts& target);

/// The lines that can be read, and one `path:line: reason` for each that cannot.
struct TunedText {
  TunedTable table;
  std::vector<std::string> malformed;
};
TunedText parse_tuned(std::string_view text, const std::string& path);
std::string print_tuned(const TunedTable& table);

/// The user's store: tuned.txt in $TILEJIT_CACHE_DIR, else $XDG_CACHE_HOME/tilejit, else ~/.cache/tilejit. `invalid` where no
/// variable names a folder, and for a folder that others own or may write to. Need not exist.
Result<std::string> tuned_store_path();
/// A file that is not there is an empty table.
Result<TunedText> read_tuned(const std::string& path);
/// The same, read again only when the file has changed: a model creates hundreds of layers.
Result<std::shared_ptr<const TunedText>> read_tuned_once(const std::string& path);
/// Replaces the entries of `updates` and keeps all others, by an atomic rename; writers wait for one another. The folder is
/// created for its owner alone. `invalid`: the file holds lines that cannot be read, which would be lost.
Result<void> write_tuned(const std::string& path, const TunedTable& updates);

/// ok when the ranges cover every m and every schedule is legal, else why the entry cannot be used.
Result<void> check_tuned(const TunedSchedules& tuned, const Problem& resolved, const TargetFacts& target);

}  // namespace tilejit

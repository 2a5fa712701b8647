// The schedule: how a linear layer is tiled. Layout + loops, as one line of text, e.g.
// `panel=64 kk=8 streams=1 mr=1 nr=64 expand=inplace kc=0 mc=0 unroll=1 prefetch=0 rows=1..1`.
//
// The layout is part of the packed weights (never dependent on m); the loops are chosen per range of m. A schedule never
// changes a bit of the result. legal() checks both together and gives every reason.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jit/problem.h"
#include "targets/target.h"

namespace tilejit {

/// How packed weights lie in memory: [panels][k blocks][panel channels][kk]: one word per channel holds `kk` weights. For matrix
/// steps a block has a word for each of the `kl` lanes that share a column's k: [panels][k blocks][kl][panel channels][kk].
struct Layout {
  int panel = 64;   // channels per panel
  int kk = 8;       // weights per word of a channel: Problem::packed_k; for matrix steps a multiple of kt
  int streams = 1;  // panels read side by side by one task, at most; their number is a multiple of it
  int kl = 0;       // matrix steps: lanes that share a column's k; 0: dot steps
  int kt = 0;       // matrix steps: consecutive k of a lane in one step

  bool is_matrix() const { return kl != 0; }
  bool operator==(const Layout&) const = default;
};

enum class Expand : uint8_t {
  inplace,
  panel
};  // where weights are expanded: in the micro-kernel, or into a scratch panel

struct Loops {
  static constexpr int64_t no_limit = INT64_MAX;

  int mr = 1;   // rows of the register tile
  int nr = 64;  // columns of the register tile in each of its streams; divides panel
  int sr = 0;   // streams of the register tile and of its task; divides streams; 0: all of them
  Expand expand = Expand::inplace;
  int kc = 0;     // k per block, which all rows of a task use before the next one: a multiple of kk (dot=i8x2: of 128);
                  // 0: expand=panel: all of k; inplace: no blocks, a register tile goes through all of k
  int mc = 0;     // rows per task, a multiple of mr; 0 for all of m where k is not in blocks
  int split = 0;  // 1: k segments are tasks, whose sums a kernel of its own adds up (not in blocks; equal segments)
  int wm = 1;     // matrix steps: waves of a task over rows, each with a register tile of mr rows
  int wn = 1;     // over channels, each with nr channels of every stream
  int stages =
      1;  // buffers of activations in shared memory, each of kc columns; 2: one is filled while the other is used
  int ahead = 0;     // matrix steps: 1: the operands of the next step are brought and unpacked before each
  int unroll = 1;    // k blocks per iteration of the innermost loop
  int prefetch = 0;  // bytes ahead in the weight stream that are asked for; 0: none
  int spread =
      1;  // register tiles of a task that share that work: 1 where each weight is used once, more where the next
          // block or panel is asked for
  int64_t m_lo = 1;  // the range of m these loops are for (inclusive)
  int64_t m_hi = no_limit;

  /// k in blocks, between which the sums of the task's rows wait in scratch.
  bool is_blocked() const { return expand == Expand::panel || kc != 0; }
  bool operator==(const Loops&) const = default;
};

struct Schedule {
  Layout layout;
  Loops loops;

  int tile_streams() const { return loops.sr == 0 ? layout.streams : loops.sr; }
  bool operator==(const Schedule&) const = default;
};

Result<Schedule> parse_schedule(std::string_view line);
std::string print_schedule(const Schedule& schedule);
std::string print_layout(const Layout& layout);

/// The loops for m of ascending ranges that cover every m.
const Loops& loops_for(const std::vector<Loops>& ranges, int64_t m);

/// ok, or `unsupported` with every reason, joined by "; ".
Result<void> legal(const Problem& problem, const Schedule& schedule, const TargetFacts& target);

}  // namespace tilejit

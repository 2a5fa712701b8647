// The schedule: how a linear layer is tiled. Layout + loops, as one line of text, e.g.
// `panel=128 streams=1 mr=1 nr=128 expand=inplace kc=0 mc=0 unroll=1 prefetch=0 rows=1..1`.
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

/// How packed weights lie in memory: [panels][k blocks][panel channels][kk]: one word per channel holds `kk` weights.
struct Layout {
  int panel = 64;   // channels per panel
  int kk = 8;       // weights per word of a channel: Problem::packed_k
  int streams = 1;  // panels read side by side by one task

  bool operator==(const Layout&) const = default;
};

enum class Expand : uint8_t {
  inplace,
  panel
};  // where weights are expanded: in the micro-kernel, or into a scratch panel

struct Loops {
  static constexpr int64_t no_limit = INT64_MAX;

  int mr = 1;   // rows of the register tile
  int nr = 64;  // columns of the register tile; divides panel
  Expand expand = Expand::inplace;
  int kc = 0;        // expand=panel: k per expanded block (a multiple of kk; 0: all of k)
  int mc = 0;        // rows per task, a multiple of mr; inplace: 0 for all of m
  int split = 0;     // 1: k segments are tasks, whose sums a kernel of its own adds up (inplace; equal segments)
  int unroll = 1;    // k blocks per iteration of the innermost loop
  int prefetch = 0;  // bytes ahead in the weight stream, 0: none
  int64_t m_lo = 1;  // the range of m these loops are for (inclusive)
  int64_t m_hi = no_limit;

  bool operator==(const Loops&) const = default;
};

struct Schedule {
  Layout layout;
  Loops loops;
  bool operator==(const Schedule&) const = default;
};

Result<Schedule> parse_schedule(std::string_view line);
std::string print_schedule(const Schedule& schedule);
std::string print_layout(const Layout& layout);

/// The layout a row uses for a problem when nothing is tuned.
Layout default_layout(const Problem& problem, const TargetFacts& target);
/// The loops for every range of m under a layout, ascending, covering 1..no_limit without holes.
std::vector<Loops> default_loops(const Problem& problem, const Layout& layout, const TargetFacts& target);

/// The default layout with its loops for m rows.
Schedule default_schedule(const Problem& problem, int64_t m, const TargetFacts& target);

/// ok, or `unsupported` with every reason, joined by "; ".
Result<void> legal(const Problem& problem, const Schedule& schedule, const TargetFacts& target);

}  // namespace tilejit

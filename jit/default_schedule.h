// The schedules of a layer that nobody tuned: one layout, and loops for every range of m. They follow from the shape and the
// facts of the target's row alone.
#pragma once

#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

/// The most k, of 128s, whose weights of so many bits take at most `bytes` in the streams of a task, a divisor of k where one is
/// near; 0: all of k fits.
int block_k(const Problem& problem, const Schedule& schedule, int64_t weight_bits, int64_t bytes);
/// In each stream, from the packed words of a block of kc (0: all of k) to those that the task, or the next one, uses after it.
int next_block_bytes(const Problem& problem, const Schedule& schedule);
/// How far ahead each stream of a task asks for weights that it reads once; 0 where the target need not.
int usual_prefetch(const Schedule& schedule, const TargetFacts& target);

/// The layout a row uses for a problem when nothing is tuned.
Layout default_layout(const Problem& problem, const TargetFacts& target);
/// The loops for every range of m under a layout, ascending, covering 1..no_limit without holes.
std::vector<Loops> default_loops(const Problem& problem, const Layout& layout, const TargetFacts& target);

/// The default layout with its loops for m rows.
Schedule default_schedule(const Problem& problem, int64_t m, const TargetFacts& target);

}  // namespace tilejit

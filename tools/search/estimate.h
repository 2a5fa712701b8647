// How long a schedule should take, from the facts of a target alone. `tune` measures in the order of this number; only the
// order counts, and a wrong estimate costs time, never a wrong choice among what is measured.
#pragma once

#include <cstdint>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit::search {

/// Cycles of one call on one core, for a legal schedule.
double estimate_cycles(const Problem& resolved, const Schedule& schedule, const TargetFacts& target, int64_t m);

}  // namespace tilejit::search

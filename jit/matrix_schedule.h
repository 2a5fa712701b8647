// Schedules of matrix steps: when one is legal, and those that a layer has when nobody tuned it. Waves of a task share
// activations through shared memory; packed weights go to registers as they lie.
#pragma once

#include <string>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

/// The matrix step that the problem's dot takes on the target, null where it takes dot steps.
const MatrixStep* matrix_step_of(const Problem& resolved, const TargetFacts& target);

/// Every reason why the schedule is not legal.
std::vector<std::string> matrix_reasons(const Problem& resolved, const Schedule& schedule, const TargetFacts& target);

Layout default_matrix_layout(const Problem& resolved, const MatrixStep& step);
/// Ascending ranges that cover every m.
std::vector<Loops> default_matrix_loops(const Problem& resolved, const Layout& layout, const TargetFacts& target);

/// Bytes of shared memory of a task's activations.
int64_t shared_bytes(const Problem& resolved, const Schedule& schedule);

}  // namespace tilejit

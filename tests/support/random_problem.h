// Random linear layers: problem lines and legal schedules. All of it follows from one seed, so that a failure is reproduced
// by its number. random_weights.h makes the weights.
#pragma once

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"
#include "tests/support/random_numbers.h"

namespace tilejit::test {

/// A problem with m, n and k from 1 to a few hundred that `target` implements; resolved for it. What can_implement refuses is
/// drawn again: a scheme or an epilogue op is reached as soon as the target implements it.
Problem random_problem(const TargetFacts& target, Rng& rng);
/// A schedule that legal() admits.
Schedule random_schedule(const Problem& resolved, const TargetFacts& target, Rng& rng);

}  // namespace tilejit::test

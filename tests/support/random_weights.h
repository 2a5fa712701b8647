// Random weights of a linear layer in every packing that can hold them.
#pragma once

#include <tilejit/weights.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "jit/problem.h"
#include "tests/support/guarded_memory.h"
#include "tests/support/random_numbers.h"

namespace tilejit::test {

/// Weights and the memory they view, each part ending at a guard page.
struct OwnedWeights {
  Weights view;
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  std::vector<int32_t> perm;
};
/// Weights that match the problem, in a random packing that can hold them.
OwnedWeights random_weights(const Problem& problem, Rng& rng);

}  // namespace tilejit::test

// How a random test chooses its seeds, and how a failure says which command repeats it.
#pragma once

#include <cstdint>
#include <string>

namespace tilejit::test {

/// TILEJIT_TEST_CASES when it is set, else `normally`: how many seeds a random test tries.
int test_cases(int normally);
/// TILEJIT_TEST_SEED when it is set, else `normally`: the first seed of a random test.
uint64_t first_seed(uint64_t normally);
/// The command that runs one case again: `TILEJIT_TEST_SEED=7 TILEJIT_TEST_CASES=1 build/.../test_unit --gtest_filter=...`.
std::string reproduction(uint64_t seed);

}  // namespace tilejit::test

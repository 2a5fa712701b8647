// How a random test chooses its seeds, and how a failure says which command repeats it. The environment overrides the test's
// own numbers; what is set but cannot be used fails the test, so that a slip of the pen never passes as a run.
#pragma once

#include <cstdint>
#include <string>

namespace tilejit::test {

/// TILEJIT_TEST_CASES when it is set, else `normally`: how many seeds a random test tries. A setting that is not a number
/// from 1 on fails the test and is 0 cases.
int test_cases(int normally);
/// TILEJIT_TEST_SEED when it is set, else `normally`: the first seed of a random test. A setting that is not a number fails
/// the test.
uint64_t first_seed(uint64_t normally = 1);
/// The command that runs one case again: `TILEJIT_TEST_SEED=7 TILEJIT_TEST_CASES=1 build/.../test_unit --gtest_filter=...`.
std::string reproduction(uint64_t seed);

}  // namespace tilejit::test

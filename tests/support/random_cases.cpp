#include "tests/support/random_cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace tilejit::test {

int test_cases(int normally) {
  const char* text = std::getenv("TILEJIT_TEST_CASES");
  return text == nullptr ? normally : std::atoi(text);
}

uint64_t first_seed(uint64_t normally) {
  const char* text = std::getenv("TILEJIT_TEST_SEED");
  return text == nullptr ? normally : std::strtoull(text, nullptr, 10);
}

std::string reproduction(uint64_t seed) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string test = info == nullptr ? "*" : fmt::format("{}.{}", info->test_suite_name(), info->name());
  return fmt::format("repeat with: TILEJIT_TEST_SEED={} TILEJIT_TEST_CASES=1 {} --gtest_filter='{}'", seed,
                     testing::internal::GetArgvs().front(), test);
}

}  // namespace tilejit::test

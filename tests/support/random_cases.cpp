#include "tests/support/random_cases.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <limits>
#include <string_view>

namespace tilejit::test {
namespace {

/// The number that a variable is set to. Outside lo..hi, or followed by anything, it fails the test and is `refused`.
int64_t setting(const char* variable, int64_t lo, int64_t hi, int64_t normally, int64_t refused) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return normally;
  const std::string_view text = value;
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= lo && number <= hi) return number;
  ADD_FAILURE() << fmt::format("{}='{}' is not a number from {} to {}", variable, text, lo, hi);
  return refused;
}

}  // namespace

int test_cases(int normally) {
  return static_cast<int>(setting("TILEJIT_TEST_CASES", 1, std::numeric_limits<int>::max(), normally, 0));
}

// Seeds end where the last one plus any number of cases is still a uint64_t.
uint64_t first_seed(uint64_t normally) {
  const auto otherwise = static_cast<int64_t>(normally);
  return static_cast<uint64_t>(
      setting("TILEJIT_TEST_SEED", 0, std::numeric_limits<int64_t>::max(), otherwise, otherwise));
}

std::string reproduction(uint64_t seed) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string test = info == nullptr ? "*" : fmt::format("{}.{}", info->test_suite_name(), info->name());
  return fmt::format("repeat with: TILEJIT_TEST_SEED={} TILEJIT_TEST_CASES=1 {} --gtest_filter='{}'", seed,
                     testing::internal::GetArgvs().front(), test);
}

}  // namespace tilejit::test

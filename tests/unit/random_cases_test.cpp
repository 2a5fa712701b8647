#include "tests/support/random_cases.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

namespace tilejit::test {
namespace {

/// Sets or (nullptr) removes a variable, and puts back what it was.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* text = std::getenv(name)) before_ = text;
    set(value);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }

 private:
  void set(const char* value) const { value == nullptr ? unsetenv(name_) : setenv(name_, value, 1); }

  const char* name_;
  std::optional<std::string> before_;
};

TEST(RandomCases, AreTheTestsOwnUnlessSet) {
  const Variable no_cases("TILEJIT_TEST_CASES", nullptr);
  const Variable no_seed("TILEJIT_TEST_SEED", nullptr);
  EXPECT_EQ(test_cases(300), 300);
  EXPECT_EQ(first_seed(), 1u);
  const Variable cases("TILEJIT_TEST_CASES", "17");
  const Variable seed("TILEJIT_TEST_SEED", "0");
  EXPECT_EQ(test_cases(300), 17);
  EXPECT_EQ(first_seed(), 0u);
  const Variable large_seed("TILEJIT_TEST_SEED", "9223372036854775807");
  EXPECT_EQ(first_seed(), 9223372036854775807u);
}

TEST(RandomCases, ASettingThatIsNoNumberFailsTheTest) {
  for (const std::string value : {"", "x", "0x10", "7 ", " 7", "+7", "1e3", "3.5", "-1", "99999999999999999999"}) {
    const Variable cases("TILEJIT_TEST_CASES", value.c_str());
    const Variable seed("TILEJIT_TEST_SEED", value.c_str());
    int count = -1;
    EXPECT_NONFATAL_FAILURE(count = test_cases(300), "TILEJIT_TEST_CASES='" + value + "' is not a number from 1 to ");
    EXPECT_EQ(count, 0);
    EXPECT_NONFATAL_FAILURE(first_seed(), "TILEJIT_TEST_SEED='" + value + "' is not a number from 0 to ");
  }
}

TEST(RandomCases, ACountBelowOneOrTooLargeFailsTheTest) {
  for (const char* value : {"0", "-5", "2147483648"}) {
    const Variable cases("TILEJIT_TEST_CASES", value);
    EXPECT_NONFATAL_FAILURE(test_cases(300), "is not a number from 1 to 2147483647");
  }
}

TEST(RandomCases, AFailureNamesTheCommandOfOneCase) {
  const std::string command = reproduction(7);
  EXPECT_NE(command.find("TILEJIT_TEST_SEED=7 TILEJIT_TEST_CASES=1 "), std::string::npos) << command;
  EXPECT_NE(command.find("--gtest_filter='RandomCases.AFailureNamesTheCommandOfOneCase'"), std::string::npos)
      << command;
}

}  // namespace
}  // namespace tilejit::test

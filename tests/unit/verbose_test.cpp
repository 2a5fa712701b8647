#include "runtime/verbose.h"

#include <gtest/gtest.h>

namespace tilejit {
namespace {

TEST(Verbose, IsAListOfWords) {
  for (const char* words : {"dispatch", "dispatch,", ",dispatch", "other,dispatch"})
    EXPECT_TRUE(names_topic(words, Topic::dispatch, nullptr)) << words;
  for (const char* words : {"", ",", "other", "dispatcher", "no dispatch", "Dispatch"})
    EXPECT_FALSE(names_topic(words, Topic::dispatch, nullptr)) << words;
}

TEST(Verbose, NamesTheFirstUnknownWord) {
  std::string_view unknown;
  EXPECT_TRUE(names_topic("dispatch,loud,louder", Topic::dispatch, &unknown));
  EXPECT_EQ(unknown, "loud");
  unknown = {};
  EXPECT_TRUE(names_topic("dispatch", Topic::dispatch, &unknown));
  EXPECT_EQ(unknown, "");
}

}  // namespace
}  // namespace tilejit

#include "jit/schedule.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "jit/build_linear.h"
#include "jit/default_schedule.h"

namespace tilejit {
namespace {

Problem resolved(const std::string& line) {
  TargetFacts facts;
  facts.has_dot_bf16 = true;
  return *resolve(*parse_problem(line), facts);
}

TEST(Schedule, TextIsAFixedPoint) {
  const std::string line =
      "panel=128 kk=8 streams=2 mr=3 nr=64 expand=panel kc=512 mc=96 unroll=2 prefetch=256 spread=4 rows=5..16";
  EXPECT_EQ(print_schedule(*parse_schedule(line)), line);
  const std::string part =
      "panel=16 kk=8 streams=8 mr=8 nr=16 sr=2 expand=inplace kc=0 mc=0 unroll=1 prefetch=4096 rows=8..8";
  EXPECT_EQ(print_schedule(*parse_schedule(part)), part);
  EXPECT_EQ(parse_schedule("rows=9..*")->loops.m_hi, Loops::no_limit);
}

TEST(Schedule, BadTextIsInvalid) {
  const std::vector<std::pair<std::string, std::string>> rows = {{"mr", "'mr' is not key=value"},
                                                                 {"mr=0", "mr=0 is not an integer from 1 to 256"},
                                                                 {"foo=1", "the key 'foo' is unknown"},
                                                                 {"expand=up", "expand=up may be inplace"},
                                                                 {"rows=4", "rows=4 is not a range"},
                                                                 {"rows=9..3", "is not a range"},
                                                                 {"mr=1 mr=2", "the key 'mr' is given twice"}};
  for (const auto& [line, message] : rows) {
    const Result<Schedule> s = parse_schedule(line);
    ASSERT_FALSE(s.ok()) << line;
    EXPECT_NE(s.error().message.find(message), std::string::npos) << s.error().message;
  }
}

TEST(Schedule, IllegalOnesGiveEveryReason) {
  const Problem p = resolved("w4a16 n=4096 k=4096 g=128");
  const TargetFacts facts;
  const Schedule s = *parse_schedule("panel=72 kk=4 mr=30 nr=48 kc=64");
  const Result<void> verdict = legal(p, s, facts);
  ASSERT_FALSE(verdict.ok());
  EXPECT_EQ(verdict.error().kind, ErrorKind::unsupported);
  for (const char* reason : {"kk=4 is not 8", "panel=72 is not a multiple of 16", "needs 94 vector registers of 32",
                             "nr=48 does not divide panel=72", "mc=0 is not a positive multiple of mr=30"})
    EXPECT_NE(verdict.error().message.find(reason), std::string::npos) << verdict.error().message;
}

TEST(Schedule, ATileTakesAllStreamsOrADivisorOfThem) {
  const auto refusal = [](const std::string& problem, const std::string& schedule) {
    const Result<void> verdict = legal(resolved(problem), *parse_schedule(schedule), TargetFacts{});
    return verdict.ok() ? "" : verdict.error().message;
  };
  const std::string plain = "w4a16 n=4096 k=4096 g=128 dot=fma";
  EXPECT_EQ(refusal(plain, "panel=16 streams=8 mr=8 nr=16 sr=2"), "");
  EXPECT_NE(refusal(plain, "panel=16 streams=8 mr=8 nr=16 sr=3").find("sr=3 does not divide streams=8"),
            std::string::npos);
  EXPECT_NE(refusal(plain, "panel=16 streams=8 mr=8 nr=16").find("streams=8 needs 73 vector registers"),
            std::string::npos);
  EXPECT_NE(refusal(plain + " epilogue=swiglu", "panel=16 streams=8 mr=1 nr=16 sr=1").find("sr=1: swiglu joins pairs"),
            std::string::npos);
}

TEST(Schedule, SegmentsAreTasksOnlyWhereTheyAreAlikeAndWhole) {
  const TargetFacts facts;
  const auto refusal = [&](const std::string& problem, const std::string& schedule) {
    const Result<void> verdict = legal(resolved(problem), *parse_schedule(schedule), facts);
    return verdict.ok() ? std::string() : verdict.error().message;
  };
  const std::string tile = "panel=64 kk=8 mr=2 nr=64 split=1";
  EXPECT_EQ(refusal("w4a16 n=128 k=1024 g=128 ks=4", tile), "");
  EXPECT_NE(print_schedule(*parse_schedule(tile)).find("mc=0 split=1 unroll=1"), std::string::npos);
  EXPECT_NE(refusal("w4a16 n=128 k=1024 g=128 ks=4", tile + " kc=256 mc=4").find("split=1 with expand=inplace kc=256"),
            std::string::npos);
  EXPECT_NE(refusal("w4a16 n=128 k=1024 g=128 ks=3", tile).find("two or more k segments of one length, ks=3"),
            std::string::npos);
}

TEST(Schedule, DefaultsAreLegalAndCoverEveryMWithoutHoles) {
  TargetFacts beside;
  beside.unpacks_beside_dot = true;
  TargetFacts any;
  any.any_tile = true;
  any.lanes = 1;
  TargetFacts ahead;
  ahead.l2_bytes = 2 << 20;
  ahead.prefetch_bytes = 4096;
  for (const TargetFacts& facts : {TargetFacts{}, beside, any, ahead})
    for (const char* line : {"w4a16 n=4096 k=4096 g=128", "w4a16 n=1 k=1", "w4a16 n=100 k=77 g=5 a=f32",
                             "w4a16 n=14336 k=4096 g=32 zp=int", "w4a16 n=4096 k=4096 g=128 dot=i8x2",
                             "w4a8 n=384 k=1536 g=128", "w8a8 n=4096 k=32768", "w8a16 n=64 k=100",
                             "w16a16 n=4096 k=65536", "w4a16 n=8192 k=4096 g=128 epilogue=swiglu"}) {
      const Problem p = resolved(line);
      const Layout layout = default_layout(p, facts);
      int64_t next = 1;
      for (const Loops& loops : default_loops(p, layout, facts)) {
        EXPECT_EQ(loops.m_lo, next) << line;
        const Result<void> verdict = legal(p, {layout, loops}, facts);
        EXPECT_TRUE(verdict.ok()) << line << ": " << verdict.error().message;
        next = loops.m_hi + (loops.m_hi == Loops::no_limit ? 0 : 1);
      }
      EXPECT_EQ(next, Loops::no_limit) << line;
    }
}

TEST(PackedShape, ShortGroupsArePaddedToWholeWords) {
  const PackedShape s = packed_shape(resolved("w4a16 n=70 k=77 g=20"), Layout{.panel = 32, .kk = 8, .streams = 2});
  EXPECT_EQ(s.panels, 4);  // 70 channels need 3 panels, two side by side make it 4
  EXPECT_EQ(s.groups, 4);
  EXPECT_EQ(s.group_blocks, 3);
  EXPECT_EQ(s.blocks, 3 * 3 + 3);
  EXPECT_EQ(s.padded_k, 96);
  EXPECT_EQ(s.pair, 2);
}

}  // namespace
}  // namespace tilejit

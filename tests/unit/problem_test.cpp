#include "jit/problem.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tilejit {
namespace {

TargetFacts zen() {
  TargetFacts facts;
  facts.name = "zen4";
  facts.has_dot_bf16 = facts.prefers_dot_bf16 = true;
  return facts;
}

TEST(Problem, ParsesEveryKey) {
  const Result<Problem> p = parse_problem(
      "w4a16 m=3 n=4096 k=11008 a=bf16 out=f32 g=32 zp=float z=0 s=f16 perm=1 dot=bf16 ks=2 epilogue=bias.bf16+silu "
      "bits=relaxed");
  ASSERT_TRUE(p.ok()) << p.error().message;
  EXPECT_EQ(p->m, 3);
  EXPECT_EQ(p->n, 4096);
  EXPECT_EQ(p->k, 11008);
  EXPECT_EQ(p->out, Type::f32);
  EXPECT_EQ(p->group, 32);
  EXPECT_EQ(p->groups(), 344);
  EXPECT_EQ(p->zp, ZeroDomain::floating);
  EXPECT_EQ(p->zero, 0);
  EXPECT_EQ(p->s, Type::f16);
  EXPECT_TRUE(p->perm);
  EXPECT_EQ(p->dot, Dot::bf16);
  EXPECT_EQ(p->ks, 2);
  EXPECT_EQ(p->bias_type, Type::bf16);
  EXPECT_EQ(p->epilogue, (std::vector{Epilogue::bias, Epilogue::silu}));
  EXPECT_EQ(p->bits, Bits::relaxed);
}

TEST(Problem, CanonicalLineIsAFixedPointAndLeavesDefaultsOut) {
  const std::string line = "w4a16 m=* n=64 k=100 a=f16 g=16 zp=int s=bf16 epilogue=bias.f16";
  EXPECT_EQ(
      print_problem(*parse_problem("w4a16   k=100 n=64 g=16 a=f16 out=f16 zp=int s=bf16 ks=auto epilogue=bias.f16")),
      line);
  EXPECT_EQ(*parse_problem(line), *parse_problem(print_problem(*parse_problem(line))));
  EXPECT_EQ(print_problem(*parse_problem("w4a16 n=1 k=1 z=8 zp=none dot=auto bits=exact")), "w4a16 m=* n=1 k=1 a=bf16");
}

TEST(Problem, BadLinesSayWhatWhereAndWhatWouldWork) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"", "the line is empty"},
      {"w5a16 n=1 k=1", "scheme=w5a16 is unknown; it may be w4a16"},
      {"w4a16 n=8", "k is missing"},
      {"w4a16 n=8 k=0", "k=0 is not an integer from 1"},
      {"w4a16 n=8 k=-3", "k=-3 is not an integer from 1"},
      {"w4a16 n=8 k=99999999999999999999", "is not an integer from 1"},
      {"w4a16 n=8 k=8 m=0", "m=0 is not an integer from 1"},
      {"w4a16 n=8 k=8 q=1", "the key 'q' is unknown; keys are m, n, k"},
      {"w4a16 n=8 k=8 n=9", "the key 'n' is given twice"},
      {"w4a16 n=8 k=8 fast", "'fast' is not key=value"},
      {"w4a16 n=8 k=8 a=f64", "a=f64 is unknown; it may be bf16, f16, f32"},
      {"w4a16 n=8 k=8 g=0", "g=0 is not an integer from 1"},
      {"w4a16 n=8 k=8 a=f16 dot=bf16", "dot=bf16 needs a=bf16"},
      {"w8a8 n=8 k=8 dot=fma", "w8a8 has dot=i8 only"},
      {"w4a16 n=8 k=8 zp=int z=3", "z=3 with zp=int"},
      {"w4a16 n=8 k=8 z=17", "z=17 is over 2^4"},
      {"w4a16 n=8 k=256 g=128 ks=3", "ks=3 is more than the 2 groups"},
      {"w4a16 n=8 k=129 ks=3", "ks=3 is more than the 2 units of 128"},
      {"w4a16 n=8 k=8 epilogue=bias+bias", "epilogue names bias twice"},
      {"w4a16 n=8 k=8 epilogue=swish", "epilogue=swish is unknown"},
      {"w4a16 n=8 k=8 epilogue=swiglu+bias", "bias[n] stands before swiglu"},
      {"w4a16 n=7 k=8 epilogue=swiglu", "swiglu needs an even n, not n=7"},
      {"w16a16 n=7 k=8 g=4", "w16a16 has no scales, groups"},
      {"w4a16 n=1073741824 k=1073741824", "is over 2^40 weights"},
  };
  for (const auto& [line, message] : rows) {
    const Result<Problem> p = parse_problem(line);
    ASSERT_FALSE(p.ok()) << line;
    EXPECT_EQ(p.error().kind, ErrorKind::invalid) << line;
    EXPECT_NE(p.error().message.find(message), std::string::npos) << line << "\n" << p.error().message;
  }
}

TEST(Problem, AutoDotIsAFactOfTheRowAndNeverOfM) {
  TargetFacts spr = zen();
  spr.prefers_dot_bf16 = false;
  for (const char* m : {"1", "256", "*"}) {
    const Problem p = *parse_problem(std::string("w4a16 n=64 k=64 a=bf16 m=") + m);
    EXPECT_EQ(resolve(p, zen())->dot, Dot::bf16);
    EXPECT_EQ(resolve(p, spr)->dot, Dot::fma);
    EXPECT_EQ(resolve(p, spr)->ks, 1);
  }
  spr.prefers_dot_i8x2 = true;
  EXPECT_EQ(resolve(*parse_problem("w4a16 n=64 k=64 a=bf16"), spr)->dot, Dot::i8x2);
  EXPECT_EQ(resolve(*parse_problem("w8a16 n=64 k=64 a=f32 out=bf16"), spr)->dot, Dot::i8x2);
  EXPECT_EQ(resolve(*parse_problem("w4a16 n=64 k=64 a=bf16 out=f32"), spr)->dot, Dot::fma);
  EXPECT_EQ(resolve(*parse_problem("w16a16 n=64 k=64 a=bf16"), spr)->dot, Dot::fma);
  EXPECT_EQ(resolve(*parse_problem("w4a16 n=64 k=64 a=f16"), zen())->dot, Dot::fma);
}

TEST(Problem, RefusalNamesTheConditionAndALineThatRuns) {
  TargetFacts plain;
  plain.name = "avx512";
  for (const char* line :
       {"w8a8 n=64 k=300000 g=128", "w4a8 n=64 k=1073741824 g=128", "w4a16 n=64 k=1000000000 ks=100 dot=bf16",
        "w4a16 n=64 k=2560 g=128 ks=19 dot=mma", "w8a8 n=64 k=64 g=32", "w8a8 n=64 k=200000",
        "w4a8 n=64 k=6000000 g=4000000", "w4a16 n=64 k=64 dot=bf16", "w4a16 n=64 k=64 dot=mma",
        "w4a16 n=1 k=268435456 g=1", "w4a16 n=1 k=5000 g=100 ks=40"}) {
    const Result<void> refusal = can_implement(*parse_problem(line), plain);
    ASSERT_FALSE(refusal.ok()) << line;
    EXPECT_EQ(refusal.error().kind, ErrorKind::unsupported);
    const std::string& message = refusal.error().message;
    const size_t quote = message.find('\'');
    ASSERT_NE(quote, std::string::npos) << message;
    const Result<Problem> nearest = parse_problem(message.substr(quote + 1, message.rfind('\'') - quote - 1));
    ASSERT_TRUE(nearest.ok()) << message;
    EXPECT_TRUE(can_implement(*nearest, plain).ok()) << message;
  }
}

}  // namespace
}  // namespace tilejit

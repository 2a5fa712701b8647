// Which of the weights that come later the gemm of a linear layer asks for.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "jit/build_linear.h"
#include "jit/default_schedule.h"

namespace tilejit {
namespace {

/// The prefetches of the gemm's text: each is one cache line in each iteration of a loop over words.
std::vector<ir::Instr> prefetches(const std::string& problem, const std::string& schedule) {
  const Problem resolved = *resolve(*parse_problem(problem), TargetFacts{});
  std::vector<ir::Instr> found;
  const ir::Program program = build_linear(resolved, *parse_schedule(schedule));
  for (const ir::Instr& instr : program.kernels[1].body)
    if (instr.op == ir::Op::prefetch) found.push_back(instr);
  return found;
}

TEST(LinearPrefetch, OneTileAsksForEveryLineOfItsWordALittleAhead) {
  const auto found = prefetches("w8a8 n=256 k=512", "panel=64 kk=4 mr=1 nr=64 prefetch=4096");
  ASSERT_EQ(found.size(), 4u);  // 64 channels of 4 bytes
  for (const ir::Instr& instr : found) EXPECT_EQ(instr.imm, 1);
}

TEST(LinearPrefetch, ManyTilesShareTheLinesOfTheNextPanel) {
  const std::string line = "w8a8 n=256 k=512";
  const std::string tile = "panel=64 kk=4 mr=6 nr=64 prefetch=32768 ";  // a panel: 512 bytes for each of 64 channels
  EXPECT_EQ(prefetches(line, tile + "spread=2").size(), 2u);            // half of the four lines of a word
  EXPECT_EQ(prefetches(line, tile + "spread=4").size(), 1u);
  EXPECT_EQ(prefetches(line, tile + "spread=16 unroll=4").size(), 1u);  // 16 lines in an iteration
  EXPECT_EQ(prefetches(line, tile + "spread=8 unroll=4").size(), 2u);
  for (const ir::Instr& instr : prefetches(line, tile + "spread=4")) EXPECT_EQ(instr.imm, 2);
}

TEST(LinearPrefetch, ColumnTilesShareThePanelsLines) {
  EXPECT_EQ(prefetches("w8a8 n=256 k=512", "panel=64 kk=4 mr=8 nr=32 prefetch=4096").size(), 2u);
}

TEST(LinearPrefetch, BlocksOfKAskForTheNextBlock) {
  const std::string rows = " mr=6 mc=96 unroll=4 prefetch=8192 spread=16";
  EXPECT_EQ(prefetches("w8a8 n=256 k=512", "panel=64 kk=4 nr=64 kc=128" + rows).size(), 1u);
  EXPECT_EQ(prefetches("w4a8 n=256 k=512 g=128", "panel=64 kk=8 nr=64 expand=panel kc=256" + rows).size(), 1u);
  EXPECT_EQ(prefetches("w4a8 n=256 k=512 g=128", "panel=64 kk=8 nr=64 expand=panel kc=256 mc=96 mr=6").size(), 0u);
}

/// A block that does not divide k has a last one of other length: its loop takes single words, and asks for one at a time.
TEST(LinearPrefetch, ALoopThatIsNotUnrolledAsksForOneWord) {
  EXPECT_EQ(
      prefetches("w8a8 n=256 k=512", "panel=64 kk=4 nr=64 mr=6 mc=96 kc=384 unroll=4 prefetch=24576 spread=4").size(),
      1u);
}

TEST(LinearPrefetch, DefaultBlocksOfADeepLayerAreOfOneLength) {
  TargetFacts facts;
  facts.prefetch_bytes = 4096;
  const Problem problem = *resolve(*parse_problem("w16a16 n=4096 k=14336 dot=fma"), facts);
  const Loops last = default_loops(problem, default_layout(problem, facts), facts).back();
  EXPECT_GT(last.kc, 0);
  EXPECT_EQ(problem.k % last.kc, 0);
  EXPECT_EQ(last.unroll, 4);
}

}  // namespace
}  // namespace tilejit

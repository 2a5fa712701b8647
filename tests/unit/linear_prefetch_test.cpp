// Which of the weights that come later the gemm of a linear layer asks for.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "jit/build_linear.h"

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
  const auto found = prefetches("w8a8 n=256 k=512", "panel=64 kk=4 mr=1 nr=64 prefetch=4096 rows=1..1");
  ASSERT_EQ(found.size(), 4u);  // 64 channels of 4 bytes
  for (const ir::Instr& instr : found) EXPECT_EQ(instr.imm, 1);
}

TEST(LinearPrefetch, ManyTilesShareTheLinesOfTheNextPanel) {
  const std::string line = "w8a8 n=256 k=512";
  const std::string tile = "panel=64 kk=4 mr=6 nr=64 prefetch=32768 ";  // a panel: 512 bytes for each of 64 channels
  EXPECT_EQ(prefetches(line, tile + "rows=7..12").size(), 2u);          // half of the four lines of a word
  EXPECT_EQ(prefetches(line, tile + "rows=19..*").size(), 1u);
  EXPECT_EQ(prefetches(line, tile + "rows=96..* unroll=4").size(), 1u);  // 16 lines in an iteration, 16 tiles
  EXPECT_EQ(prefetches(line, tile + "rows=48..* unroll=4").size(), 2u);
  EXPECT_EQ(prefetches(line, tile + "rows=96..* unroll=4 mc=48").size(), 2u);  // tiles of one task alone
  for (const ir::Instr& instr : prefetches(line, tile + "rows=19..*")) EXPECT_EQ(instr.imm, 2);
}

TEST(LinearPrefetch, ColumnTilesShareThePanelsLines) {
  const auto found = prefetches("w8a8 n=256 k=512", "panel=64 kk=4 mr=8 nr=32 prefetch=4096 rows=8..8");
  EXPECT_EQ(found.size(), 2u);
}

TEST(LinearPrefetch, BlocksOfKAskForTheNextBlock) {
  const std::string rows = " mr=6 mc=96 prefetch=8192 rows=96..*";
  EXPECT_EQ(prefetches("w8a8 n=256 k=512", "panel=64 kk=4 nr=64 kc=128 unroll=4" + rows).size(), 1u);
  EXPECT_EQ(prefetches("w4a8 n=256 k=512 g=128", "panel=64 kk=8 nr=64 expand=panel kc=256 unroll=4" + rows).size(), 1u);
  EXPECT_EQ(prefetches("w4a8 n=256 k=512 g=128", "panel=64 kk=8 nr=64 expand=panel kc=256 mc=96 mr=6").size(), 0u);
}

}  // namespace
}  // namespace tilejit

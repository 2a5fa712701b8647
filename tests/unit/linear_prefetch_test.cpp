// Which of the weights that come later the gemm of a linear layer asks for.
#include <gtest/gtest.h>

#include <array>
#include <map>
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

/// The value of an index where all variables are 0 but two.
int64_t at(const ir::Affine& index, ir::Value a, int64_t a_value, ir::Value b, int64_t b_value) {
  return index.constant() + index.coef_of(a) * a_value + index.coef_of(b) * b_value;
}

/// The last loop of this name.
ir::Value loop_named(const ir::Kernel& kernel, const std::string& name) {
  ir::Value found = ir::Value::none;
  for (size_t v = 0; v < kernel.values.size(); ++v)
    if (kernel.values[v].name == name) found = static_cast<ir::Value>(v);
  return found;
}

/// Tiles that share the next task's panels ask together for each of their cache lines, and for nothing else.
void expect_all_lines_once(const std::string& schedule_line, int64_t tiles, int64_t unroll) {
  const Problem problem = *resolve(*parse_problem("w8a8 n=1024 k=512"), TargetFacts{});
  const Schedule schedule = *parse_schedule(schedule_line);
  const ir::Kernel gemm = build_linear(problem, schedule).kernels[1];
  const ir::Value tile = loop_named(gemm, "b");
  const ir::Value word = loop_named(gemm, "k");
  constexpr int64_t words = 512 / 4;
  std::map<int64_t, int> lines;  // of 64 bytes
  for (const ir::Instr& instr : gemm.body) {
    if (instr.op != ir::Op::prefetch) continue;
    for (int64_t t = 0; t < tiles; ++t)
      for (int64_t k = 0; k < words; k += unroll) {
        int64_t bytes = 0;
        const std::array<int64_t, 4> extents = {0, words, schedule.layout.panel, 4};
        for (size_t d = 0; d < 4; ++d) bytes = bytes * extents[d] + at(instr.slices[d].start, tile, t, word, k);
        ++lines[bytes / 64];
      }
  }
  const int64_t panels = schedule.tile_streams();
  const int64_t task = panels * words * schedule.layout.panel * 4 / 64;
  EXPECT_EQ(static_cast<int64_t>(lines.size()), task) << schedule_line;
  EXPECT_EQ(lines.begin()->first, task) << "the first line of the next task";
  EXPECT_EQ(lines.rbegin()->first, 2 * task - 1);
  for (const auto& [line, times] : lines) EXPECT_EQ(times, 1) << line;
}

TEST(LinearPrefetch, TilesShareTheNextPanelsOfAllTheirStreams) {
  expect_all_lines_once("panel=64 kk=4 nr=64 mr=4 unroll=4 prefetch=32768 spread=16", 16, 4);
  expect_all_lines_once("panel=16 kk=4 streams=4 nr=16 mr=4 unroll=4 prefetch=32768 spread=16", 16, 4);
  expect_all_lines_once("panel=16 kk=4 streams=8 nr=16 sr=2 mr=8 unroll=1 prefetch=16384 spread=2", 2, 1);
  expect_all_lines_once("panel=16 kk=4 streams=8 nr=16 sr=4 mr=6 mc=96 expand=panel unroll=4 prefetch=32768 spread=16",
                        16, 4);
}

TEST(LinearPrefetch, OneTileAsksForTheNextInSeveralPlaces) {
  const std::string tile = "panel=16 kk=4 streams=8 nr=16 mr=8 unroll=4 ";
  expect_all_lines_once(tile + "sr=2 prefetch=16384", 1, 4);
  expect_all_lines_once(tile + "sr=1 prefetch=8192", 1, 4);
  const auto found = prefetches("w8a8 n=1024 k=512", tile + "sr=2 prefetch=16384");
  ASSERT_EQ(found.size(), 8u);
  for (size_t i = 1; i < found.size(); ++i)  // columns from one place to the next: an eighth of 16384 bytes
    EXPECT_EQ(found[i].slices[2].start.constant() - found[i - 1].slices[2].start.constant(), 2048 / 4);
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

// The cycle estimate of steady loops, on traces that are small enough to count by hand.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <vector>

#include "targets/amdgpu/emulator/cycles.h"

namespace tilejit::amdgpu::emulator {
namespace {

using Loop = std::vector<Step>;

CycleModel model_of(const char* name) { return cycle_model(*find_gpu_row(name)); }

CycleEstimate estimate(const CycleModel& model, const Loop& loop, const Residency& residency = {}) {
  Result<CycleEstimate> result = estimate_cycles(model, loop, residency);
  EXPECT_TRUE(result.ok()) << result.error().message;
  return result.ok() ? *result : CycleEstimate{};
}

/// `count` copies of a step appended.
Loop& add(Loop& loop, int count, const Step& step) {
  loop.insert(loop.end(), static_cast<size_t>(count), step);
  return loop;
}
Step wait_for(Outstanding counter, int at_most) {
  Step step;
  step.at_most[static_cast<size_t>(counter)] = at_most;
  return step;
}

TEST(AmdgpuCycles, OneWaveOfCdnaIssuesEveryFourthClock) {
  const CycleModel model = model_of("gfx942");
  Loop loop;
  EXPECT_DOUBLE_EQ(estimate(model, add(loop, 5, valu_step(model))).clocks, 20);
  EXPECT_DOUBLE_EQ(estimate(model, add(loop, 3, scalar_step(model))).clocks, 32);
  EXPECT_DOUBLE_EQ(estimate(model, add(loop, 1, nop_step(model, 4))).clocks, 52);
}

// A matrix instruction of 16 clocks leaves room for three of VALU.
TEST(AmdgpuCycles, ValuHidesBehindMatrixUntilItIsMore) {
  const CycleModel model = model_of("gfx942");
  Loop loop = {matrix_step(16)};
  const CycleEstimate full = estimate(model, add(loop, 3, valu_step(model)));
  EXPECT_DOUBLE_EQ(full.clocks, 16);
  EXPECT_DOUBLE_EQ(full.matrix_share(), 1);
  EXPECT_EQ(full.limit(), "");
  const CycleEstimate more = estimate(model, add(loop, 1, valu_step(model)));
  EXPECT_DOUBLE_EQ(more.clocks, 20);
  EXPECT_DOUBLE_EQ(more.matrix_share(), 0.8);
  EXPECT_EQ(more.limit(), "VALU instructions");
  EXPECT_DOUBLE_EQ(more.idle.front().second, 0.2);
}

// One wave issues five instructions in 20 clocks; two of them keep both ports busy for the same 32.
TEST(AmdgpuCycles, WavesOverlap) {
  const CycleModel model = model_of("gfx942");
  Loop loop = {matrix_step(16)};
  add(loop, 4, valu_step(model));
  EXPECT_DOUBLE_EQ(estimate(model, loop, {.waves = 1}).clocks, 20);
  const CycleEstimate two = estimate(model, loop, {.waves = 2});
  EXPECT_DOUBLE_EQ(two.clocks, 32);
  EXPECT_DOUBLE_EQ(two.matrix_share(), 1);
  EXPECT_DOUBLE_EQ(two.busy[static_cast<size_t>(Port::valu)], 1);
  add(loop, 4, valu_step(model));
  EXPECT_DOUBLE_EQ(estimate(model, loop, {.waves = 2}).clocks, 64);  // 2 * 8 VALU instructions
}

// The oldest wave goes first: the other one makes its steps while the oldest waits. Taking turns both would wait at once.
TEST(AmdgpuCycles, WavesDriftApart) {
  const CycleModel model = model_of("gfx942");
  Loop loop;
  add(loop, 3, lds_step(model, 1024));
  loop.push_back(wait_for(Outstanding::lds, 0));
  add(loop, 16, matrix_step(16));
  const double alone = estimate(model, loop, {.waves = 1}).matrix_share();
  EXPECT_LT(alone, 0.65);
  EXPECT_GT(estimate(model, loop, {.waves = 2}).matrix_share(), 0.9);
}

TEST(AmdgpuCycles, WmmaAndValuShareThePortOfRdna) {
  const CycleModel model = model_of("gfx1100");
  Loop loop = {matrix_step(32)};
  add(loop, 8, valu_step(model));
  for (const int waves : {1, 2, 4}) {
    const CycleEstimate e = estimate(model, loop, {.waves = waves});
    EXPECT_DOUBLE_EQ(e.clocks, 40.0 * waves);
    EXPECT_DOUBLE_EQ(e.matrix_share(), 0.8);
    EXPECT_EQ(e.limit(), "VALU instructions");
  }
}

TEST(AmdgpuCycles, DependentInstructionsWaitForLatency) {
  const CycleModel model = model_of("gfx1100");
  Step dependent = valu_step(model);
  dependent.needs = {1};
  Loop loop;
  add(loop, 4, dependent);
  EXPECT_DOUBLE_EQ(estimate(model, loop).clocks, 20);                // five clocks each
  EXPECT_DOUBLE_EQ(estimate(model, loop, {.waves = 5}).clocks, 20);  // hidden by other waves
  EXPECT_DOUBLE_EQ(estimate(model, loop, {.waves = 10}).clocks, 40);
}

TEST(AmdgpuCycles, LoadsAreWaitedFor) {
  CycleModel model = model_of("gfx942");
  model.memory_latency = 100;
  const Step load = load_step(model, 64);  // 4 clocks of its path
  const Loop loop = {load, wait_for(Outstanding::loads, 0), matrix_step(16)};
  // load at 0, its data at 104, then the wait and the matrix instruction, and the next load four clocks on.
  const CycleEstimate now = estimate(model, loop);
  EXPECT_DOUBLE_EQ(now.clocks, 112);
  EXPECT_EQ(now.limit(), "loads");
  // One load ahead: each is waited for a round later.
  const CycleEstimate ahead = estimate(model, {load, wait_for(Outstanding::loads, 1), matrix_step(16)});
  EXPECT_DOUBLE_EQ(ahead.clocks, 56);
  // Waves hide it: seven of them have a matrix instruction each in 112 clocks.
  EXPECT_DOUBLE_EQ(estimate(model, loop, {.waves = 8}).matrix_share(), 1);
}

TEST(AmdgpuCycles, DataPathsLimit) {
  CycleModel model = model_of("gfx942");
  const Step read = lds_step(model, 1024);  // 32 clocks: a quarter of 128 bytes a clock
  EXPECT_EQ(read.transfer, 32);
  EXPECT_EQ(lds_step(model, 1024, 1024).transfer, 64);
  Loop loop;
  add(loop, 4, read);
  loop.push_back(wait_for(Outstanding::lds, 0));
  loop.push_back(matrix_step(16));
  const CycleEstimate e = estimate(model, loop, {.waves = 8});
  EXPECT_DOUBLE_EQ(e.clocks, 8 * 4 * 32.0);
  EXPECT_DOUBLE_EQ(e.busy[static_cast<size_t>(Port::lds)], 1);
  EXPECT_EQ(e.limit(), "LDS results");
}

TEST(AmdgpuCycles, BarriersHoldAGroupTogether) {
  const CycleModel model = model_of("gfx942");
  Step barrier;
  barrier.meeting = Meeting::both;
  const Loop loop = {matrix_step(32), barrier};
  // The second wave's matrix instruction ends 64 clocks after the first one began; then both pass.
  const CycleEstimate e = estimate(model, loop, {.waves = 2, .waves_per_group = 2});
  EXPECT_DOUBLE_EQ(e.clocks, 64);
  EXPECT_DOUBLE_EQ(e.matrix_share(), 1);
  const CycleEstimate alone = estimate(model, loop, {.waves = 1, .waves_per_group = 1});
  EXPECT_DOUBLE_EQ(alone.clocks, 32);
}

TEST(AmdgpuCycles, ABarrierInHalves) {
  const CycleModel model = model_of("gfx1201");
  Step arrive, wait;
  arrive.meeting = Meeting::arrive;
  wait.meeting = Meeting::wait;
  const CycleEstimate e = estimate(model, {arrive, matrix_step(16), wait}, {.waves = 2, .waves_per_group = 2});
  EXPECT_DOUBLE_EQ(e.matrix_share(), 32 / e.clocks);
  const Result<CycleEstimate> stuck = estimate_cycles(model, Loop{wait}, {.waves = 2, .waves_per_group = 2});
  ASSERT_FALSE(stuck.ok());
  EXPECT_EQ(stuck.error().message, "cycle estimate: every wave of the loop waits for ever");
}

TEST(AmdgpuCycles, WhatIsNoLoopIsInvalid) {
  const CycleModel model = model_of("gfx942");
  EXPECT_FALSE(estimate_cycles(model, Loop{}, {}).ok());
  EXPECT_FALSE(estimate_cycles(model, Loop{valu_step(model)}, {.waves = 0}).ok());
  Step needs_itself = valu_step(model);
  needs_itself.needs = {0};
  EXPECT_FALSE(estimate_cycles(model, Loop{needs_itself}, {}).ok());
}

// The shape of a prefill loop: 32 matrix instructions of 16 clocks, 131 of VALU, 4 of LDS. One wave issues them in
// turns of four clocks, 668 against 512 of matrix work; two waves share 1,048 clocks of VALU for 1,024 of matrix work.
TEST(AmdgpuCycles, APrefillLoopIsBoundByIssueThenByValu) {
  const CycleModel model = model_of("gfx942");
  Loop loop;
  for (int i = 0; i < 32; ++i) {
    loop.push_back(matrix_step(16));
    add(loop, i < 3 ? 5 : 4, valu_step(model));
    if (i % 8 == 0) loop.push_back(lds_step(model, 1024));
  }
  loop.push_back(wait_for(Outstanding::lds, 0));
  const CycleEstimate one = estimate(model, loop), two = estimate(model, loop, {.waves = 2});
  EXPECT_LT(one.matrix_share(), 512.0 / ((32 + 131 + 4) * 4));
  EXPECT_GT(one.matrix_share(), 0.7);
  EXPECT_GT(two.matrix_share(), 0.95);
  EXPECT_LE(two.matrix_share(), 1024.0 / (2 * 131 * 4));
  EXPECT_EQ(two.limit(), "VALU instructions");
}

}  // namespace
}  // namespace tilejit::amdgpu::emulator

#endif

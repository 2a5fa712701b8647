// What is counted of kernels, on loops that are small enough to count by hand.
#ifdef TILEJIT_HAVE_AMDGPU

#include "targets/amdgpu/profile.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "targets/amdgpu/emulator/program.h"
#include "targets/targets.h"
#include "tests/unit/assemble_amdgpu.h"

namespace tilejit::amdgpu {
namespace {

/// The first workgroup, of `waves` waves.
Result<TaskProfile> profile_of(const testing::AssembledKernel& kernel, int waves) {
  const emulator::Emulator machine = TRY(testing::load_assembled(kernel));
  const std::vector<uint8_t> kernarg(kernel.kernarg_bytes);
  emulator::Launch launch;
  launch.size = {static_cast<uint32_t>(waves * machine.program().wave), 1, 1};
  launch.kernarg = kernarg;
  launch.detail = emulator::Detail::trace;
  const emulator::Outcome outcome = TRY(machine.run_workgroup(launch));
  if (!outcome.reports.empty()) return invalid(emulator::describe(outcome.reports.front()));
  return profile(machine.program(), outcome, waves);
}

std::map<std::string, double> by_name(const std::vector<NamedNumber>& numbers) {
  std::map<std::string, double> map;
  for (const NamedNumber& one : numbers) map[one.name] = one.value;
  return map;
}

// 16 rounds of: two matrix instructions of 16 clocks, six of VALU, a read of LDS with conflicts, a wait and one more that finds
// nothing.
constexpr const char* mfma_loop = R"(
  v_mov_b32 v20, 0
  v_mov_b32 v21, 0
  v_lshlrev_b32 v1, 3, v0
  v_accvgpr_write_b32 a0, v20
  v_accvgpr_write_b32 a1, v20
  v_accvgpr_write_b32 a2, v20
  v_accvgpr_write_b32 a3, v20
  ds_write_b32 v1, v20
  s_mov_b32 s4, 16
  s_waitcnt lgkmcnt(0)
again:
  ds_read_b32 v4, v1
  v_mfma_f32_16x16x16_f16 a[0:3], v[20:21], v[20:21], a[0:3]
  v_add_u32 v8, v20, v21
  v_add_u32 v9, v20, v21
  v_add_u32 v10, v20, v21
  v_mfma_f32_16x16x16_f16 a[0:3], v[20:21], v[20:21], a[0:3]
  v_add_u32 v11, v20, v21
  v_add_u32 v12, v20, v21
  v_add_u32 v13, v20, v21
  s_waitcnt lgkmcnt(0)
  s_waitcnt vmcnt(0)
  s_sub_u32 s4, s4, 1
  s_cmp_lg_u32 s4, 0
  s_cbranch_scc1 again
)";

TEST(AmdgpuProfile, CountsAnIterationOfAMatrixLoop) {
  const auto task = profile_of({.body = mfma_loop, .vgprs = 24, .agprs = 8, .lds_bytes = 512}, 1);
  ASSERT_TRUE(task) << task.error().message;
  ASSERT_TRUE(task->steady_loop);
  const LoopProfile& loop = *task->steady_loop;
  EXPECT_EQ(loop.iterations, 16);
  auto count = by_name(loop.counts);
  EXPECT_EQ(count["instructions"], 14);
  EXPECT_EQ(count["matrix"], 2);
  EXPECT_EQ(count["matrix_clocks"], 32);
  EXPECT_EQ(count["valu"], 6);
  EXPECT_EQ(count["salu"], 2);
  EXPECT_EQ(count["branches"], 1);
  EXPECT_EQ(count["lds"], 1);
  EXPECT_EQ(count["lds_bytes_read"], 256);
  EXPECT_EQ(count["lds_conflict_clocks"], 2);  // 32 lanes read every other one of 32 banks, twice
  EXPECT_EQ(count["waits"], 2);
  EXPECT_EQ(count["redundant_waits"], 1);
  auto whole = by_name(task->counts);
  EXPECT_EQ(whole["matrix"], 32);
  EXPECT_EQ(whole["lds_bytes_written"], 256);
  EXPECT_EQ(whole["instructions"], 10 + 16 * 14 + 1);
  EXPECT_NEAR(loop.share, 16 * 14 / (10 + 16 * 14 + 1.0), 1e-12);
}

// Eight waves of a SIMD hide each other: each has 32 clocks of matrix work and 24 of VALU.
TEST(AmdgpuProfile, EstimatesTheShareOfTheMatrixUnit) {
  const auto task = profile_of({.body = mfma_loop, .vgprs = 24, .agprs = 8, .lds_bytes = 2048}, 4);
  ASSERT_TRUE(task) << task.error().message;
  ASSERT_TRUE(task->steady_loop);
  EXPECT_EQ(task->waves, 4);
  EXPECT_EQ(task->steady_loop->iterations, 64);
  EXPECT_EQ(by_name(task->steady_loop->counts)["matrix"], 2);
  const SlotEstimate& e = task->steady_loop->estimate;
  EXPECT_GT(e.waves, 1);
  EXPECT_GT(e.matrix_share, 0.95);
  EXPECT_NEAR(e.clocks, 32.0 * e.waves / e.matrix_share, 1e-6 * e.clocks);
  auto busy = by_name(e.busy);
  EXPECT_EQ(busy["matrix"], e.matrix_share);
  EXPECT_NEAR(busy["valu"], 0.75 * e.matrix_share, 0.01);
}

// WMMA and VALU share the port of RDNA: 32 clocks and 8 of 40.
TEST(AmdgpuProfile, WmmaShares) {
  const auto task = profile_of({.target = "gfx1100",
                                .body = R"(
  v_mov_b32 v20, 0
  v_mov_b32 v21, 0
  v_mov_b32 v22, 0
  v_mov_b32 v23, 0
  v_mov_b32 v24, 0
  v_mov_b32 v25, 0
  v_mov_b32 v26, 0
  v_mov_b32 v27, 0
  v_mov_b32 v0, 0
  v_mov_b32 v1, 0
  v_mov_b32 v2, 0
  v_mov_b32 v3, 0
  v_mov_b32 v4, 0
  v_mov_b32 v5, 0
  v_mov_b32 v6, 0
  v_mov_b32 v7, 0
  s_mov_b32 s4, 6
again:
  v_wmma_f32_16x16x16_f16 v[0:7], v[20:27], v[20:27], v[0:7]
  v_add_nc_u32 v10, v20, v21
  v_add_nc_u32 v11, v20, v21
  v_add_nc_u32 v12, v20, v21
  v_add_nc_u32 v13, v20, v21
  v_add_nc_u32 v14, v20, v21
  v_add_nc_u32 v15, v20, v21
  v_add_nc_u32 v16, v20, v21
  v_add_nc_u32 v17, v20, v21
  s_sub_u32 s4, s4, 1
  s_cmp_lg_u32 s4, 0
  s_cbranch_scc1 again
)",
                                .vgprs = 32},
                               1);
  ASSERT_TRUE(task) << task.error().message;
  ASSERT_TRUE(task->steady_loop);
  auto count = by_name(task->steady_loop->counts);
  EXPECT_EQ(count["matrix"], 1);
  EXPECT_EQ(count["matrix_clocks"], 32);
  EXPECT_EQ(count["valu"], 8);
  EXPECT_NEAR(task->steady_loop->estimate.matrix_share, 0.8, 0.03);
  ASSERT_FALSE(task->steady_loop->estimate.waiting.empty());
  EXPECT_EQ(task->steady_loop->estimate.waiting.front().name, "VALU instructions");
}

TEST(AmdgpuProfile, CodeWithoutALoopHasNone) {
  const auto task = profile_of({.body = "v_mov_b32 v1, 0\nv_mov_b32 v2, 0"}, 2);
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_FALSE(task->steady_loop);
  EXPECT_EQ(by_name(task->counts)["valu"], 4);
  EXPECT_EQ(by_name(task->counts)["instructions"], 6);
}

TEST(AmdgpuProfile, TargetsWithoutACountingEmulatorSayTheyHaveNone) {
  const Target& target = **find_target("zen4");
  const auto task = target.profile({}, {}, nullptr, 1, nullptr);
  ASSERT_FALSE(task);
  EXPECT_EQ(task.error().message, "target zen4 has no emulator that counts");
}

}  // namespace
}  // namespace tilejit::amdgpu

#endif

// Whole kernels on the AMDGPU emulator: several workgroups and waves, LDS, barriers, loops, scratch, matrix instructions.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"
#include "tests/unit/assemble_amdgpu.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;

struct Buffers {
  std::vector<uint32_t> in;
  std::vector<uint32_t> out;
};

/// Runs `groups` workgroups of `items` workitems with the addresses of both buffers as arguments.
Counts run_groups(const AssembledKernel& kernel, Buffers& b, uint32_t groups, uint32_t items, uint64_t seed) {
  Counts counts;
  const auto emulator = load_assembled(kernel);
  EXPECT_TRUE(emulator.ok()) << emulator.error().message;
  if (!emulator.ok()) return counts;
  const std::array<uint64_t, 8> arguments = {reinterpret_cast<uint64_t>(b.in.data()),
                                             reinterpret_cast<uint64_t>(b.out.data())};
  const std::vector<MemoryRange> memory = {{b.in.data(), 4 * b.in.size(), Access::read, "in"},
                                           {b.out.data(), 4 * b.out.size(), Access::read_write, "out"}};
  for (uint32_t group = 0; group < groups; ++group) {
    Launch launch;
    launch.workgroup = {group, 0, 0};
    launch.workgroups = {groups, 1, 1};
    launch.size = {items, 1, 1};
    launch.kernarg = {reinterpret_cast<const uint8_t*>(arguments.data()), sizeof arguments};
    launch.memory = memory;
    launch.seed = seed;
    const auto outcome = emulator->run_workgroup(launch);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    if (!outcome.ok()) return counts;
    for (const Report& report : outcome->reports) ADD_FAILURE() << describe(report);
    counts += outcome->counts;
  }
  return counts;
}

// out[group * 256 + i] = in[group * 256 + j], where j is i with its byte's nibbles swapped: a 16 x 16 transpose in LDS.
constexpr const char* transpose_gfx942 = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  s_lshl_b32 s8, s2, 10
  v_lshlrev_b32 v1, 2, v0
  v_add_u32 v2, s8, v1
  s_waitcnt lgkmcnt(0)
  global_load_dword v3, v2, s[4:5]
  v_lshlrev_b32 v4, 4, v0
  v_lshrrev_b32 v5, 4, v0
  v_and_b32 v4, 0xf0, v4
  v_or_b32 v4, v4, v5
  v_lshlrev_b32 v4, 2, v4
  s_waitcnt vmcnt(0)
  ds_write_b32 v4, v3
  s_waitcnt lgkmcnt(0)
  s_barrier
  ds_read_b32 v6, v1
  s_waitcnt lgkmcnt(0)
  global_store_dword v2, v6, s[6:7])";
constexpr const char* transpose_gfx1201 = R"(
  s_load_b128 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  s_lshl_b32 s8, ttmp9, 10
  v_lshlrev_b32 v1, 2, v0
  v_add_nc_u32 v2, s8, v1
  s_wait_kmcnt 0x0
  global_load_b32 v3, v2, s[4:5]
  v_lshlrev_b32 v4, 4, v0
  v_lshrrev_b32 v5, 4, v0
  v_and_b32 v4, 0xf0, v4
  v_or_b32 v4, v4, v5
  v_lshlrev_b32 v4, 2, v4
  s_wait_loadcnt 0x0
  ds_store_b32 v4, v3
  s_wait_dscnt 0x0
  s_barrier_signal -1
  s_barrier_wait -1
  ds_load_b32 v6, v1
  s_wait_dscnt 0x0
  global_store_b32 v2, v6, s[6:7])";

TEST(AmdgpuEmulatorKernels, TransposesThroughLds) {
  for (const auto& [target, body] : {std::pair{"gfx942", transpose_gfx942}, std::pair{"gfx1201", transpose_gfx1201}})
    for (const uint64_t seed : {0, 1, 2}) {
      SCOPED_TRACE(fmt::format("{} seed {}", target, seed));
      AssembledKernel kernel;
      kernel.target = target;
      kernel.body = body;
      kernel.lds_bytes = 1024;
      Buffers b{std::vector<uint32_t>(768), std::vector<uint32_t>(768)};
      for (uint32_t n = 0; n < 768; ++n) b.in[n] = n * 7 + 1;
      const Counts counts = run_groups(kernel, b, 3, 256, seed);
      for (uint32_t n = 0; n < 768; ++n) {
        const uint32_t i = n & 255;
        EXPECT_EQ(b.out[n], b.in[(n & ~255U) + ((i & 15) << 4 | i >> 4)]) << n;
      }
      const uint64_t waves = 3U * 256U / static_cast<uint64_t>(amdgpu::find_gpu_row(target)->wave);
      EXPECT_EQ(counts.vmem_load, waves);
      EXPECT_EQ(counts.global_bytes_read, 3072U);
      EXPECT_EQ(counts.global_bytes_written, 3072U);
      EXPECT_EQ(counts.lds_bytes_read, 3072U);
      EXPECT_GT(counts.lds_conflicts, 0U);  // columns of 16 words
      EXPECT_EQ(counts.redundant_waits, 0U);
    }
}

TEST(AmdgpuEmulatorKernels, SumsInALoopUnderExec) {
  // Lane n adds in[0] to in[n]: lanes leave the loop one after another.
  AssembledKernel kernel;
  kernel.body = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v5, 2, v0
  v_mov_b32 v1, 0
  v_mov_b32 v2, 0
  s_mov_b32 s10, 0
  s_mov_b64 s[12:13], exec
  s_waitcnt lgkmcnt(0)
next:
  v_cmp_le_u32 vcc, s10, v0
  s_and_saveexec_b64 s[14:15], vcc
  s_cbranch_execz done
  s_load_dword s11, s[4:5], 0x0
  s_waitcnt lgkmcnt(0)
  v_add_u32 v1, s11, v1
  s_add_u32 s4, s4, 4
  s_addc_u32 s5, s5, 0
  s_add_u32 s10, s10, 1
  s_branch next
done:
  s_mov_b64 exec, s[12:13]
  global_store_dword v5, v1, s[6:7])";
  Buffers b{std::vector<uint32_t>(64), std::vector<uint32_t>(64)};
  for (uint32_t n = 0; n < 64; ++n) b.in[n] = n * n + 3;
  run_groups(kernel, b, 1, 64, 0);
  uint32_t sum = 0;
  for (uint32_t n = 0; n < 64; ++n) EXPECT_EQ(b.out[n], sum += b.in[n]) << n;
}

TEST(AmdgpuEmulatorKernels, KeepsScratchOfEachLane) {
  for (const char* target : {"gfx942", "gfx1100"}) {
    SCOPED_TRACE(target);
    const bool is_new = std::string(target) == "gfx1100";
    AssembledKernel kernel;
    kernel.target = target;
    kernel.scratch_bytes = 16;
    kernel.body =
        fmt::format(R"(
  s_load_{0} s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 2, v0
  scratch_store_{1} off, v0, off offset:8
  v_mov_b32 v2, 8
  s_waitcnt vmcnt(0) lgkmcnt(0)
  {2}
  scratch_load_{1} v3, v2, off
  s_waitcnt vmcnt(0)
  global_store_{1} v1, v3, s[6:7])",
                    is_new ? "b128" : "dwordx4", is_new ? "b32" : "dword", is_new ? "s_waitcnt_vscnt null, 0x0" : "");
    Buffers b{std::vector<uint32_t>(32), std::vector<uint32_t>(32)};
    run_groups(kernel, b, 1, 32, 0);
    for (uint32_t n = 0; n < 32; ++n) EXPECT_EQ(b.out[n], n);
  }
}

TEST(AmdgpuEmulatorKernels, KeepsScratchBehindABuffer) {
  for (const char* target : {"gfx90a", "gfx1030"}) {
    SCOPED_TRACE(target);
    const bool is_new = std::string(target) == "gfx1030";
    AssembledKernel kernel;
    kernel.target = target;
    kernel.scratch_bytes = 16;
    kernel.body = fmt::format(R"(
  s_load_dwordx4 s[8:11], s[4:5], 0x0
  s_add_u32 s0, s0, s7
  s_addc_u32 s1, s1, 0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 2, v0
  buffer_store_dword v0, off, s[0:3], 0 offset:8
  v_mov_b32 v2, 8
  s_waitcnt vmcnt(0) lgkmcnt(0)
  {}
  buffer_load_dword v3, v2, s[0:3], 0 offen
  s_waitcnt vmcnt(0)
  global_store_dword v1, v3, s[10:11])",
                              is_new ? "s_waitcnt_vscnt null, 0x0" : "");
    Buffers b{std::vector<uint32_t>(32), std::vector<uint32_t>(32)};
    run_groups(kernel, b, 1, 32, 0);
    for (uint32_t n = 0; n < 32; ++n) EXPECT_EQ(b.out[n], n);
  }
}

TEST(AmdgpuEmulatorKernels, TransposesWhileReadingLds) {
  // Lane l writes the halves 4 * l to 4 * l + 3 to the LDS and reads them transposed among 16 lanes.
  AssembledKernel kernel;
  kernel.target = "gfx950";
  kernel.lds_bytes = 512;
  kernel.body = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 3, v0
  s_waitcnt lgkmcnt(0)
  global_load_dwordx2 v[2:3], v1, s[4:5]
  s_waitcnt vmcnt(0)
  ds_write_b64 v1, v[2:3]
  ds_read_b64_tr_b16 v[4:5], v1
  s_waitcnt lgkmcnt(0)
  global_store_dwordx2 v1, v[4:5], s[6:7])";
  Buffers b{std::vector<uint32_t>(128), std::vector<uint32_t>(128)};
  for (uint32_t n = 0; n < 128; ++n) b.in[n] = 2 * n | (2 * n + 1) << 16;
  run_groups(kernel, b, 1, 64, 0);
  for (uint32_t lane = 0; lane < 64; ++lane)
    for (uint32_t n = 0; n < 4; ++n) {
      const uint32_t half = b.out[2 * lane + n / 2] >> (n % 2 * 16) & 0xffff;
      EXPECT_EQ(half, 4 * (lane / 16 * 16 + lane % 16 / 4 + 4 * n) + lane % 4) << lane << " " << n;
    }
}

TEST(AmdgpuEmulatorKernels, MultipliesMatrices) {
  // A and B are ones in f16, C is 2: 16 products and 2.
  AssembledKernel kernel;
  kernel.agprs = 4;
  kernel.body = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 4, v0
  v_mov_b32 v2, 0x3c003c00
  v_mov_b32 v3, v2
  s_nop 1
  v_mfma_f32_16x16x16_f16 a[0:3], v[2:3], v[2:3], 2.0
  s_nop 15
  v_accvgpr_read_b32 v4, a0
  v_accvgpr_read_b32 v5, a1
  v_accvgpr_read_b32 v6, a2
  v_accvgpr_read_b32 v7, a3
  s_waitcnt lgkmcnt(0)
  global_store_dwordx4 v1, v[4:7], s[6:7])";
  Buffers b{std::vector<uint32_t>(256), std::vector<uint32_t>(256)};
  const Counts counts = run_groups(kernel, b, 1, 64, 0);
  for (const uint32_t x : b.out) EXPECT_EQ(x, 0x41900000U);  // 18
  EXPECT_EQ(counts.matrix, 1U);
}

}  // namespace
}  // namespace tilejit::testing

#endif

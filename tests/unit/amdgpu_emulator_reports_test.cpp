// Each kind of report of the AMDGPU emulator: code that provokes it, and the same code as it should be, which is silent.
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

struct Executed {
  Outcome outcome;
  std::vector<uint32_t> memory;
};

/// s[2:3] is the buffer of 1,024 words (word n holds n), v0 the workitem, v1 four times it.
Executed run_body(const std::string& target, const std::string& body, uint32_t items = 64, uint32_t lds = 4096) {
  const bool is_new = target.starts_with("gfx11") || target.starts_with("gfx12");
  AssembledKernel kernel;
  kernel.target = target;
  kernel.lds_bytes = lds;
  if (is_new) kernel.features = "+real-true16";
  kernel.body =
      fmt::format("s_load_{} s[2:3], s[0:1], 0x0\nv_and_b32 v0, 0x3ff, v0\nv_lshlrev_b32 v1, 2, v0\n{}\n",
                  is_new ? "b64" : "dwordx2", target.starts_with("gfx12") ? "s_wait_kmcnt 0" : "s_waitcnt lgkmcnt(0)") +
      body + "\n";
  auto emulator = load_assembled(kernel);
  EXPECT_TRUE(emulator.ok()) << emulator.error().message;
  Executed run;
  run.memory.resize(1024);
  for (uint32_t n = 0; n < 1024; ++n) run.memory[n] = n;
  if (!emulator.ok()) return run;
  const std::array<uint64_t, 8> arguments = {reinterpret_cast<uint64_t>(run.memory.data())};
  const std::vector<MemoryRange> memory = {{run.memory.data(), 4096, Access::read_write, "buffer"}};
  Launch launch;
  launch.size = {items, 1, 1};
  launch.kernarg = {reinterpret_cast<const uint8_t*>(arguments.data()), sizeof arguments};
  launch.memory = memory;
  auto outcome = emulator->run_workgroup(launch);
  EXPECT_TRUE(outcome.ok()) << outcome.error().message;
  if (outcome.ok()) run.outcome = *outcome;
  return run;
}

struct Provocation {
  const char* target;
  const char* body;
  std::vector<ReportKind> reports;
  uint32_t items = 64;
};

void check(const std::vector<Provocation>& rows) {
  for (const Provocation& row : rows) {
    SCOPED_TRACE(std::string(row.target) + ":\n" + row.body);
    const Executed run = run_body(row.target, row.body, row.items);
    std::vector<std::string> found;
    std::vector<std::string> wanted;
    for (const Report& r : run.outcome.reports) found.push_back(std::string(to_string(r.kind)));
    for (const ReportKind kind : row.reports) wanted.push_back(std::string(to_string(kind)));
    std::string all;
    for (const Report& r : run.outcome.reports) all += describe(r) + "\n";
    EXPECT_EQ(found, wanted) << all;
  }
}

using enum ReportKind;

TEST(AmdgpuEmulatorReports, UnmetWaits) {
  check({
      {"gfx942", "global_load_dword v2, v1, s[2:3]\ns_waitcnt vmcnt(0)\nv_add_u32 v3, v2, v2", {}},
      {"gfx942", "global_load_dword v2, v1, s[2:3]\nv_add_u32 v3, v2, v2", {unmet_wait}},
      {"gfx942", "global_load_dword v2, v1, s[2:3]\nv_mov_b32 v2, 0", {unmet_wait}},
      {"gfx942", "global_load_dword v2, v1, s[2:3]\ns_waitcnt lgkmcnt(0)\nv_add_u32 v3, v2, v2", {unmet_wait}},
      // The older of two has arrived when one may be outstanding; the newer has not.
      {"gfx942",
       "global_load_dword v2, v1, s[2:3]\nglobal_load_dword v3, v1, s[2:3] offset:4\ns_waitcnt vmcnt(1)\nv_mov_b32 v4, "
       "v2",
       {}},
      {"gfx942",
       "global_load_dword v2, v1, s[2:3]\nglobal_load_dword v3, v1, s[2:3] offset:4\ns_waitcnt vmcnt(1)\nv_mov_b32 v4, "
       "v3",
       {unmet_wait}},
      // CDNA's stores count with its loads; RDNA's do not.
      {"gfx942",
       "global_load_dword v2, v1, s[2:3]\ns_nop 0\nglobal_store_dword v1, v0, s[2:3]\ns_waitcnt vmcnt(1)\nv_mov_b32 "
       "v4, v2",
       {}},
      {"gfx1100",
       "global_load_b32 v2, v1, s[2:3]\nglobal_store_b32 v1, v0, s[2:3]\ns_waitcnt vmcnt(1)\nv_mov_b32 v4, v2",
       {unmet_wait}},
      // Scalar loads return in any order.
      {"gfx942",
       "s_load_dword s8, s[2:3], 0x0\ns_load_dword s9, s[2:3], 0x4\ns_waitcnt lgkmcnt(1)\ns_mov_b32 s10, s8",
       {unmet_wait}},
      {"gfx942",
       "s_load_dword s8, s[2:3], 0x0\ns_load_dword s9, s[2:3], 0x4\ns_waitcnt lgkmcnt(0)\ns_mov_b32 s10, s8",
       {}},
      {"gfx1201", "s_load_b32 s8, s[2:3], 0x0\ns_wait_dscnt 0x0\ns_mov_b32 s10, s8", {unmet_wait}},
      {"gfx1201",
       "ds_store_b32 v1, v0\nglobal_load_b32 v2, v1, s[2:3]\nds_load_b32 v3, v1\ns_wait_loadcnt_dscnt "
       "0x0\nv_add_nc_u32 v3, v2, v3",
       {},
       32},
      {"gfx1201",
       "ds_store_b32 v1, v0\nglobal_load_b32 v2, v1, s[2:3]\nds_load_b32 v3, v1\ns_wait_loadcnt 0x0\nv_add_nc_u32 v3, "
       "v2, v3",
       {unmet_wait},
       32},
      // Halves of a register arrive by themselves, but not where registers have ECC.
      {"gfx1100",
       "v_mov_b32 v2, 0\nglobal_load_d16_b16 v2, v1, s[2:3]\nglobal_load_d16_hi_b16 v2, v1, s[2:3]\n"
       "s_waitcnt vmcnt(1)\nv_mov_b16 v3.l, v2.l",
       {}},
      {"gfx1100",
       "v_mov_b32 v2, 0\nglobal_load_d16_b16 v2, v1, s[2:3]\nglobal_load_d16_hi_b16 v2, v1, s[2:3]\n"
       "s_waitcnt vmcnt(1)\nv_mov_b16 v3.l, v2.h",
       {unmet_wait}},
      {"gfx942",
       "v_mov_b32 v2, 0\nglobal_load_short_d16_hi v2, v1, s[2:3]\nglobal_store_short v1, v2, s[2:3]",
       {unmet_wait, uninitialized, wait_states}},
      // A load of the same kind arrives behind the first.
      {"gfx942",
       "global_load_dword v2, v1, s[2:3]\nglobal_load_dword v2, v1, s[2:3] offset:4\ns_waitcnt vmcnt(0)\nv_mov_b32 v4, "
       "v2",
       {}},
      {"gfx942", "ds_write_b32 v1, v0\nglobal_load_dword v2, v1, s[2:3]\nds_read_b32 v2, v1", {unmet_wait}},
      {"gfx942", "s_mov_b32 m0, 0\ns_nop 0\nglobal_load_lds_dword v1, s[2:3]\nds_read_b32 v2, v1", {unmet_wait}},
      {"gfx942",
       "s_mov_b32 m0, 0\ns_nop 0\nglobal_load_lds_dword v1, s[2:3]\ns_waitcnt vmcnt(0)\nds_read_b32 v2, v1",
       {}},
  });
}

TEST(AmdgpuEmulatorReports, RacesAndBarriers) {
  const char* exchange9 =
      "ds_write_b32 v1, v0\ns_waitcnt lgkmcnt(0)\ns_barrier\nv_xor_b32 v2, 0x100, v1\nds_read_b32 v3, v2\ns_waitcnt "
      "lgkmcnt(0)";
  const char* exchange12 =
      "ds_store_b32 v1, v0\ns_wait_dscnt 0x0\ns_barrier_signal -1\ns_barrier_wait -1\nv_xor_b32 v2, 0x80, "
      "v1\nds_load_b32 v3, v2\ns_wait_dscnt 0x0";
  check({
      {"gfx942", exchange9, {}, 128},
      {"gfx1201", exchange12, {}, 64},
      // The first wave reads what nobody wrote yet; the second writes what was read, and reads what was written.
      {"gfx942",
       "ds_write_b32 v1, v0\ns_waitcnt lgkmcnt(0)\nv_xor_b32 v2, 0x100, v1\nds_read_b32 v3, v2",
       {uninitialized, lds_race, lds_race},
       128},
      {"gfx942", "ds_write_b32 v1, v0\ns_barrier\nv_xor_b32 v2, 0x100, v1\nds_read_b32 v3, v2", {lds_race}, 128},
      // Read before the barrier, written behind it; then without the wait for the read.
      {"gfx942",
       "ds_write_b32 v1, v0\nds_read_b32 v3, v1\ns_waitcnt lgkmcnt(0)\ns_barrier\nv_xor_b32 v2, 0x100, "
       "v1\nds_write_b32 v2, v0",
       {},
       128},
      {"gfx942",
       "ds_write_b32 v1, v0\nds_read_b32 v3, v1\ns_waitcnt lgkmcnt(1)\ns_barrier\nv_xor_b32 v2, 0x100, "
       "v1\nds_write_b32 v2, v0",
       {lds_race},
       128},
      {"gfx942", "v_cmp_gt_u32 vcc, 64, v0\ns_cbranch_vccz done\ns_barrier\ndone:", {barrier_divergence}, 128},
      {"gfx942",
       "v_cmp_gt_u32 vcc, 64, v0\ns_cbranch_vccz other\ns_barrier\ns_branch done\nother:\ns_barrier\ndone:",
       {barrier_divergence},
       128},
      {"gfx1201", "s_barrier_signal -1\ns_barrier_signal -1\ns_barrier_wait -1", {barrier_divergence}, 32},
  });
}

TEST(AmdgpuEmulatorReports, Uninitialized) {
  check({
      {"gfx942", "v_add_u32 v3, v2, v0", {uninitialized}},
      {"gfx942", "v_mov_b32 v3, v2", {}},  // a copy is no use
      {"gfx942", "v_mov_b32 v3, v2\nv_add_u32 v3, v3, v3", {uninitialized}},
      // Combined bit by bit it is none either, until a bit of it matters.
      {"gfx942", "v_or_b32 v3, v2, v0\nv_and_b32 v3, 0, v3\nv_add_u32 v3, v3, v0", {}},
      {"gfx942", "v_or_b32 v3, v2, v0\nv_add_u32 v3, v3, v0", {uninitialized}},
      {"gfx942", "v_xor_b32 v3, v2, v2\nv_add_u32 v3, v3, v0", {uninitialized}},
      {"gfx942", "v_lshlrev_b32 v3, v2, v0\nv_add_u32 v3, v3, v0", {uninitialized}},
      {"gfx1201", "v_mov_b16 v2.l, v0.l\nv_lshl_or_b32 v3, v2, 16, v0\nv_add_nc_u32 v3, v3, v0", {}, 32},
      {"gfx1201", "v_mov_b16 v2.l, v0.l\nv_lshl_or_b32 v3, v2, 8, v0\nv_add_nc_u32 v3, v3, v0", {uninitialized}, 32},
      {"gfx1201", "v_mov_b16 v2.l, v0.l\nv_and_b32 v3, 0xffff, v2\nv_add_nc_u32 v3, v3, v0", {}, 32},
      {"gfx1201", "v_mov_b16 v2.l, v0.l\nv_mov_b16 v2.h, v3.h\nv_add_nc_u32 v3, v2, v0", {uninitialized}, 32},
      {"gfx942", "v_mov_b32 v4, 0x0c0c0504\nv_perm_b32 v3, v0, v2, v4\nv_add_u32 v3, v3, v0", {}},
      {"gfx942", "v_mov_b32 v4, 0x03020504\nv_perm_b32 v3, v0, v2, v4\nv_add_u32 v3, v3, v0", {uninitialized}},
      {"gfx942", "s_mov_b64 vcc, 0\nv_cndmask_b32 v3, v0, v2, vcc\nv_add_u32 v3, v3, v0", {}},
      {"gfx942", "s_mov_b64 vcc, 1\nv_cndmask_b32 v3, v0, v2, vcc\nv_add_u32 v3, v3, v0", {uninitialized}},
      {"gfx942", "v_pk_mov_b32 v[2:3], v[0:1], v[4:5] op_sel:[0,1]\nv_add_u32 v2, v2, v0", {}},
      {"gfx942", "v_pk_mov_b32 v[2:3], v[0:1], v[4:5] op_sel:[0,1]\nv_add_u32 v3, v3, v0", {uninitialized}},
      {"gfx942", "v_readfirstlane_b32 s8, v2\ns_mov_b32 s9, s8", {}},
      {"gfx942", "v_readfirstlane_b32 s8, v2\ns_mov_b32 s9, s8\ns_add_u32 s9, s9, 1", {uninitialized}},
      {"gfx942", "v_readlane_b32 s8, v0, 3\ns_add_u32 s9, s8, 1", {}},
      {"gfx942", "v_mov_b32_dpp v3, v2 row_shr:1 row_mask:0xf bank_mask:0xf", {uninitialized}},
      {"gfx1030",
       "v_or_b32_sdwa v3, v0, v2 dst_sel:DWORD src0_sel:BYTE_0 src1_sel:DWORD\nv_and_b32 v3, 0, v3\n"
       "v_add_nc_u32 v3, v3, v0",
       {},
       32},
      {"gfx1030",
       "v_or_b32_sdwa v3, v0, v2 dst_sel:DWORD src0_sel:BYTE_0 src1_sel:DWORD\nv_add_nc_u32 v3, v3, v0",
       {uninitialized},
       32},
      // Of a pair each half by itself.
      {"gfx1100", "v_dual_mov_b32 v3, v2 :: v_dual_and_b32 v4, 15, v0", {}, 32},
      {"gfx1100", "v_dual_mov_b32 v3, v2 :: v_dual_add_f32 v4, v5, v0", {uninitialized}, 32},
      {"gfx942", "s_mov_b64 exec, 1\nv_mov_b32 v2, 5\ns_mov_b64 exec, 2\nv_add_u32 v3, v2, v2", {uninitialized}},
      {"gfx942", "s_mov_b64 exec, 1\nv_mov_b32 v2, 5\nv_add_u32 v3, v2, v2", {}},
      {"gfx942", "s_add_u32 s8, s20, 1", {uninitialized}},
      {"gfx942", "v_cndmask_b32 v2, 0, 1, vcc", {uninitialized}},
      {"gfx942", "s_cselect_b32 s8, 1, 2", {uninitialized}},
      {"gfx942", "ds_read_b32 v3, v1", {uninitialized}},
      {"gfx942", "v_mov_b32 v2, 0\nds_write_b16 v1, v2\nds_read_b32 v3, v1", {uninitialized}},
      {"gfx942", "global_store_dword v1, v9, s[2:3]", {uninitialized}},
  });
}

TEST(AmdgpuEmulatorReports, Buffers) {
  const std::string start = "s_mov_b32 s4, s2\ns_and_b32 s5, s3, 0xffff\ns_movk_i32 s6, 0x80\n";
  const std::string load = "\nbuffer_load_dword v2, v1, s[4:7], 0 offen";
  check({
      {"gfx942", (start + "s_mov_b32 s7, 0x27000" + load).c_str(), {}},
      {"gfx942", (start + "s_mov_b32 s7, 0x7000" + load).c_str(), {undefined}},    // no format: nothing is loaded
      {"gfx942", (start + "s_mov_b32 s7, 0x827000" + load).c_str(), {undefined}},  // adds the lane
      {"gfx942", (start + "s_or_b32 s5, s5, 0x40000\ns_mov_b32 s7, 0x27000" + load).c_str(), {undefined}},  // a stride
      {"gfx1030", (start + "s_mov_b32 s7, 0x31027000" + load).c_str(), {}, 32},
      {"gfx1030", (start + "s_mov_b32 s7, 0x11027000" + load).c_str(), {undefined}, 32},  // other bounds
  });
}

TEST(AmdgpuEmulatorReports, CompareThatSetsExec) {
  const std::string masked = "v_mov_b32 v4, v0\nv_cmpx_gt_u32 s[16:17], 40, v0\n";
  const std::string dpp = "v_mov_b32_dpp v5, v4 quad_perm:[2,3,0,1] row_mask:0xf bank_mask:0xf";
  check({
      {"gfx942", (masked + "s_nop 4\n" + dpp).c_str(), {}},
      {"gfx942", (masked + "s_nop 3\n" + dpp).c_str(), {wait_states}},
  });
}

TEST(AmdgpuEmulatorReports, FreedVgprs) {
  check({
      {"gfx1100", "global_store_b32 v1, v0, s[2:3]\ns_nop 0\ns_sendmsg sendmsg(MSG_DEALLOC_VGPRS)", {}, 32},
      {"gfx1100", "global_store_b32 v1, v0, s[2:3]\ns_sendmsg sendmsg(MSG_DEALLOC_VGPRS)", {wait_states}, 32},
      {"gfx1100", "global_load_b32 v2, v1, s[2:3]\ns_nop 0\ns_sendmsg sendmsg(MSG_DEALLOC_VGPRS)", {unmet_wait}, 32},
      {"gfx1201", "s_nop 0\ns_sendmsg sendmsg(MSG_DEALLOC_VGPRS)", {}, 32},
  });
}

TEST(AmdgpuEmulatorReports, Addresses) {
  check({
      {"gfx942", "v_mov_b32 v2, 4092\nglobal_load_dword v3, v2, s[2:3]", {}},
      {"gfx942", "v_mov_b32 v2, 4092\nglobal_load_dwordx2 v[4:5], v2, s[2:3]", {out_of_bounds}},
      {"gfx942", "v_mov_b32 v2, -4\nglobal_store_dword v2, v0, s[2:3]", {out_of_bounds}},
      {"gfx942", "s_load_dword s8, s[0:1], 0x3c", {}},
      {"gfx942", "s_load_dword s8, s[0:1], 0x40", {out_of_bounds}},
      {"gfx942", "v_mov_b32 v2, 4096\nds_write_b32 v2, v0", {out_of_bounds}},
      {"gfx942", "v_mov_b32 v2, 4\nv_mov_b32 v4, 0\nv_mov_b32 v5, 0\nds_write_b64 v2, v[4:5]", {misaligned}},
      {"gfx942", "s_load_dword s8, s[2:3], 0x2", {misaligned}},
  });
}

TEST(AmdgpuEmulatorReports, BuffersGiveZeroOutside) {
  const Executed run = run_body(
      "gfx942",
      "s_mov_b32 s4, s2\ns_and_b32 s5, s3, 0xffff\ns_movk_i32 s6, 0x80\ns_mov_b32 s7, 0x27000\n"
      "buffer_load_dword v2, v1, s[4:7], 0 offen\ns_waitcnt vmcnt(0)\nglobal_store_dword v1, v2, s[2:3] offset:1024\n"
      "buffer_store_dword v0, v1, s[4:7], 0 offen offset:64");
  EXPECT_TRUE(run.outcome.reports.empty());
  for (uint32_t lane = 0; lane < 64; ++lane) EXPECT_EQ(run.memory[256 + lane], lane < 32 ? lane : 0) << lane;
  for (uint32_t n = 16; n < 48; ++n) EXPECT_EQ(run.memory[n], n < 32 ? n - 16 : n);
}

TEST(AmdgpuEmulatorReports, CountsAndConflicts) {
  const Executed straight = run_body("gfx942", "ds_write_b32 v1, v0\ns_waitcnt lgkmcnt(0)\ns_waitcnt lgkmcnt(0)");
  EXPECT_EQ(straight.outcome.counts.lds_conflicts, 0U);
  EXPECT_EQ(straight.outcome.counts.lds_bytes_written, 256U);
  EXPECT_EQ(straight.outcome.counts.redundant_waits, 1U);
  EXPECT_EQ(straight.outcome.counts.lds, 1U);
  EXPECT_EQ(straight.outcome.counts.valu, 2U);
  EXPECT_EQ(straight.outcome.counts.smem, 1U);
  const Executed strided = run_body("gfx942", "v_lshlrev_b32 v2, 5, v0\nds_write_b32 v2, v0");
  EXPECT_EQ(strided.outcome.counts.lds_conflicts, 14U);  // 32 lanes share 4 banks: 8 clocks, twice
}

TEST(AmdgpuEmulatorReports, RefusesWhatItDoesNotKnow) {
  AssembledKernel kernel;
  kernel.body = "v_lerp_u8 v1, v0, v0, v0";
  const auto unknown = load_assembled(kernel);
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("v_lerp_u8"), std::string::npos) << unknown.error().message;
  kernel.body = "v_mov_b32 v70, v0";
  const auto beyond = load_assembled(kernel);
  ASSERT_FALSE(beyond.ok());
  EXPECT_NE(beyond.error().message.find("v70"), std::string::npos) << beyond.error().message;
}

TEST(AmdgpuEmulatorReports, RefusesMetadataThatDisagrees) {
  AssembledKernel kernel;
  kernel.body = "v_mov_b32 v40, v0";
  kernel.noted_vgprs = 41;
  EXPECT_TRUE(load_assembled(kernel).ok());
  kernel.noted_vgprs = 40;
  const auto less = load_assembled(kernel);
  ASSERT_FALSE(less.ok());
  EXPECT_NE(less.error().message.find("the metadata's vgpr_count=40, the code uses 41"), std::string::npos)
      << less.error().message;
  kernel.noted_vgprs = 100;
  const auto more = load_assembled(kernel);
  ASSERT_FALSE(more.ok());
  EXPECT_NE(more.error().message.find("vgpr_count=100, the descriptor allocates 64"), std::string::npos)
      << more.error().message;
}

TEST(AmdgpuEmulatorReports, LaunchesWithinTheLds) {
  AssembledKernel kernel;
  kernel.lds_bytes = 1024;
  kernel.body = "v_and_b32 v0, 0x3ff, v0\nv_lshlrev_b32 v1, 2, v0\nds_write_b32 v1, v0 offset:1024";
  const auto emulator = load_assembled(kernel);
  ASSERT_TRUE(emulator.ok()) << emulator.error().message;
  const std::array<uint64_t, 8> arguments = {};
  Launch launch;
  launch.kernarg = {reinterpret_cast<const uint8_t*>(arguments.data()), sizeof arguments};
  ASSERT_TRUE(emulator->run_workgroup(launch).ok());
  EXPECT_EQ(emulator->run_workgroup(launch)->reports.front().kind, out_of_bounds);
  launch.dynamic_lds_bytes = 256;
  EXPECT_TRUE(emulator->run_workgroup(launch)->reports.empty());
  launch.dynamic_lds_bytes = 64 << 10;
  EXPECT_FALSE(emulator->run_workgroup(launch).ok());
}

TEST(AmdgpuEmulatorReports, RefusesMalformedCodeObjects) {
  AssembledKernel kernel;
  kernel.body = "v_mov_b32 v1, 0";
  const auto elf = assemble_kernel(kernel);
  ASSERT_TRUE(elf.ok()) << elf.error().message;
  const amdgpu::GpuRow& row = *amdgpu::find_gpu_row("gfx942");
  EXPECT_TRUE(Emulator::load(row, *elf).ok());
  EXPECT_FALSE(Emulator::load(*amdgpu::find_gpu_row("gfx90a"), *elf).ok());
  // Every shorter file is an error, never a crash; every changed byte is that or another program.
  for (size_t size = 0; size < elf->size(); size += 13)
    EXPECT_FALSE(Emulator::load(row, std::span(*elf).first(size)).ok()) << size;
  for (size_t n = 0; n < elf->size(); n += 7) {
    auto changed = *elf;
    changed[n] ^= 0xff;
    (void)Emulator::load(row, changed).ok();
  }
}

}  // namespace
}  // namespace tilejit::testing

#endif

#include "tests/unit/amdgpu_written_kernels.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>

#include <string>

namespace tilejit::testing {
namespace {

// Four rounds: each wave puts its part into one of two buffers and loads the next, meets the other wave, multiplies its own
// part by the other's.
constexpr const char* staged_cdna = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 3, v0
  v_xor_b32 v2, 0x200, v1
  s_lshl_b32 s8, s2, 12
  v_add_u32 v3, s8, v1
  v_mov_b32 v8, 0
  v_mov_b32 v9, 0
  v_mov_b32 v10, 0
  v_mov_b32 v11, 0
  s_mov_b32 s9, 0
  s_waitcnt lgkmcnt(0)
  global_load_dwordx2 v[4:5], v3, s[4:5]
again:
  s_and_b32 s10, s9, 1
  s_lshl_b32 s10, s10, 10
  v_add_u32 v6, s10, v1
  v_add_u32 v7, s10, v2
  v_add_u32 v3, 0x400, v3
  s_waitcnt vmcnt(0)
  ds_write_b64 v6, v[4:5]
  global_load_dwordx2 v[4:5], v3, s[4:5]
  s_waitcnt lgkmcnt(0)
  s_barrier
  ds_read_b64 v[12:13], v6
  ds_read_b64 v[14:15], v7
  s_waitcnt lgkmcnt(0)
  v_mfma_f32_16x16x16{0} v[8:11], v[12:13], v[14:15], v[8:11]
  s_add_u32 s9, s9, 1
  s_cmp_lt_u32 s9, 4
  s_cbranch_scc1 again
  v_lshlrev_b32 v16, 4, v0
  s_lshl_b32 s8, s2, 11
  v_add_u32 v16, s8, v16
  s_nop {1}
  v_mul_f32 v8, 0.5, v8
  v_mul_f32 v9, 0.5, v9
  v_mul_f32 v10, 0.5, v10
  v_mul_f32 v11, 0.5, v11
  global_store_dwordx4 v16, v[8:11], s[6:7])";

// The same for waves of 32 with the operands of WMMA: 16 bytes for each of 16 lanes (RDNA 3: which lanes 16 to 31 repeat).
constexpr const char* staged_rdna3 = R"(
  s_load_b128 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_and_b32 v1, 0x2f, v0
  v_lshlrev_b32 v1, 5, v1
  v_xor_b32 v2, 0x400, v1
  s_lshl_b32 s8, s2, 12
  v_add_nc_u32 v3, s8, v1
  v_mov_b32 v8, 0
  v_mov_b32 v9, 0
  v_mov_b32 v10, 0
  v_mov_b32 v11, 0
  v_mov_b32 v12, 0
  v_mov_b32 v13, 0
  v_mov_b32 v14, 0
  v_mov_b32 v15, 0
  s_mov_b32 s9, 0
  s_waitcnt lgkmcnt(0)
  global_load_b128 v[32:35], v3, s[4:5]
  global_load_b128 v[36:39], v3, s[4:5] offset:16
again:
  s_and_b32 s10, s9, 1
  s_lshl_b32 s10, s10, 11
  v_add_nc_u32 v6, s10, v1
  v_add_nc_u32 v7, s10, v2
  v_add_nc_u32 v3, 0x40, v3
  s_waitcnt vmcnt(1)
  ds_store_b128 v6, v[32:35]
  s_waitcnt vmcnt(0)
  ds_store_b128 v6, v[36:39] offset:16
  global_load_b128 v[32:35], v3, s[4:5]
  global_load_b128 v[36:39], v3, s[4:5] offset:16
  s_waitcnt lgkmcnt(0)
  s_barrier
  ds_load_b128 v[16:19], v6
  ds_load_b128 v[20:23], v6 offset:16
  ds_load_b128 v[24:27], v7
  ds_load_b128 v[28:31], v7 offset:16
  s_waitcnt lgkmcnt(0)
  v_wmma_f32_16x16x16_f16 v[8:15], v[16:23], v[24:31], v[8:15]
  s_add_u32 s9, s9, 1
  s_cmp_lt_u32 s9, 4
  s_cbranch_scc1 again
  v_lshlrev_b32 v16, 5, v0
  s_lshl_b32 s8, s2, 11
  v_add_nc_u32 v16, s8, v16
  global_store_b128 v16, v[8:11], s[6:7]
  global_store_b128 v16, v[12:15], s[6:7] offset:16
  s_waitcnt vmcnt(0)
  s_nop 0
  s_sendmsg sendmsg(MSG_DEALLOC_VGPRS))";

constexpr const char* staged_rdna4 = R"(
  s_load_b128 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 4, v0
  v_xor_b32 v2, 0x200, v1
  s_lshl_b32 s8, ttmp9, 12
  v_add_nc_u32 v3, s8, v1
  v_mov_b32 v8, 0
  v_mov_b32 v9, 0
  v_mov_b32 v10, 0
  v_mov_b32 v11, 0
  v_mov_b32 v12, 0
  v_mov_b32 v13, 0
  v_mov_b32 v14, 0
  v_mov_b32 v15, 0
  s_mov_b32 s20, 0
  s_wait_kmcnt 0x0
  global_load_b128 v[32:35], v3, s[4:5]
again:
  s_and_b32 s22, s20, 1
  s_lshl_b32 s10, s22, 10
  s_wait_alu depctr_sa_sdst(0)
  v_add_nc_u32 v6, s10, v1
  v_add_nc_u32 v7, s10, v2
  v_add_nc_u32 v3, 0x40, v3
  s_wait_loadcnt 0x0
  ds_store_b128 v6, v[32:35]
  global_load_b128 v[32:35], v3, s[4:5]
  s_wait_dscnt 0x0
  s_barrier_signal -1
  s_barrier_wait -1
  ds_load_b128 v[16:19], v6
  ds_load_b128 v[24:27], v7
  s_wait_dscnt 0x0
  v_wmma_f32_16x16x16_f16 v[8:15], v[16:19], v[24:27], v[8:15]
  s_add_co_u32 s20, s20, 1
  s_cmp_lt_u32 s20, 4
  s_cbranch_scc1 again
  v_lshlrev_b32 v16, 5, v0
  s_lshl_b32 s8, ttmp9, 11
  s_wait_alu depctr_sa_sdst(0)
  v_add_nc_u32 v16, s8, v16
  global_store_b128 v16, v[8:11], s[6:7]
  global_store_b128 v16, v[12:15], s[6:7] offset:16)";

constexpr const char* staged_rdna2 = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_lshlrev_b32 v1, 3, v0
  v_xor_b32 v2, 0x100, v1
  s_lshl_b32 s8, s2, 12
  v_add_nc_u32 v3, s8, v1
  v_mov_b32 v8, 0
  v_mov_b32 v9, 0
  s_mov_b32 s9, 0
  s_waitcnt lgkmcnt(0)
  global_load_dwordx2 v[4:5], v3, s[4:5]
again:
  s_and_b32 s10, s9, 1
  s_lshl_b32 s10, s10, 10
  v_add_nc_u32 v6, s10, v1
  v_add_nc_u32 v7, s10, v2
  v_add_nc_u32 v3, 0x200, v3
  s_waitcnt vmcnt(0)
  ds_write_b64 v6, v[4:5]
  global_load_dwordx2 v[4:5], v3, s[4:5]
  s_waitcnt lgkmcnt(0)
  s_barrier
  ds_read_b64 v[12:13], v6
  ds_read_b64 v[14:15], v7
  s_waitcnt lgkmcnt(0)
  v_dot4_i32_i8 v8, v12, v14, v8
  v_dot4_i32_i8 v9, v13, v15, v9
  s_add_u32 s9, s9, 1
  s_cmp_lt_u32 s9, 4
  s_cbranch_scc1 again
  s_lshl_b32 s8, s2, 9
  v_add_nc_u32 v1, s8, v1
  global_store_dwordx2 v1, v[8:9], s[6:7])";

// Pairs of instructions at exactly the distance that they need. Results of all of them are stored.
constexpr const char* distances_cdna = R"(
  s_load_dwordx4 s[4:7], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 2, v0
  s_lshl_b32 s8, s2, 8
  v_add_u32 v1, s8, v1
  s_waitcnt lgkmcnt(0)
  global_load_dword v2, v1, s[4:5]
  s_mov_b64 s[18:19], exec
  s_waitcnt vmcnt(0)
  v_and_b32 v3, 31, v2
  s_nop {0}
  v_readfirstlane_b32 s10, v3
  s_nop 3
  v_readlane_b32 s11, v2, s10
  v_add_u32 v4, v2, v3
  s_nop 1
  v_mov_b32_dpp v5, v4 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf
  v_mov_b32 v22, s4
  v_mov_b32 v23, s5
  v_lshlrev_b32 v7, 2, v3
  v_readfirstlane_b32 s12, v22
  v_readfirstlane_b32 s13, v23
  v_add_u32 v7, v7, v7
  s_nop 3
  global_load_dword v6, v7, s[12:13] offset:64
  global_load_dword v20, v1, s[4:5] offset:512
  v_cvt_f32_u32 v8, v2
  v_rcp_f32 v9, v8
  s_nop {0}
  v_mul_f32 v10, 2.0, v9
  v_cmp_gt_u32 vcc, 17, v3
  s_nop 3
  v_div_fmas_f32 v11, v8, v9, v10
  v_dot4_i32_i8 v12, v2, v4, v5
  s_nop 2
  v_xor_b32 v12, v12, v4
  v_cmpx_gt_u32 s[16:17], 40, v0
  s_nop 4
  v_mov_b32_dpp v13, v4 quad_perm:[2,3,0,1] row_mask:0xf bank_mask:0xf
  s_mov_b64 exec, s[18:19]
  v_cmp_gt_u32 s[14:15], 40, v0
  s_nop {1}
  v_cndmask_b32 v13, v2, v13, s[14:15]
  v_lshlrev_b32 v14, 4, v0
  s_lshl_b32 s8, s2, 10
  v_add_u32 v14, s8, v14
  v_mov_b32 v16, s11
  s_waitcnt vmcnt(1)
  v_xor_b32 v16, v16, v6
  v_xor_b32 v16, v16, v5
  s_waitcnt vmcnt(0)
  v_xor_b32 v16, v16, v20
  v_mov_b32 v17, v11
  v_mov_b32 v18, v12
  v_mov_b32 v19, v13
  global_store_dwordx4 v14, v[16:19], s[6:7]
  s_nop {1}
  v_mov_b32 v16, 0)";

constexpr const char* units_gfx1100 = R"(
  s_load_b128 s[4:7], s[0:1], 0x0
  v_lshlrev_b32 v1, 2, v0
  s_lshl_b32 s8, s2, 7
  v_add_nc_u32 v1, s8, v1
  s_waitcnt lgkmcnt(0)
  global_load_b32 v2, v1, s[4:5]
  s_waitcnt vmcnt(0)
  v_cvt_f32_u32 v3, v2
  v_rcp_f32 v4, v3
  s_waitcnt_depctr depctr_va_vdst(0)
  v_add_f32 v5, v4, v3
  v_sqrt_f32 v6, v5
  s_waitcnt_depctr depctr_va_vdst(0)
  v_mul_f32 v7, v6, v5
  global_store_b32 v1, v7, s[6:7]
  s_waitcnt_vscnt null, 0x0
  s_nop 0
  s_sendmsg sendmsg(MSG_DEALLOC_VGPRS))";

constexpr const char* units_gfx1201 = R"(
  s_load_b128 s[4:7], s[0:1], 0x0
  v_lshlrev_b32 v1, 2, v0
  s_lshl_b32 s8, ttmp9, 7
  v_add_nc_u32 v1, s8, v1
  s_wait_kmcnt 0x0
  global_load_b32 v2, v1, s[4:5]
  s_wait_loadcnt 0x0
  v_cmp_gt_u32 vcc_lo, 17, v2
  v_cndmask_b32 v3, v1, v2, vcc_lo
  v_cmp_lt_u32 vcc_lo, 9, v3
  s_wait_alu depctr_va_vcc(0)
  v_cndmask_b32 v4, v2, v3, vcc_lo
  v_cmp_gt_u32 s10, 0x5000000, v4
  v_cndmask_b32 v5, v1, v4, s10
  v_cmp_gt_u32 s10, 0x70000000, v2
  s_wait_alu depctr_va_sdst(0)
  v_cndmask_b32 v6, v5, v4, s10
  s_mov_b32 s10, 77
  s_wait_alu depctr_sa_sdst(0)
  v_add_nc_u32 v6, s10, v6
  s_mov_b32 s10, 78
  s_wait_alu depctr_sa_sdst(0)
  s_add_co_u32 s12, s10, 5
  v_add_nc_u32 v6, s12, v6
  global_store_b32 v1, v6, s[6:7])";

AssembledKernel assembled(const char* target, std::string body, uint32_t lds_bytes) {
  AssembledKernel kernel;
  kernel.target = target;
  kernel.body = std::move(body);
  kernel.lds_bytes = lds_bytes;
  return kernel;
}

}  // namespace

std::vector<Written> written_kernels() {
  std::vector<Written> all;
  const auto add = [&](const char* name, AssembledKernel kernel, uint32_t items, bool halves) {
    all.push_back({name, std::move(kernel), items, 2, 2816, 1024, halves});
  };
  // Clocks of the matrix instruction by which its result is late: 8 passes of gfx90a, 4 of the others.
  for (const auto& [target, suffix, nops] :
       {std::tuple("gfx90a", "f16", 4), std::tuple("gfx942", "_f16", 0), std::tuple("gfx950", "_f16", 1)})
    add("staged", assembled(target, fmt::format(fmt::runtime(staged_cdna), suffix, nops), 2048), 128, true);
  add("staged", assembled("gfx1030", staged_rdna2, 2048), 64, false);
  for (const char* target : {"gfx1100", "gfx1150", "gfx1151"})
    add("staged", assembled(target, staged_rdna3, 4096), 64, true);
  for (const char* target : {"gfx1200", "gfx1201"}) add("staged", assembled(target, staged_rdna4, 2048), 64, true);
  for (const char* target : {"gfx942", "gfx950"})
    add("distances", assembled(target, fmt::format(fmt::runtime(distances_cdna), 0, 1), 0), 64, false);
  add("units", assembled("gfx1100", units_gfx1100, 0), 32, false);
  add("units", assembled("gfx1201", units_gfx1201, 0), 32, false);
  return all;
}

}  // namespace tilejit::testing

#endif

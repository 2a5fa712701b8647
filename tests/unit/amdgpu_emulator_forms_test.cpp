// Packed, cross-lane, paired and scalar instructions of the AMDGPU emulator, by rows.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "tests/unit/amdgpu_rows.h"

namespace tilejit::testing {
namespace {

constexpr const char* every = on_every;
constexpr const char* cdna = on_cdna;
constexpr const char* gfx9_10 = on_gfx9_10;
constexpr const char* rdna = on_rdna;
constexpr const char* rdna3_4 = on_rdna3_4;
constexpr uint32_t one = 0x3f800000;
constexpr uint32_t two = 0x40000000;

TEST(AmdgpuEmulatorForms, Packed) {
  check_gpu_rows({
      {every,
       "v_pk_add_f16 v20, v1, v2\nv_pk_mul_f16 v21, v1, v2\nv_pk_fma_f16 v22, v1, v2, v3",
       {{{0x40003c00, 0x3c003c00, 0x3c000000}, {0x42004000, 0x40003c00, 0x42003c00}}}},
      {every,
       "v_pk_add_f16 v20, v1, v2 op_sel:[1,0] op_sel_hi:[0,1]\nv_pk_add_f16 v21, v1, v2 neg_lo:[0,1] "
       "neg_hi:[1,0]\nv_pk_add_f16 v22, v1, 1.0",
       {{{0x40003c00, 0x3c003c00}, {0x40004200, 0xbc000000, 0x40004000}}}},
      {every,
       "v_pk_add_u16 v20, v1, v2\nv_pk_sub_i16 v21, v1, v2\nv_pk_mul_lo_u16 v22, v1, v2\nv_pk_lshlrev_b16 v23, v3, v1",
       {{{0xffff0003, 0x00020005, 0x00110001}, {0x00010008, 0xfffdfffe, 0xfffe000f, 0xfffe0006}}}},
      {cdna,
       "v_pk_fma_f32 v[20:21], v[6:7], v[8:9], v[6:7]\nv_pk_mul_f32 v[22:23], v[6:7], v[8:9] op_sel:[1,0] "
       "op_sel_hi:[0,1]",
       {{{one, two, two, two}, {0x40400000, 0x40c00000, 0x40800000, two}}}},
      {every,
       "v_fma_mix_f32 v20, v1, v2, v3 op_sel:[1,0,0] op_sel_hi:[1,0,0]\nv_fma_mixlo_f16 v21, v1, v2, v3 "
       "op_sel_hi:[1,0,0]\n"
       "v_fma_mixhi_f16 v21, v1, -v2, 1.0 op_sel_hi:[1,0,0]",
       {{{0x40003c00, two, one}, {0x40a00000, 0xbc004200}}}},
      {"gfx90a gfx942 gfx950 gfx1030", "v_dot4_i32_i8 v20, v1, v2, v3", {{{0x01ff0280, 0x02030405, 10}, {0xfffffd91}}}},
  });
}

TEST(AmdgpuEmulatorForms, Lanes) {
  check_gpu_rows({
      {every,
       "v_mov_b32_dpp v20, v1 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf\n"
       "v_mov_b32_dpp v21, v1 row_shr:1 row_mask:0xf bank_mask:0xf\n"
       "v_mov_b32_dpp v22, v1 row_half_mirror row_mask:0xf bank_mask:0xf\n"
       "v_add_f32_dpp v23, v1, v2 row_shl:1 row_mask:0xf bank_mask:0xf",
       {{{0x3f800000, 0}, {10, 0, 17, 10}},
        {{10, 0}, {0x3f800000, 0x3f800000, 16, 11}},
        {{11, 0}, {12, 10, 15, 12}},
        {{12, 0}, {11, 11, 14, 14}},
        {{14, 0}, {15, 12, 12, 15}},
        {{15, 0}, {14, 14, 11, 16}},
        {{16, 0}, {17, 15, 10, 17}},
        {{17, 0}, {16, 16, 0x3f800000, 0x3f800000}}}},
      {every,
       "v_readfirstlane_b32 s16, v1\nv_mov_b32 v20, s16\nv_readlane_b32 s16, v1, 2\nv_mov_b32 v21, "
       "s16\nv_writelane_b32 v22, s16, 1",
       {{{5}, {5, 7, 0}}, {{6}, {5, 7, 7}}, {{7}, {5, 7, 0}}}},
      {cdna, "v_mbcnt_lo_u32_b32 v20, -1, 0\nv_mbcnt_hi_u32_b32 v20, -1, v20", {{{}, {0}}, {{}, {1}}, {{}, {2}}}},
      {rdna, "v_mbcnt_lo_u32_b32 v20, v1, 10", {{{5}, {10}}, {{5}, {11}}, {{5}, {11}}, {{5}, {12}}}},
      {gfx9_10,
       "v_add_f32_sdwa v20, v1, v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:DWORD src1_sel:DWORD",
       {{{one, one}, {two}}}},
      {"gfx90a gfx942",
       "v_add_u32_sdwa v20, v1, v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_1 src1_sel:WORD_1\n"
       "v_mov_b32 v21, -1\nv_or_b32_sdwa v21, v1, v2 dst_sel:BYTE_2 dst_unused:UNUSED_PRESERVE src0_sel:BYTE_0 "
       "src1_sel:BYTE_3",
       {{{0x11223344, 0x55667788}, {0x5599, 0xff55ffff}}}},
      {cdna, "v_accvgpr_write_b32 a3, v1\nv_accvgpr_read_b32 v20, a3", {{{77}, {77}}}},
      {rdna,
       "s_mov_b32 s16, 0x76543201\ns_mov_b32 s17, 0xfedcba98\nv_permlane16_b32 v20, v1, s16, s17",
       {{{4}, {5}}, {{5}, {4}}, {{6}, {6}}}},
      {rdna3_4, "v_dual_mov_b32 v20, v1 :: v_dual_mov_b32 v1, v2\nv_mov_b32 v22, v1", {{{3, 4}, {3, 0, 4}}}},
      {rdna3_4,
       "v_dual_fmac_f32 v20, v1, v2 :: v_dual_mul_f32 v21, v3, v4",
       {{{one, two, two, two}, {two, 0x40800000}}}},
  });
}

TEST(AmdgpuEmulatorForms, Scalars) {
  check_gpu_rows({
      {every,
       "s_add_u32 s20, s12, s13\ns_addc_u32 s21, s14, s15\ns_cselect_b32 s22, 1, 2",
       {{{0xffffffff, 1, 5, 6}, {0, 12, 2}}}},
      {every,
       "s_sub_u32 s20, s12, s13\ns_subb_u32 s21, s14, s15\ns_cselect_b32 s22, 1, 2",
       {{{0, 1, 5, 5}, {0xffffffff, 0xffffffff, 1}}}},
      {every,
       "s_add_i32 s20, s12, s13\ns_cselect_b32 s21, 1, 0\ns_sub_i32 s22, s14, s15\ns_cselect_b32 s23, 1, 0",
       {{{0x7fffffff, 1, 0x80000000, 1}, {0x80000000, 1, 0x7fffffff, 1}}}},
      {every,
       "s_and_b64 s[20:21], s[12:13], s[14:15]\ns_lshl_b64 s[22:23], s[12:13], 33",
       {{{1, 2, 3, 6}, {1, 2, 0, 2}}}},
      {every,
       "s_lshr_b32 s20, s12, s13\ns_ashr_i32 s21, s12, 4\ns_lshl_b32 s22, s12, 36\ns_bfe_u32 s23, s12, 0x80004",
       {{{0x80000012, 33}, {0x40000009, 0xf8000001, 0x120, 1}}}},
      {every,
       "s_bfe_i32 s20, s12, 0x80004\ns_bfm_b32 s21, 4, 8\ns_bcnt1_i32_b32 s22, s12\ns_mul_hi_u32 s23, s12, s13",
       {{{0xff8, 0x10000000}, {0xffffffff, 0xf00, 9, 0xff}}}},
      {every,
       "s_cmp_lt_i32 s12, s13\ns_cselect_b32 s20, 1, 0\ns_cmp_lt_u32 s12, s13\ns_cselect_b32 s21, 1, 0\ns_min_i32 s22, "
       "s12, s13\ns_max_u32 s23, s12, s13",
       {{{0xffffffff, 1}, {1, 0, 0xffffffff, 0xffffffff}}}},
      {every,
       "s_mov_b32 s20, 0\ns_mov_b32 s21, 5\nagain:\ns_add_u32 s20, s20, s21\ns_sub_u32 s21, s21, 1\ns_cmp_lg_u32 s21, "
       "0\ns_cbranch_scc1 again",
       {{{}, {15, 0}}}},
      {every,
       "s_movk_i32 s20, 0xfffe\ns_pack_ll_b32_b16 s21, s12, s13\ns_not_b32 s22, s12\ns_abs_i32 s23, s14",
       {{{1, 2, 0xfffffffb}, {0xfffffffe, 0x20001, 0xfffffffe, 5}}}},
      {"gfx1150 gfx1151 gfx1200 gfx1201",
       "s_add_f32 s20, s12, s13\ns_mul_f32 s21, s12, s13\ns_cvt_f32_u32 s22, s14\ns_fmac_f32 s20, s12, s13",
       {{{one, two, 7}, {0x40a00000, two, 0x40e00000}}}},
  });
}

}  // namespace
}  // namespace tilejit::testing

#endif

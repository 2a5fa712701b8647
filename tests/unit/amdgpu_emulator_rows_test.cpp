// Arithmetic and conversions of the AMDGPU emulator, by rows. Values follow AMD's ISA documents.
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
using Case = GpuTestCase;
constexpr uint32_t one = 0x3f800000;
constexpr uint32_t two = 0x40000000;
constexpr uint32_t inf = 0x7f800000;
constexpr uint32_t nan_ = 0x7fc00000;
constexpr uint32_t minus = 0x80000000;

TEST(AmdgpuEmulatorRows, Integers) {
  check_gpu_rows({
      {cdna, "v_add_u32 v20, v1, v2", {{{1, 2}, {3}}, {{0xffffffff, 2}, {1}}}},
      {cdna, "v_add_u32 v20, v1, v2 clamp", {{{1, 2}, {3}}, {{0xffffffff, 2}, {0xffffffff}}}},
      {rdna, "v_add_nc_u32 v20, v1, v2", {{{0xffffffff, 2}, {1}}}},
      {rdna, "v_sub_nc_u32 v20, v1, 7", {{{3}, {0xfffffffc}}}},
      {every,
       "v_mul_lo_u32 v20, v1, v2\nv_mul_hi_u32 v21, v1, v2\nv_mul_hi_i32 v22, v1, v2",
       {{{0xffffffff, 2}, {0xfffffffe, 1, 0xffffffff}}}},
      {every, "v_mul_u32_u24 v20, v1, v2\nv_mul_i32_i24 v21, v1, v2", {{{0xffffff, 3}, {0x2fffffd, 0xfffffffd}}}},
      {every,
       "v_mad_u32_u24 v20, v1, v2, v3\nv_mad_i32_i24 v21, v1, v2, v3",
       {{{0xff000002, 3, 5}, {11, 11}}, {{0xffffff, 3, 5}, {0x3000002, 2}}}},
      {every,
       "v_lshlrev_b32 v20, v1, v2\nv_lshrrev_b32 v21, v1, v2\nv_ashrrev_i32 v22, v1, v2",
       {{{4, 0x80000001}, {0x10, 0x08000000, 0xf8000000}}, {{33, 0x80000001}, {2, 0x40000000, 0xc0000000}}}},
      {every,
       "v_lshlrev_b64 v[20:21], v1, v[2:3]\nv_ashrrev_i64 v[22:23], v1, v[2:3]",
       {{{36, 3, 0x80000000}, {0, 0x30, 0xf8000000, 0xffffffff}}, {{65, 3, 1}, {6, 2, 0x80000001, 0}}}},
      {every,
       "v_bfe_u32 v20, v1, v2, v3\nv_bfe_i32 v21, v1, v2, v3",
       {{{0x12345678, 4, 8}, {0x67, 0x67}},
        {{0x12348678, 8, 8}, {0x86, 0xffffff86}},
        {{5, 0, 0}, {0, 0}},
        {{0x80000000, 28, 8}, {8, 0xfffffff8}}}},
      {every,
       "v_bfi_b32 v20, v1, v2, v3\nv_perm_b32 v21, v2, v3, v4",
       {{{0xffff0000, 0x11112222, 0x33334444, 0x0c0d0704}, {0x11114444, 0x00ff1122}},
        {{0xff, 0xaabbccdd, 0x01020304, 0x03020100}, {0x010203dd, 0x01020304}}}},
      {every,
       "v_alignbit_b32 v20, v1, v2, v3\nv_alignbyte_b32 v21, v1, v2, v4",
       {{{0x11223344, 0x55667788, 8, 1}, {0x44556677, 0x44556677}}, {{1, 2, 32, 4}, {2, 2}}}},
      {every,
       "v_and_or_b32 v20, v1, v2, v3\nv_or3_b32 v21, v1, v2, v3\nv_lshl_add_u32 v22, v1, v2, v3\nv_lshl_or_b32 v23, "
       "v1, v2, v3",
       {{{0xf0, 0x3c, 3}, {0x33, 0xff, 3, 3}}, {{1, 2, 3}, {3, 3, 7, 7}}}},
      {every,
       "v_add3_u32 v20, v1, v2, v3\nv_xad_u32 v21, v1, v2, v3\nv_add_lshl_u32 v22, v1, v2, v3",
       {{{5, 6, 7}, {18, 10, 1408}}}},
      {every,
       "v_bfrev_b32 v20, v1\nv_ffbh_u32 v21, v1\nv_ffbl_b32 v22, v1\nv_bcnt_u32_b32 v23, v1, v2",
       {{{1, 5}, {0x80000000, 31, 0, 6}}, {{0, 0}, {0, 0xffffffff, 0xffffffff, 0}}}},
      {every,
       "v_min_i32 v20, v1, v2\nv_max_u32 v21, v1, v2\nv_med3_i32 v22, v1, v2, v3\nv_max3_u32 v23, v1, v2, v3",
       {{{0xffffffff, 1, 0}, {0xffffffff, 0xffffffff, 0, 0xffffffff}}}},
      {"gfx950",
       "v_bitop3_b32 v20, v1, v2, v3 bitop3:0xca\nv_bitop3_b32 v21, v1, v2, v3 bitop3:0x96",
       {{{0xf0f0, 0xff00, 0x3333}, {0xf303, 0x3cc3}}}},
      {"gfx942 gfx950", "v_lshl_add_u64 v[20:21], v[6:7], 3, v[8:9]", {{{0x80000000, 1, 5, 1}, {5, 13}}}},
      {cdna,
       "v_mad_u64_u32 v[20:21], vcc, v1, v2, 5\nv_mov_b32 v22, 3",
       {{{0xffffffff, 0xffffffff}, {6, 0xfffffffe, 3}}}},
      {"gfx1030 gfx1100",
       "v_mad_u64_u32 v[20:21], vcc_lo, v1, v2, 5\nv_mov_b32 v22, 3",
       {{{0xffffffff, 0xffffffff}, {6, 0xfffffffe, 3}}}},
      {rdna3_4,
       "v_lshlrev_b16 v20.l, v1.l, v2.l\nv_add_nc_u16 v20.h, v1.h, v2.h",
       {{{0x30004, 0xffff1234}, {0x00022340}}}},
      {"gfx90a gfx942 gfx1030", "v_lshlrev_b16 v20, v1, v2", {{{4, 0x1234}, {0x2340}}}},
  });
}

TEST(AmdgpuEmulatorRows, CarriesAndMasks) {
  const char* carries9 =
      "v_add_co_u32 v20, vcc, v1, v2\nv_addc_co_u32 v21, vcc, v3, v4, vcc\n"
      "v_sub_co_u32 v22, vcc, v1, v2\nv_subb_co_u32 v23, vcc, v3, v4, vcc";
  const char* carries =
      "v_add_co_u32 v20, vcc_lo, v1, v2\nv_add_co_ci_u32 v21, vcc_lo, v3, v4, vcc_lo\n"
      "v_sub_co_u32 v22, vcc_lo, v1, v2\nv_sub_co_ci_u32 v23, vcc_lo, v3, v4, vcc_lo";
  const std::vector<Case> cases = {{{0xffffffff, 1, 5, 6}, {0, 12, 0xfffffffe, 0xffffffff}},
                                   {{1, 2, 5, 3}, {3, 8, 0xffffffff, 1}}};
  check_gpu_rows({
      {cdna, carries9, cases},
      {rdna, carries, cases},
      {cdna,
       "v_cmp_lt_i32 vcc, v1, v2\nv_cndmask_b32 v20, 7, v3, vcc\nv_cmp_gt_u32 s[16:17], v1, v2\nv_cndmask_b32 v21, 0, "
       "1, s[16:17]",
       {{{0xffffffff, 1, 9}, {9, 1}}, {{5, 1, 9}, {7, 1}}, {{1, 1, 9}, {7, 0}}}},
      {rdna,
       "v_cmp_lt_i32 vcc_lo, v1, v2\nv_cndmask_b32 v20, 7, v3, vcc_lo\nv_cmp_gt_u32 s16, v1, v2\nv_cndmask_b32 v21, 0, "
       "1, s16",
       {{{0xffffffff, 1, 9}, {9, 1}}, {{5, 1, 9}, {7, 1}}, {{1, 1, 9}, {7, 0}}}},
      {rdna,
       "s_mov_b32 s16, exec_lo\nv_cmpx_eq_u32 v1, v2\nv_mov_b32 v20, 1\ns_mov_b32 exec_lo, s16",
       {{{1, 1}, {1}}, {{1, 2}, {0}}}},
      {cdna,
       "s_mov_b64 s[16:17], exec\nv_cmpx_eq_u32 vcc, v1, v2\nv_mov_b32 v20, 1\ns_mov_b64 exec, s[16:17]",
       {{{1, 1}, {1}}, {{1, 2}, {0}}}},
      {cdna,
       "v_cmp_u_f32 vcc, v1, v2\nv_cndmask_b32 v20, 0, 1, vcc\nv_cmp_ngt_f32 vcc, v1, v2\nv_cndmask_b32 v21, 0, 1, "
       "vcc\n"
       "v_cmp_class_f32 vcc, v1, v3\nv_cndmask_b32 v22, 0, 1, vcc",
       {{{nan_, one, 3}, {1, 1, 1}},
        {{two, one, 0x100}, {0, 0, 1}},
        {{minus, 0, 0x20}, {0, 1, 1}},
        {{1, 0, 0x80}, {0, 0, 1}}}},
  });
}

TEST(AmdgpuEmulatorRows, Floats) {
  check_gpu_rows({
      {every,
       "v_add_f32 v20, v1, v2\nv_sub_f32 v21, v1, v2\nv_mul_f32 v22, v1, v2\nv_fma_f32 v23, v1, v2, v3",
       {{{one, two, one}, {0x40400000, 0xbf800000, two, 0x40400000}},
        {{1, 1, 0}, {2, 0, 0, 0}},                                                          // subnormals are kept
        {{minus, 0, 0}, {0, minus, minus, 0}},                                              // -0 - +0 = -0
        {{0x3f800001, 0x3f800001, 0xbf800002}, {0x40000001, 0, 0x3f800002, 0x28800000}}}},  // one rounding
      {every,
       "v_fmac_f32 v20, v1, v2\nv_fma_f32 v21, -v1, |v2|, v3\nv_mul_f32 v22, -v1, 4.0",
       {{{one, 0xc0000000, one}, {0xc0000000, 0xbf800000, 0xc0800000}}}},
      {every,
       "v_mul_f32 v20, v1, v2 clamp",
       {{{two, two}, {one}}, {{two, 0xc0000000}, {0}}, {{nan_, one}, {0}}, {{one, 0x3f000000}, {0x3f000000}}}},
      {gfx9_10,
       "v_max_f32 v20, v1, v2\nv_min_f32 v21, v1, v2",
       {{{nan_, one}, {one, one}},
        {{0, minus}, {0, minus}},
        {{inf, one}, {inf, one}},
        {{0x7f800001, one}, {0x7fc00001, 0x7fc00001}}}},
      {"gfx1201",
       "v_max_num_f32 v20, v1, v2\nv_maximum_f32 v21, v1, v2",
       {{{nan_, one}, {one, nan_}}, {{0, minus}, {0, 0}}}},
      {every,
       "v_rndne_f32 v20, v1\nv_trunc_f32 v21, v1\nv_floor_f32 v22, v1\nv_ceil_f32 v23, v1",
       {{{0x40200000}, {two, two, two, 0x40400000}}, {{0xbf000000}, {minus, minus, 0xbf800000, minus}}}},
      {every,
       "v_rcp_f32 v20, v1\nv_sqrt_f32 v21, v1\nv_exp_f32 v22, v1\nv_log_f32 v23, v1",
       {{{0x40800000}, {0x3e800000, two, 0x41800000, two}}, {{0}, {inf, 0, one, 0xff800000}}}},
      {every,
       "v_ldexp_f32 v20, v1, v2\nv_frexp_mant_f32 v21, v1\nv_frexp_exp_i32_f32 v22, v1",
       {{{0x3f800001, 0xffffff82}, {0x00800001, 0x3f000000 + 1, 1}},
        {{0x3fc00000, 0xffffff6b}, {2, 0x3f400000, 1}},
        {{inf, 1}, {inf, inf, 0}}}},
      {every,
       "v_div_fixup_f32 v20, v1, v2, v3",
       {{{one, 0, one}, {inf}},
        {{one, one, inf}, {inf}},
        {{one, inf, one}, {0}},
        {{one, two, 0xc0000000}, {0xbf800000}}}},
  });
}

TEST(AmdgpuEmulatorRows, Division) {
  // The compiler's expansion of a correctly rounded quotient, from v_rcp's approximation on.
  const auto expansion = [](const std::string& mask) {
    return "v_div_scale_f32 v5, " + mask + ", v2, v2, v1\nv_rcp_f32 v6, v5\nv_div_scale_f32 v7, vcc" +
           (mask == "s16" ? "_lo" : "") +
           ", v1, v2, v1\nv_fma_f32 v8, -v5, v6, 1.0\nv_fma_f32 v6, v8, v6, v6\nv_mul_f32 v8, v7, v6\n"
           "v_fma_f32 v9, -v5, v8, v7\nv_fma_f32 v8, v9, v6, v8\nv_fma_f32 v5, -v5, v8, v7\n"
           "v_div_fmas_f32 v5, v5, v6, v8\nv_div_fixup_f32 v20, v5, v2, v1";
  };
  std::vector<Case> cases;
  const std::vector<uint32_t> values = {one,        0x40400000, 0xc0e00000, 1, 0x807fffff, 0x00800000,
                                        0x7f7fffff, 0x3f800001, inf,        0, 0x7e123456, 0x01abcdef};
  for (const uint32_t a : values)
    for (const uint32_t b :
         {uint32_t{0x40400000}, uint32_t{0x7f000001}, uint32_t{3}, uint32_t{0xbf7fffff}, uint32_t{0}}) {
      const float quotient = std::bit_cast<float>(a) / std::bit_cast<float>(b);
      if (quotient == quotient) cases.push_back({{a, b}, {std::bit_cast<uint32_t>(quotient)}});
    }
  for (size_t from = 0; from < cases.size(); from += 32) {
    const std::vector<Case> part(cases.begin() + static_cast<int64_t>(from),
                                 cases.begin() + static_cast<int64_t>(std::min(from + 32, cases.size())));
    const std::string wide = expansion("s[16:17]");
    const std::string narrow = expansion("s16");
    check_gpu_rows({{"gfx942", wide.c_str(), part}, {"gfx1201", narrow.c_str(), part}});
  }
}

TEST(AmdgpuEmulatorRows, Conversions) {
  check_gpu_rows({
      {every,
       "v_cvt_f32_i32 v20, v1\nv_cvt_f32_u32 v21, v1\nv_cvt_i32_f32 v22, v2\nv_cvt_u32_f32 v23, v2",
       {{{0xffffffff, 0xbfc00000}, {0xbf800000, 0x4f800000, 0xffffffff, 0}},
        {{0x01000001, 0x4f800000}, {0x4b800000, 0x4b800000, 0x7fffffff, 0xffffffff}},
        {{3, nan_}, {0x40400000, 0x40400000, 0, 0}}}},
      {every,
       "v_cvt_f32_ubyte0 v20, v1\nv_cvt_f32_ubyte3 v21, v1\nv_cvt_off_f32_i4 v22, v1",
       {{{0x0300000f}, {0x41700000, 0x40400000, 0xbd800000}}, {{8}, {0x41000000, 0, 0xbf000000}}}},
      {gfx9_10,
       "v_cvt_f16_f32 v20, v1\nv_cvt_f32_f16 v21, v2",
       {{{0x3f802000, 0x3c01}, {0x3c01, 0x3f802000}},
        {{0x3f801000, 1}, {0x3c00, 0x33800000}},
        {{0x477ff000, 0xfc00}, {0x7c00, 0xff800000}},
        {{0x33800000, 0x8000}, {1, minus}},
        {{0x477fefff, 0x7bff}, {0x7bff, 0x477fe000}}}},
      {gfx9_10,
       "v_cvt_pkrtz_f16_f32 v20, v1, v2",
       {{{0x3f801fff, 0xbf801fff}, {0xbc003c00}}, {{0x7f7fffff, 0}, {0x7bff}}}},
      {"gfx950",
       "v_cvt_pk_bf16_f32 v20, v1, v2",
       {{{0x3f808000, 0x3f818000}, {0x3f823f80}}, {{1, nan_}, {0x7fc00000}}}},
  });
}

}  // namespace
}  // namespace tilejit::testing

#endif

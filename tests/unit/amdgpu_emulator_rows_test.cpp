// Instructions of the AMDGPU emulator as rows: text, what the sources hold, what the destination must hold. Values follow
// AMD's ISA documents; each lane of a wave is one case.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"
#include "tests/support/assemble_amdgpu.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;
using Words = std::array<uint32_t, 4>;

struct Case {
  Words in;
  Words out;
};

/// Vector rows read v1 to v4 (pairs: v[6:7], v[8:9]) and write v20 to v23. Scalar rows read s12 to s15 and write s20 to s23 (`scalar` and one case).
struct Row {
  const char* targets;
  const char* text;
  std::vector<Case> cases;
};

constexpr const char* every = "gfx90a gfx942 gfx950 gfx1030 gfx1100 gfx1150 gfx1151 gfx1200 gfx1201";
constexpr const char* cdna = "gfx90a gfx942 gfx950";
constexpr const char* gfx9_10 = "gfx90a gfx942 gfx1030";
constexpr const char* rdna = "gfx1030 gfx1100 gfx1151 gfx1201";
constexpr const char* rdna3_4 = "gfx1100 gfx1151 gfx1201";

bool is_new(const std::string& target) { return target.starts_with("gfx11") || target.starts_with("gfx12"); }
bool is_gfx12(const std::string& target) { return target.starts_with("gfx12"); }

std::string body_of(const std::string& target, const Row& row) {
  const bool is_scalar =
      std::string(row.text).find("s20") != std::string::npos || std::string(row.text).find("s[20") != std::string::npos;
  const std::string wait_scalar = is_gfx12(target) ? "s_wait_kmcnt 0\n" : "s_waitcnt lgkmcnt(0)\n";
  const std::string wait_load = is_gfx12(target) ? "s_wait_loadcnt 0\n" : "s_waitcnt vmcnt(0)\n";
  const std::string wide = is_new(target) ? "b128" : "dwordx4";
  std::string text = fmt::format("s_load_{} s[4:7], s[0:1], 0x0\n", wide) + wait_scalar;
  text += fmt::format("s_load_{} s[12:15], s[4:5], 0x0\n", wide);
  text += "v_and_b32 v0, 0x3ff, v0\nv_lshlrev_b32 v10, 4, v0\n";
  text += fmt::format("global_load_{} v[6:9], v10, s[4:5]\n", wide) + wait_scalar + wait_load;
  for (int n = 1; n <= 4; ++n) text += fmt::format("v_mov_b32 v{}, v{}\n", n, n + 5);
  for (int n = 20; n < 24; ++n) text += fmt::format("v_mov_b32 v{}, 0\ns_mov_b32 s{}, 0\n", n, n);
  text += "s_cmp_eq_u32 s12, s12\n";
  text += std::string(row.text) + "\n";
  for (int n = 20; n < 24 && is_scalar; ++n) text += fmt::format("v_mov_b32 v{}, s{}\n", n, n);
  return text + fmt::format("global_store_{} v10, v[20:23], s[6:7]\n", wide);
}

void check_row(const std::string& target, const Row& row) {
  SCOPED_TRACE(target + ": " + row.text);
  AssembledKernel kernel;
  kernel.target = target;
  kernel.body = body_of(target, row);
  if (std::string(row.text).find(".l") != std::string::npos) kernel.features = "+real-true16";
  kernel.agprs = target.starts_with("gfx9") ? 8 : 0;
  auto emulator = load_assembled(kernel);
  ASSERT_TRUE(emulator.ok()) << emulator.error().message;
  std::vector<Words> in(64, row.cases[0].in);
  std::vector<Words> out(64);
  for (size_t n = 0; n < row.cases.size(); ++n) in[n] = row.cases[n].in;
  std::array<uint64_t, 8> arguments = {reinterpret_cast<uint64_t>(in.data()), reinterpret_cast<uint64_t>(out.data())};
  const std::vector<MemoryRange> memory = {{in.data(), in.size() * sizeof(Words), Access::read, "in"},
                                           {out.data(), out.size() * sizeof(Words), Access::read_write, "out"}};
  Launch launch;
  launch.size = {static_cast<uint32_t>(amdgpu::find_gpu_row(target)->wave), 1, 1};
  launch.kernarg = {reinterpret_cast<const uint8_t*>(arguments.data()), sizeof arguments};
  launch.memory = memory;
  const auto outcome = emulator->run_workgroup(launch);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  for (const Report& report : outcome->reports) ADD_FAILURE() << describe(report);
  for (size_t n = 0; n < row.cases.size(); ++n)
    for (size_t w = 0; w < 4; ++w)
      EXPECT_EQ(fmt::format("{:#x}", out[n][w]), fmt::format("{:#x}", row.cases[n].out[w]))
          << "case " << n << " word " << w;
}

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    std::string targets = row.targets;
    for (size_t from = 0; from < targets.size();) {
      const size_t end = std::min(targets.find(' ', from), targets.size());
      check_row(targets.substr(from, end - from), row);
      from = end + 1;
    }
  }
}

constexpr uint32_t one = 0x3f800000;
constexpr uint32_t two = 0x40000000;
constexpr uint32_t inf = 0x7f800000;
constexpr uint32_t nan_ = 0x7fc00000;
constexpr uint32_t minus = 0x80000000;

TEST(AmdgpuEmulatorRows, Integers) {
  check({
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
  check({
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
  check({
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
    check({{"gfx942", wide.c_str(), part}, {"gfx1201", narrow.c_str(), part}});
  }
}

TEST(AmdgpuEmulatorRows, Conversions) {
  check({
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

TEST(AmdgpuEmulatorRows, Packed) {
  check({
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

TEST(AmdgpuEmulatorRows, Lanes) {
  check({
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

TEST(AmdgpuEmulatorRows, Scalars) {
  check({
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

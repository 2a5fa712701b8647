// Scalar float arithmetic: RDNA 3.5 and 4.
#include <algorithm>
#include <bit>
#include <cmath>

#include "targets/amdgpu/emulator/general_row.h"
#include "targets/amdgpu/emulator/half.h"

namespace tilejit::amdgpu::emulator {
namespace {

using u32 = uint32_t;
using i32 = int32_t;

float f(u32 x) { return std::bit_cast<float>(x); }
u32 bits(float x) { return std::bit_cast<u32>(x); }
double h(u32 x) { return from_f16(static_cast<uint16_t>(x)); }
u32 half_bits(double x) { return to_f16(x); }

u32 smaller(u32 a, u32 b) {
  if (std::isnan(f(a)) || std::isnan(f(b))) return std::isnan(f(a)) ? b : a;
  return f(a) < f(b) || (f(a) == f(b) && std::signbit(f(a))) ? a : b;
}
u32 larger(u32 a, u32 b) {
  if (std::isnan(f(a)) || std::isnan(f(b))) return std::isnan(f(a)) ? b : a;
  return f(a) > f(b) || (f(a) == f(b) && !std::signbit(f(a))) ? a : b;
}
template <typename To>
u32 truncated(u32 a) {
  if (std::isnan(f(a))) return 0;
  const double x = std::trunc(static_cast<double>(f(a)));
  return static_cast<u32>(static_cast<To>(std::clamp(x, static_cast<double>(std::numeric_limits<To>::min()),
                                                     static_cast<double>(std::numeric_limits<To>::max()))));
}
u32 fused(u32 a, u32 b, u32 c) { return bits(std::fma(f(a), f(b), f(c))); }
u32 multiply_add(u32 old, u32 a, u32 b) { return fused(a, b, old); }
/// Bits: 1 less, 2 equal, 4 greater, 8 unordered.
template <unsigned wanted>
bool compare(u32 a, u32 b) {
  const unsigned found = f(a) < f(b) ? 1U : f(a) == f(b) ? 2U : f(a) > f(b) ? 4U : 8U;
  return (found & wanted) != 0;
}
u32 pack_toward_zero(u32 a, u32 b) { return to_f16_toward_zero(f(a)) | u32{to_f16_toward_zero(f(b))} << 16; }

constexpr GeneralRow rows[] = {
    scalar_row<[](u32 a, u32 b) { return bits(f(a) + f(b)); }>("s_add_f32"),
    scalar_row<[](u32 a, u32 b) { return bits(f(a) - f(b)); }>("s_sub_f32"),
    scalar_row<[](u32 a, u32 b) { return bits(f(a) * f(b)); }>("s_mul_f32"),
    scalar_row<smaller>("s_min_f32"),
    scalar_row<larger>("s_max_f32"),
    scalar_row<smaller>("s_min_num_f32"),
    scalar_row<larger>("s_max_num_f32"),
    scalar_row<multiply_add, true>("s_fmac_f32"),
    scalar_row<fused>("s_fmaak_f32"),
    scalar_row<fused>("s_fmamk_f32"),
    scalar_row<[](u32 a) { return bits(std::ceil(f(a))); }>("s_ceil_f32"),
    scalar_row<[](u32 a) { return bits(std::floor(f(a))); }>("s_floor_f32"),
    scalar_row<[](u32 a) { return bits(std::trunc(f(a))); }>("s_trunc_f32"),
    scalar_row<[](u32 a) { return bits(std::nearbyint(f(a))); }>("s_rndne_f32"),
    scalar_row<[](i32 a) { return bits(static_cast<float>(a)); }>("s_cvt_f32_i32"),
    scalar_row<[](u32 a) { return bits(static_cast<float>(a)); }>("s_cvt_f32_u32"),
    scalar_row<truncated<i32>>("s_cvt_i32_f32"),
    scalar_row<truncated<u32>>("s_cvt_u32_f32"),
    scalar_row<[](u32 a) { return u32{to_f16(f(a))}; }>("s_cvt_f16_f32"),
    scalar_row<[](u32 a) { return bits(from_f16(static_cast<uint16_t>(a))); }>("s_cvt_f32_f16"),
    scalar_row<[](u32 a) { return bits(from_f16(static_cast<uint16_t>(a >> 16))); }>("s_cvt_hi_f32_f16"),
    scalar_row<pack_toward_zero>("s_cvt_pk_rtz_f16_f32"),
    scalar_row<[](u32 a, u32 b) { return half_bits(h(a) + h(b)); }>("s_add_f16"),
    scalar_row<[](u32 a, u32 b) { return half_bits(h(a) - h(b)); }>("s_sub_f16"),
    scalar_row<[](u32 a, u32 b) { return half_bits(h(a) * h(b)); }>("s_mul_f16"),
    scalar_row<compare<1>>("s_cmp_lt_f32"),
    scalar_row<compare<2>>("s_cmp_eq_f32"),
    scalar_row<compare<3>>("s_cmp_le_f32"),
    scalar_row<compare<4>>("s_cmp_gt_f32"),
    scalar_row<compare<5>>("s_cmp_lg_f32"),
    scalar_row<compare<6>>("s_cmp_ge_f32"),
    scalar_row<compare<7>>("s_cmp_o_f32"),
    scalar_row<compare<8>>("s_cmp_u_f32"),
    scalar_row<compare<9>>("s_cmp_nge_f32"),
    scalar_row<compare<10>>("s_cmp_nlg_f32"),
    scalar_row<compare<11>>("s_cmp_ngt_f32"),
    scalar_row<compare<12>>("s_cmp_nle_f32"),
    scalar_row<compare<13>>("s_cmp_neq_f32"),
    scalar_row<compare<14>>("s_cmp_nlt_f32"),
};

}  // namespace

std::span<const GeneralRow> scalar_float_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

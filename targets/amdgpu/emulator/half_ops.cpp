// Vector arithmetic on f16: in double, where it is exact enough that one rounding to f16 remains.
#include <algorithm>
#include <cmath>

#include "targets/amdgpu/emulator/half.h"
#include "targets/amdgpu/emulator/vector_row.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace vector_flag;

double wide(F16 x) { return from_f16(x.bits); }
F16 narrow(double x) { return {to_f16(x)}; }

F16 add(F16 a, F16 b) { return narrow(wide(a) + wide(b)); }
F16 sub(F16 a, F16 b) { return narrow(wide(a) - wide(b)); }
F16 subrev(F16 a, F16 b) { return narrow(wide(b) - wide(a)); }
F16 mul(F16 a, F16 b) { return narrow(wide(a) * wide(b)); }
F16 fused(F16 a, F16 b, F16 c) { return narrow(wide(a) * wide(b) + wide(c)); }
bool is_nan(F16 x) { return (x.bits & 0x7fffU) > 0x7c00U; }
F16 smaller(F16 a, F16 b) {
  if (is_nan(a)) return b;
  if (is_nan(b)) return a;
  if (wide(a) == wide(b)) return (a.bits & 0x8000U) != 0 ? a : b;
  return wide(a) < wide(b) ? a : b;
}
F16 larger(F16 a, F16 b) {
  if (is_nan(a)) return b;
  if (is_nan(b)) return a;
  if (wide(a) == wide(b)) return (a.bits & 0x8000U) != 0 ? b : a;
  return wide(a) > wide(b) ? a : b;
}
F16 middle(F16 a, F16 b, F16 c) {
  if (is_nan(a) || is_nan(b) || is_nan(c)) return smaller(smaller(a, b), c);
  return larger(smaller(a, b), smaller(larger(a, b), c));
}
template <auto f>
void in_ieee_mode(Call& c) {
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const F16 a = get<F16>(c, 0, lane);
    const F16 b = get<F16>(c, 1, lane);
    const bool signals = (is_nan(a) && (a.bits & 0x200U) == 0) || (is_nan(b) && (b.bits & 0x200U) == 0);
    Put<F16>::one(c, lane, c.wave->ieee && signals ? F16{0x7e00} : f(a, b));
  }
}
template <auto f>
constexpr VectorRow ieee_row(std::string_view mnemonic) {
  return whole(mnemonic, in_ieee_mode<f>, Value::f16, {Value::f16, Value::f16});
}
F16 scaled(F16 x, int16_t exponent) { return narrow(std::ldexp(wide(x), exponent)); }
F16 div_fixup(F16 quotient, F16 denominator, F16 numerator) {
  const double d = wide(denominator);
  const double n = wide(numerator);
  const double sign = std::signbit(d) != std::signbit(n) ? -1.0 : 1.0;
  if (std::isnan(n) || std::isnan(d)) return narrow(n + d);
  if ((d == 0 && n == 0) || (std::isinf(d) && std::isinf(n))) return {0x7e00};
  if (d == 0 || std::isinf(n)) return narrow(sign * INFINITY);
  if (std::isinf(d) || n == 0) return narrow(sign * 0.0);
  return narrow(sign * std::fabs(wide(quotient)));
}

constexpr VectorRow rows[] = {
    lanewise<add>("v_add_f16"),
    lanewise<sub>("v_sub_f16"),
    lanewise<subrev>("v_subrev_f16"),
    lanewise<mul>("v_mul_f16"),
    lanewise<fused>("v_fma_f16", keeps_high),
    lanewise<fused>("v_fmac_f16", accumulates),
    lanewise<fused>("v_fmamk_f16"),
    lanewise<fused>("v_fmaak_f16"),
    ieee_row<smaller>("v_min_f16"),
    ieee_row<larger>("v_max_f16"),
    lanewise<smaller>("v_min_num_f16"),
    lanewise<larger>("v_max_num_f16"),
    lanewise<middle>("v_med3_f16", keeps_high),
    lanewise<middle>("v_med3_num_f16", keeps_high),
    lanewise<[](F16 a) { return narrow(std::nearbyint(wide(a))); }>("v_rndne_f16"),
    lanewise<[](F16 a) { return narrow(std::trunc(wide(a))); }>("v_trunc_f16"),
    lanewise<[](F16 a) { return narrow(std::floor(wide(a))); }>("v_floor_f16"),
    lanewise<[](F16 a) { return narrow(std::ceil(wide(a))); }>("v_ceil_f16"),
    lanewise<[](F16 a) { return narrow(1 / wide(a)); }>("v_rcp_f16"),
    lanewise<[](F16 a) { return narrow(std::sqrt(wide(a))); }>("v_sqrt_f16"),
    lanewise<[](F16 a) { return narrow(1 / std::sqrt(wide(a))); }>("v_rsq_f16"),
    lanewise<[](F16 a) { return narrow(std::exp2(wide(a))); }>("v_exp_f16"),
    lanewise<[](F16 a) { return narrow(std::log2(wide(a))); }>("v_log_f16"),
    lanewise<scaled>("v_ldexp_f16"),
    lanewise<div_fixup>("v_div_fixup_f16", keeps_high),
};

}  // namespace

std::span<const VectorRow> half_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

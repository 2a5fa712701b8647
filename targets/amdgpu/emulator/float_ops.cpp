// Vector arithmetic on f32 and f64. The host computes in the same way: nearest even, subnormals kept.
#include <algorithm>
#include <bit>
#include <cmath>

#include "targets/amdgpu/emulator/vector_row.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace vector_flag;

template <typename T>
T add(T a, T b) {
  return a + b;
}
template <typename T>
T sub(T a, T b) {
  return a - b;
}
template <typename T>
T subrev(T a, T b) {
  return b - a;
}
template <typename T>
T mul(T a, T b) {
  return a * b;
}
template <typename T>
T fused(T a, T b, T c) {
  return std::fma(a, b, c);
}
/// Zero times anything is zero.
float mul_legacy(float a, float b) { return a == 0 || b == 0 ? 0.0F : a * b; }
float fused_legacy(float a, float b, float c) { return a == 0 || b == 0 ? c : std::fma(a, b, c); }

template <typename T>
bool is_signalling(T x) {
  if constexpr (sizeof(T) == 4)
    return std::isnan(x) && (std::bit_cast<uint32_t>(x) & 0x400000U) == 0;
  else
    return std::isnan(x) && (std::bit_cast<uint64_t>(x) & (uint64_t{1} << 51)) == 0;
}
/// The one that is a number; -0 is less than +0.
template <typename T>
T smaller(T a, T b) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  if (a == b) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}
template <typename T>
T larger(T a, T b) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  if (a == b) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}
/// NaN if either is.
float minimum(float a, float b) { return std::isnan(a) || std::isnan(b) ? a + b : smaller(a, b); }
float maximum(float a, float b) { return std::isnan(a) || std::isnan(b) ? a + b : larger(a, b); }
float middle(float a, float b, float c) {
  if (std::isnan(a) || std::isnan(b) || std::isnan(c)) return smaller(smaller(a, b), c);
  return larger(smaller(a, b), smaller(larger(a, b), c));
}

/// min and max in IEEE mode: a signalling NaN gives a quiet one.
template <typename T, auto f>
void in_ieee_mode(Call& c) {
  const bool ieee = c.wave->ieee;
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const T a = get<T>(c, 0, lane);
    const T b = get<T>(c, 1, lane);
    const bool is_quieted = ieee && (is_signalling(a) || is_signalling(b));
    Put<T>::one(c, lane, is_quieted ? a + b : f(a, b));
  }
}
template <typename T, auto f>
constexpr VectorRow ieee_row(std::string_view mnemonic) {
  return whole(mnemonic, in_ieee_mode<T, f>, value_of<T>(), {value_of<T>(), value_of<T>()});
}

template <typename T>
T fraction(T x) {
  const T below_one = sizeof(T) == 4 ? static_cast<T>(0x1.fffffep-1) : static_cast<T>(0x1.fffffffffffffp-1);
  return std::isinf(x) ? std::numeric_limits<T>::quiet_NaN() : std::min(x - std::floor(x), below_one);
}
/// In double, then rounded: nearer than the one unit in the last place that hardware promises.
float reciprocal(float x) { return 1.0F / x; }
double reciprocal64(double x) { return 1.0 / x; }
float root(float x) { return std::sqrt(x); }
float reciprocal_root(float x) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x))); }
float power_of_two(float x) { return static_cast<float>(std::exp2(static_cast<double>(x))); }
float log_two(float x) { return static_cast<float>(std::log2(static_cast<double>(x))); }
float sine(float x) { return std::isinf(x) ? NAN : static_cast<float>(std::sin(2 * M_PI * static_cast<double>(x))); }
float cosine(float x) { return std::isinf(x) ? NAN : static_cast<float>(std::cos(2 * M_PI * static_cast<double>(x))); }

template <typename T>
T scaled(T x, int32_t exponent) {
  return std::ldexp(x, std::clamp(exponent, -5000, 5000));
}
float mantissa(float x) {
  int exponent = 0;
  return std::isfinite(x) ? std::frexp(x, &exponent) : x;
}
int32_t exponent_of(float x) {
  int exponent = 0;
  if (!std::isfinite(x) || x == 0) return 0;
  std::frexp(x, &exponent);
  return exponent;
}

int biased(float x) { return static_cast<int>(std::bit_cast<uint32_t>(x) >> 23 & 255U); }
/// A value, exact or rounded in double, that f32 holds only as a subnormal.
bool is_small(double x) { return x != 0 && std::fabs(x) < 0x1p-126; }

/// Scales numerator or denominator so that the quotient's steps neither overflow nor lose bits; the bit tells v_div_fmas.
WithMask<float> div_scale(float a, float denominator, float numerator) {
  const double n = numerator;
  const double d = denominator;
  const bool is_denominator = a == denominator;
  if (n == 0 || d == 0) return {std::numeric_limits<float>::quiet_NaN(), false};
  if (biased(numerator) - biased(denominator) >= 96) return {is_denominator ? std::ldexp(a, 64) : a, true};
  if (is_small(d)) return {std::ldexp(a, 64), false};
  // AMD's documents write +64 here, by which a denominator this large would overflow; -64 is what v_div_fmas undoes.
  if (is_small(1 / d) && is_small(n / d)) return {is_denominator ? std::ldexp(a, -64) : a, true};
  if (is_small(1 / d)) return {std::ldexp(a, -64), false};
  if (is_small(n / d)) return {a == numerator ? std::ldexp(a, 64) : a, true};
  if (biased(numerator) <= 23) return {std::ldexp(a, 64), false};
  return {a, false};
}

/// a * b + c in double, an inexact sum made odd: rounding that once more to f32 is as one rounding.
double sum_to_odd(float a, float b, float c) {
  const double product = static_cast<double>(a) * b;  // exact
  const double sum = product + c;
  const double from_c = sum - product;
  const double error = (product - (sum - from_c)) + (c - from_c);
  if (error == 0 || !std::isfinite(sum) || (std::bit_cast<uint64_t>(sum) & 1) != 0) return sum;
  return std::nextafter(sum, error > 0 ? INFINITY : -INFINITY);
}
float div_fmas(float a, float b, float c, bool was_scaled) {
  if (!was_scaled) return std::fma(a, b, c);
  return static_cast<float>(std::ldexp(sum_to_odd(a, b, c), biased(c) > 127 ? 64 : -64));
}
float div_fixup(float quotient, float denominator, float numerator) {
  const bool is_negative = std::signbit(denominator) != std::signbit(numerator);
  const auto with_sign = [&](float x) { return is_negative ? -x : x; };
  if (std::isnan(numerator) || std::isnan(denominator)) return numerator + denominator;
  if (denominator == 0 && numerator == 0) return std::numeric_limits<float>::quiet_NaN();
  if (std::isinf(denominator) && std::isinf(numerator)) return std::numeric_limits<float>::quiet_NaN();
  if (denominator == 0 || std::isinf(numerator)) return with_sign(INFINITY);
  if (std::isinf(denominator) || numerator == 0) return with_sign(0.0F);
  if (biased(numerator) - biased(denominator) < -150) return with_sign(0.0F);
  // Steps on finite operands that overflow end in NaN; AMD's documents say nothing of it.
  return with_sign(std::isnan(quotient) ? INFINITY : std::fabs(quotient));
}

constexpr VectorRow rows[] = {
    lanewise<add<float>>("v_add_f32"),
    lanewise<sub<float>>("v_sub_f32"),
    lanewise<subrev<float>>("v_subrev_f32"),
    lanewise<mul<float>>("v_mul_f32"),
    lanewise<mul_legacy>("v_mul_legacy_f32"),
    lanewise<mul_legacy>("v_mul_dx9_zero_f32"),
    lanewise<fused<float>>("v_fma_f32"),
    lanewise<fused<float>>("v_fmac_f32", accumulates),
    lanewise<fused<float>>("v_fmamk_f32"),
    lanewise<fused<float>>("v_fmaak_f32"),
    lanewise<fused_legacy>("v_fma_legacy_f32"),
    lanewise<fused_legacy>("v_fma_dx9_zero_f32"),
    ieee_row<float, smaller<float>>("v_min_f32"),
    ieee_row<float, larger<float>>("v_max_f32"),
    lanewise<smaller<float>>("v_min_num_f32"),
    lanewise<larger<float>>("v_max_num_f32"),
    lanewise<minimum>("v_minimum_f32"),
    lanewise<maximum>("v_maximum_f32"),
    lanewise<middle>("v_med3_f32"),
    lanewise<middle>("v_med3_num_f32"),
    lanewise<[](float a, float b, float c) { return smaller(smaller(a, b), c); }>("v_min3_f32"),
    lanewise<[](float a, float b, float c) { return larger(larger(a, b), c); }>("v_max3_f32"),
    lanewise<[](float a, float b, float c) { return smaller(smaller(a, b), c); }>("v_min3_num_f32"),
    lanewise<[](float a, float b, float c) { return larger(larger(a, b), c); }>("v_max3_num_f32"),
    lanewise<[](float a, float b, float c) { return minimum(minimum(a, b), c); }>("v_minimum3_f32"),
    lanewise<[](float a, float b, float c) { return maximum(maximum(a, b), c); }>("v_maximum3_f32"),
    lanewise<[](float a, float b, float c) { return larger(smaller(a, b), c); }>("v_minmax_f32"),
    lanewise<[](float a, float b, float c) { return smaller(larger(a, b), c); }>("v_maxmin_f32"),
    lanewise<[](float a, float b, float c) { return larger(smaller(a, b), c); }>("v_minmax_num_f32"),
    lanewise<[](float a, float b, float c) { return smaller(larger(a, b), c); }>("v_maxmin_num_f32"),
    lanewise<[](float a) { return std::nearbyint(a); }>("v_rndne_f32"),
    lanewise<[](float a) { return std::trunc(a); }>("v_trunc_f32"),
    lanewise<[](float a) { return std::ceil(a); }>("v_ceil_f32"),
    lanewise<[](float a) { return std::floor(a); }>("v_floor_f32"),
    lanewise<fraction<float>>("v_fract_f32"),
    lanewise<reciprocal>("v_rcp_f32"),
    lanewise<reciprocal>("v_rcp_iflag_f32"),
    lanewise<root>("v_sqrt_f32"),
    lanewise<reciprocal_root>("v_rsq_f32"),
    lanewise<power_of_two>("v_exp_f32"),
    lanewise<log_two>("v_log_f32"),
    lanewise<sine>("v_sin_f32"),
    lanewise<cosine>("v_cos_f32"),
    lanewise<scaled<float>>("v_ldexp_f32"),
    lanewise<mantissa>("v_frexp_mant_f32"),
    lanewise<exponent_of>("v_frexp_exp_i32_f32"),
    lanewise<div_scale>("v_div_scale_f32"),
    lanewise<div_fmas>("v_div_fmas_f32"),
    lanewise<div_fixup>("v_div_fixup_f32"),
    lanewise<add<double>>("v_add_f64"),
    lanewise<mul<double>>("v_mul_f64"),
    lanewise<fused<double>>("v_fma_f64"),
    lanewise<fused<double>>("v_fmac_f64", accumulates),
    ieee_row<double, smaller<double>>("v_min_f64"),
    ieee_row<double, larger<double>>("v_max_f64"),
    lanewise<smaller<double>>("v_min_num_f64"),
    lanewise<larger<double>>("v_max_num_f64"),
    lanewise<reciprocal64>("v_rcp_f64"),
    lanewise<scaled<double>>("v_ldexp_f64"),
    lanewise<[](double a) { return std::nearbyint(a); }>("v_rndne_f64"),
    lanewise<[](double a) { return std::trunc(a); }>("v_trunc_f64"),
    lanewise<[](double a) { return std::floor(a); }>("v_floor_f64"),
    lanewise<[](double a) { return std::ceil(a); }>("v_ceil_f64"),
};

}  // namespace

std::span<const VectorRow> float_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

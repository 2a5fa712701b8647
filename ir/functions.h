// exp, erf and tanh of an f32, each one fixed sequence of IR ops, and the activation functions made of them.
//
// `Ops` supplies the ops of ops.def on f32 (`Ops::F`) and i32 (`Ops::I`): ScalarOps (scalar_ops.h) computes, for the
// interpreter and the tests; TileOps (tile_ops.h) appends instructions, for the pass expand_functions. So every target gives
// the same bits. NaN stays NaN: max and min give their second operand then. A call has at most one argument that makes an op:
// the order of the ops is that of the text. Greatest errors over all f32, subnormal results included:
// exp 1.02, erf 1.72, tanh 1.94 ulp; tests/unit/functions_test.cpp tries every exponent.
//
// The polynomials are this project's own minimax fits (linear programming over 400 Chebyshev nodes, or Remez exchange), their
// coefficients rounded to f32 one by one from the lowest and the rest fitted again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace tilejit::ir::functions {

inline constexpr int32_t sign_bit = std::numeric_limits<int32_t>::min();
inline constexpr int32_t exponent_bias = 127;
inline constexpr int exponent_shift = 23;

inline constexpr float log2_e = 0x1.715476p+0f;
// Their sum is ln 2; n * ln2_high is exact for |n| < 512.
inline constexpr float ln2_high = 0x1.62e4p-1f;
inline constexpr float ln2_low = 0x1.7f7d1cp-20f;
/// 1.5 * 2^23: added to a number below 2^22 it leaves its nearest integer in the low bits of the sum.
inline constexpr float to_integer = 0x1.8p+23f;

/// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, ascending; e^r is then within 2^-28.2 of its value.
inline constexpr std::array exp_tail = {0x1.fffffcp-2f, 0x1.555492p-3f, 0x1.5558acp-5f, 0x1.123976p-7f,
                                        0x1.6a5054p-10f};
/// ln(erfc(-b)) / b - 1 for -3.93 <= b <= 0, ascending; erf is then within 2^-27.8 of its value.
inline constexpr std::array log_erfc = {0x1.06eba8p-3f,   -0x1.45f300p-1f,  0x1.a4f8c4p-4f,
                                        0x1.39b7ccp-6f,   -0x1.6374a8p-13f, -0x1.b7438cp-10f,
                                        -0x1.4e277ep-11f, -0x1.f2843ap-14f, -0x1.3afab4p-17f};
// Beyond these the rounded result is constant: 0, inf, 1, 1.
inline constexpr float exp_underflow = -104.0f;
inline constexpr float exp_overflow = 89.0f;
inline constexpr float erf_saturation = 3.93f;
inline constexpr float tanh_saturation = 9.02f;

/// Horner's rule, highest coefficient first.
template <typename Ops, size_t n>
typename Ops::F polynomial(Ops& ops, typename Ops::F x, const std::array<float, n>& coefficients) {
  typename Ops::F sum = ops.f32(coefficients[n - 1]);
  for (size_t i = n - 1; i > 0; --i) sum = ops.fma(sum, x, ops.f32(coefficients[i - 1]));
  return sum;
}

/// e^x = 2^n * (1 + q).
template <typename Ops>
struct Reduced {
  typename Ops::I exponent;  // n + bias in its low bits, above them a constant that is a multiple of 2^21
  typename Ops::F q;
};

/// For |x| < 2^20. A NaN makes q a NaN.
template <typename Ops>
Reduced<Ops> reduce(Ops& ops, typename Ops::F x, int32_t bias) {
  const auto shifter = ops.f32(to_integer + static_cast<float>(bias));
  const auto shifted = ops.fma(x, ops.f32(log2_e), shifter);
  const auto n = ops.sub(shifted, shifter);
  const auto nearly = ops.fma(n, ops.f32(-ln2_high), x);
  const auto r = ops.fma(n, ops.f32(-ln2_low), nearly);
  const auto tail = polynomial(ops, r, exp_tail);
  const auto q = ops.fma(ops.mul(r, r), tail, r);
  return {ops.bits(shifted), q};
}

/// 2^n of n + 127 in the low 9 bits.
template <typename Ops>
typename Ops::F power_of_two(Ops& ops, typename Ops::I biased) {
  return ops.from_bits(ops.shift_left(biased, exponent_shift));
}

/// exp(-inf) = 0, exp(inf) = inf. 2^n is applied as two factors: only a subnormal result is rounded once more.
template <typename Ops>
typename Ops::F exp(Ops& ops, typename Ops::F x) {
  const auto above = ops.max(ops.f32(exp_underflow), x);
  const auto inside = ops.min(ops.f32(exp_overflow), above);
  const auto [exponent, q] = reduce(ops, inside, 2 * exponent_bias);
  const auto first = ops.shift_right(exponent, 1);
  const auto second = ops.sub(exponent, first);
  const auto power = ops.add(q, ops.f32(1));
  const auto scaled = ops.mul(power, power_of_two(ops, first));
  return ops.mul(scaled, power_of_two(ops, second));
}

/// A number >= 0 with the sign of `bits`.
template <typename Ops>
typename Ops::F with_sign(Ops& ops, typename Ops::F magnitude, typename Ops::I bits) {
  const auto sign = ops.bit_and(bits, ops.i32(sign_bit));
  return ops.from_bits(ops.bit_or(sign, ops.bits(magnitude)));
}

/// erf|x| = 1 - e^g, g = ln(erfc|x|). erf(+-0) = +-0, erf(+-inf) = +-1.
template <typename Ops>
typename Ops::F erf(Ops& ops, typename Ops::F x) {
  const auto bits = ops.bits(x);
  const auto negative = ops.from_bits(ops.bit_or(bits, ops.i32(sign_bit)));
  const auto b = ops.max(ops.f32(-erf_saturation), negative);
  const auto g = ops.fma(b, polynomial(ops, b, log_erfc), b);
  const auto [exponent, q] = reduce(ops, g, exponent_bias);
  const auto scale = power_of_two(ops, exponent);
  const auto below = ops.fma(scale, q, ops.sub(scale, ops.f32(1)));
  return with_sign(ops, ops.sub(ops.f32(0), below), bits);
}

/// tanh|x| = (1 - E) / (1 + E), E = e^(-2|x|); each of the two is rounded once. tanh(+-0) = +-0, tanh(+-inf) = +-1.
template <typename Ops>
typename Ops::F tanh(Ops& ops, typename Ops::F x) {
  const auto bits = ops.bits(x);
  const auto negative = ops.from_bits(ops.bit_or(bits, ops.i32(sign_bit)));
  const auto b = ops.max(ops.f32(-tanh_saturation), negative);
  const auto [exponent, q] = reduce(ops, ops.add(b, b), exponent_bias);
  const auto scale = power_of_two(ops, exponent);
  const auto one = ops.f32(1);
  const auto below = ops.fma(scale, q, ops.sub(scale, one));
  const auto above = ops.fma(scale, q, ops.add(scale, one));
  const auto numerator = ops.sub(ops.f32(0), below);
  return with_sign(ops, ops.div(numerator, above), bits);
}

// Activations use exp, erf and tanh as ops.
inline constexpr float one_by_sqrt_2 = 0x1.6a09e6p-1f;
// gelu_tanh's argument is x * (sqrt(2/pi) + sqrt(2/pi) * 0.044715 * x^2).
inline constexpr float sqrt_2_by_pi = 0x1.988454p-1f;
inline constexpr float cubic_part = 0x1.2444f2p-5f;

/// x / (1 + e^-x); silu(-inf) is -inf / inf, a NaN.
template <typename Ops>
typename Ops::F silu(Ops& ops, typename Ops::F x) {
  const auto e = ops.exp(ops.sub(ops.f32(0), x));
  return ops.div(x, ops.add(e, ops.f32(1)));
}

/// x/2 * (1 + erf(x / sqrt 2)); gelu(-inf) is -inf * 0, a NaN.
template <typename Ops>
typename Ops::F gelu(Ops& ops, typename Ops::F x) {
  const auto erf = ops.erf(ops.mul(x, ops.f32(one_by_sqrt_2)));
  const auto half = ops.mul(x, ops.f32(0.5f));
  return ops.mul(half, ops.add(erf, ops.f32(1)));
}

/// x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))); gelu_tanh(-inf) is -inf * 0, a NaN.
template <typename Ops>
typename Ops::F gelu_tanh(Ops& ops, typename Ops::F x) {
  const auto square = ops.mul(x, x);
  const auto cubic = ops.f32(cubic_part);
  const auto slope = ops.fma(square, cubic, ops.f32(sqrt_2_by_pi));
  const auto tanh = ops.tanh(ops.mul(x, slope));
  const auto half = ops.mul(x, ops.f32(0.5f));
  return ops.mul(half, ops.add(tanh, ops.f32(1)));
}

}  // namespace tilejit::ir::functions

// The arithmetic of one element: what the f32 and i32 ops of ops.def do, and what functions.h makes of them. The interpreter
// computes with it. Callers keep the default floating-point mode (interpret_ops.h).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "ir/functions.h"

namespace tilejit::ir {

struct ScalarOps {
  using F = float;
  using I = int32_t;

  static F f32(float value) { return value; }
  static I i32(int32_t value) { return value; }
  static I bits(F a) { return std::bit_cast<I>(a); }
  static F from_bits(I a) { return std::bit_cast<F>(a); }

  static F add(F a, F b) { return a + b; }
  static F sub(F a, F b) { return a - b; }
  static F mul(F a, F b) { return a * b; }
  static F fma(F a, F b, F c) { return std::fma(a, b, c); }
  static F div(F a, F b) { return a / b; }
  static F round(F a) { return std::nearbyint(a); }
  // i32 arithmetic wraps, as that of unsigned does.
  static I add(I a, I b) { return static_cast<I>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
  static I sub(I a, I b) { return static_cast<I>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b)); }
  static I mul(I a, I b) { return static_cast<I>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b)); }
  /// A NaN in either gives b, so does a tie of zeros.
  template <typename T>
  static T max(T a, T b) {
    return a > b ? a : b;
  }
  template <typename T>
  static T min(T a, T b) {
    return a < b ? a : b;
  }
  static I bit_and(I a, I b) { return a & b; }
  static I bit_or(I a, I b) { return a | b; }
  static I shift_left(I a, int64_t n) { return static_cast<I>(static_cast<uint32_t>(a) << n); }
  static I shift_right(I a, int64_t n) { return a >> n; }

  static F exp(F x) {
    ScalarOps ops;
    return functions::exp(ops, x);
  }
  static F erf(F x) {
    ScalarOps ops;
    return functions::erf(ops, x);
  }
  static F tanh(F x) {
    ScalarOps ops;
    return functions::tanh(ops, x);
  }
};

}  // namespace tilejit::ir

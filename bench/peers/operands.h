// The operands of one layer in the plain forms that libraries take: what every peer converts from, before any time is
// taken.
#pragma once

#include <tilejit/weights.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "jit/problem.h"
#include "tools/report/operands.h"

namespace tilejit::peers {

/// w[k][n] = (u - z) * s, channels side by side. Dense weights have values only.
struct PlainWeights {
  Problem problem;             // resolved
  std::vector<uint8_t> u;      // [k][n]
  std::vector<uint8_t> zeros;  // [groups][n]; the constant z where none are stored
  std::vector<float> scales;   // [groups][n], widened from problem.s
  std::vector<float> values;   // [k][n] of dense weights, exact
  const Weights* from = nullptr;
};
/// ok, or `unsupported` for what is compared with no peer: an epilogue, a permutation, float zero points.
Result<void> can_compare(const Problem& problem);
/// The weights must outlive what is made of them.
PlainWeights plain_weights(const Problem& problem, const Weights& weights);

/// Two to a byte along n, the even channel low, u or (signed) u - 8.
std::vector<std::byte> unsigned_nibbles(const PlainWeights& weights);
std::vector<std::byte> signed_nibbles(const PlainWeights& weights);
/// u - 2^(bits-1), a byte each, [k][n].
std::vector<int8_t> signed_bytes(const PlainWeights& weights);
/// [k][n], dequantized in f32.
std::vector<float> f32_weights(const PlainWeights& weights);
/// Numbers as elements of a float type.
std::vector<std::byte> as_type(const std::vector<float>& values, Type type);

/// What a peer multiplies: the activations of the call, as f32, quantized to int8 row by row ahead of time, or these
/// plus 128.
enum class Form : uint8_t { given, f32, s8, u8 };

/// The rows of a call in every form that the problem has; s8 and u8 as quantize_row gives them, without its scales.
struct PlainActivations {
  int64_t m = 0;
  int64_t k = 0;
  report::Matrix given;
  std::vector<float> f32;
  std::vector<int8_t> s8;   // empty unless the problem quantizes rows
  std::vector<uint8_t> u8;  // likewise

  const void* data(Form form) const;
};
PlainActivations plain_activations(const Problem& problem, const report::Matrix& a);

}  // namespace tilejit::peers

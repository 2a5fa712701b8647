#include "bench/peers/operands.h"

#include <span>

#include "runtime/read_float.h"
#include "runtime/reference.h"

namespace tilejit::peers {
namespace {

std::vector<std::byte> nibbles(const PlainWeights& weights, uint8_t flipped) {
  std::vector<std::byte> packed((weights.u.size() + 1) / 2);
  for (size_t i = 0; i < weights.u.size(); ++i)
    packed[i / 2] |= static_cast<std::byte>((weights.u[i] ^ flipped) << (i % 2 * 4));
  return packed;
}

void read_dense(PlainWeights& plain, const Weights& weights) {
  plain.values.resize(static_cast<size_t>(weights.n * weights.k));
  for (int64_t n = 0; n < weights.n; ++n)
    for (int64_t k = 0; k < weights.k; ++k)
      plain.values[static_cast<size_t>(k * weights.n + n)] =
          static_cast<float>(read_float(weights.data.data(), weights.data_type, n * weights.k + k));
}

void read_quantized(PlainWeights& plain, const Weights& weights) {
  plain.u.resize(static_cast<size_t>(weights.n * weights.k));
  read_tile(weights, 0, weights.k, 0, weights.n, plain.u.data(), weights.n);
  for (int64_t g = 0; g < weights.groups(); ++g)
    for (int64_t n = 0; n < weights.n; ++n) {
      plain.zeros.push_back(static_cast<uint8_t>(read_zero(weights, g, n)));
      plain.scales.push_back(static_cast<float>(widen(weights.scale_type(), read_scale(weights, g, n))));
    }
}

}  // namespace

Result<void> can_compare(const Problem& problem) {
  if (!problem.epilogue.empty()) return unsupported("peers run without an epilogue; epilogue=none works");
  if (problem.perm) return unsupported("peers run without a permutation; perm=0 works");
  if (problem.zp == ZeroDomain::floating) return unsupported("no peer has float zero points; zp=none or int works");
  return {};
}

PlainWeights plain_weights(const Problem& problem, const Weights& weights) {
  PlainWeights plain{.problem = problem, .u = {}, .zeros = {}, .scales = {}, .values = {}, .from = &weights};
  if (problem.has_scales())
    read_quantized(plain, weights);
  else
    read_dense(plain, weights);
  return plain;
}

std::vector<std::byte> unsigned_nibbles(const PlainWeights& weights) { return nibbles(weights, 0); }
std::vector<std::byte> signed_nibbles(const PlainWeights& weights) { return nibbles(weights, 8); }

std::vector<int8_t> signed_bytes(const PlainWeights& weights) {
  const int middle = 1 << (weights.problem.weight_bits() - 1);
  std::vector<int8_t> bytes;
  bytes.reserve(weights.u.size());
  for (const uint8_t u : weights.u) bytes.push_back(static_cast<int8_t>(u - middle));
  return bytes;
}

std::vector<float> f32_weights(const PlainWeights& weights) {
  if (!weights.values.empty()) return weights.values;
  const int64_t n = weights.problem.n;
  const int64_t group = weights.problem.group == -1 ? weights.problem.k : weights.problem.group;
  std::vector<float> values(weights.u.size());
  for (int64_t k = 0; k < weights.problem.k; ++k)
    for (int64_t j = 0; j < n; ++j) {
      const auto at = static_cast<size_t>(k * n + j);
      const auto in_group = static_cast<size_t>(k / group * n + j);
      values[at] = static_cast<float>(weights.u[at] - weights.zeros[in_group]) * weights.scales[in_group];
    }
  return values;
}

std::vector<std::byte> as_type(const std::vector<float>& values, Type type) {
  std::vector<std::byte> data(static_cast<size_t>(bytes_of(type, static_cast<int64_t>(values.size()))));
  for (size_t i = 0; i < values.size(); ++i) report::store_float(data.data(), type, static_cast<int64_t>(i), values[i]);
  return data;
}

const void* PlainActivations::data(Form form) const {
  switch (form) {
    case Form::given: return given.data.data();
    case Form::f32: return f32.data();
    case Form::s8: return s8.data();
    case Form::u8: return u8.data();
  }
  return nullptr;
}

PlainActivations plain_activations(const Problem& problem, const report::Matrix& a) {
  PlainActivations plain{.m = a.rows, .k = a.cols, .given = a, .f32 = {}, .s8 = {}, .u8 = {}};
  std::vector<double> values;
  for (int64_t i = 0; i < a.rows * a.cols; ++i) values.push_back(read_float(a.data.data(), a.type, i));
  for (const double value : values) plain.f32.push_back(static_cast<float>(value));
  if (!problem.quantizes_rows()) return plain;
  const auto k = static_cast<size_t>(a.cols);
  for (size_t start = 0; start < values.size(); start += k) {
    const QuantizedRow row = quantize_row(std::span(values).subspan(start, k));
    plain.s8.insert(plain.s8.end(), row.q.begin(), row.q.end());
  }
  for (const int8_t q : plain.s8) plain.u8.push_back(static_cast<uint8_t>(q + 128));
  return plain;
}

}  // namespace tilejit::peers

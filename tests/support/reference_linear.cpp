#include "tests/support/reference_linear.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ir/check.h"

namespace tilejit::test {
namespace {

double stored_float(uint32_t bits, Type type) {
  return FloatRows{reinterpret_cast<const std::byte*>(&bits), type, 0}.at(0, 0);
}

/// One output channel w = scaled + offset, in the order of the packed positions.
struct Channel {
  std::vector<double> scaled;  // (u - z) * s
  std::vector<double> offset;  // c; empty: none
  double largest_scale = 0;
};

Channel read_channel(const Weights& weights, int64_t n) {
  const auto k = static_cast<size_t>(weights.k);
  const int64_t group = weights.group == -1 ? weights.k : weights.group;
  std::vector<uint8_t> u(k);
  read_tile(weights, 0, weights.k, n, 1, u.data(), 1);
  Channel channel{std::vector<double>(k), std::vector<double>(weights.has_offsets() ? k : 0), 0};
  for (int64_t g = 0; g < weights.groups(); ++g) {
    const double s = stored_float(read_scale(weights, g, n), weights.scale_type());
    const double c = weights.has_offsets() ? stored_float(read_offset(weights, g, n), weights.scale_type()) : 0;
    const int z = read_zero(weights, g, n);
    channel.largest_scale = std::max(channel.largest_scale, std::abs(s));
    for (auto i = static_cast<size_t>(g * group); i < std::min(k, static_cast<size_t>((g + 1) * group)); ++i) {
      channel.scaled[i] = (u[i] - z) * s;
      if (weights.has_offsets()) channel.offset[i] = c;
    }
  }
  return channel;
}

/// Activations in the order of the packed positions.
std::vector<double> gather(const Weights& weights, const FloatRows& a, int64_t m) {
  std::vector<double> rows;
  rows.reserve(static_cast<size_t>(m * weights.k));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < weights.k; ++j)
      rows.push_back(a.at(i, weights.perm.empty() ? j : weights.perm[static_cast<size_t>(j)]));
  return rows;
}

struct Element {
  double value = 0;
  F32Error error;
};

void add_products(const double* x, const std::vector<double>& w, Element& element) {
  for (size_t j = 0; j < w.size(); ++j) {
    element.value += x[j] * w[j];
    element.error.magnitude += std::abs(x[j] * w[j]);
  }
}

void add_bias(const Weights& weights, int64_t n, Element& element) {
  const double bias = FloatRows{weights.bias.data(), weights.bias_type, 0}.at(0, n);
  element.value += bias;
  element.error.magnitude += std::abs(bias);
}

void apply(Epilogue op, const Weights& weights, int64_t n, Element& element) {
  switch (op) {
    case Epilogue::bias: return add_bias(weights, n, element);
    case Epilogue::relu:
    case Epilogue::silu:
    case Epilogue::gelu:
    case Epilogue::gelu_tanh:
    case Epilogue::mul:
    case Epilogue::residual:
    case Epilogue::swiglu: break;
  }
  CHECK(false, "the reference has no such epilogue op");
}

}  // namespace

void reference_linear(const Problem& resolved, const Weights& weights, const FloatRows& a, int64_t m, double* out,
                      double* bound) {
  CHECK(resolved.dot == Dot::fma || resolved.dot == Dot::bf16,
        "the reference has no other dot: " + print_problem(resolved));
  const std::vector<double> rows = gather(weights, a, m);
  const int64_t chain = longest_chain(resolved, weights.has_offsets());
  for (int64_t n = 0; n < weights.n; ++n) {
    const Channel channel = read_channel(weights, n);
    const double flushed =
        resolved.dot == Dot::bf16 ? 0x1p-126 * static_cast<double>(weights.k) * channel.largest_scale : 0;
    for (int64_t i = 0; i < m; ++i) {
      Element element{0, {0, chain, flushed}};
      const double* x = rows.data() + i * weights.k;
      add_products(x, channel.scaled, element);
      add_products(x, channel.offset, element);
      for (Epilogue op : resolved.epilogue) apply(op, weights, n, element);
      out[i * weights.n + n] = element.value;
      bound[i * weights.n + n] = output_bound(resolved.out, element.value, element.error);
    }
  }
}

}  // namespace tilejit::test

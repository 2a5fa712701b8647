#include "runtime/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "ir/check.h"
#include "runtime/read_float.h"
#include "runtime/reference_epilogue.h"

namespace tilejit {
namespace {

/// One channel as the loop over k reads it.
struct Channel {
  std::vector<double> w;        // (u - z) * s + c
  std::vector<double> product;  // |(u - z) * s|
  std::vector<double> offset;   // |c|; empty: none
  double largest_scale = 0;
  double largest_factor = 0;  // |u - z|
};

/// Dense weights are their own values, with a scale of 1.
Channel read_dense_channel(const Weights& weights, int64_t n) {
  Channel channel;
  channel.largest_scale = 1;
  for (int64_t k = 0; k < weights.k; ++k) {
    channel.w.push_back(read_float(weights.data.data(), weights.data_type, n * weights.k + k));
    channel.product.push_back(std::abs(channel.w.back()));
    channel.largest_factor = std::max(channel.largest_factor, channel.product.back());
  }
  return channel;
}

Channel read_channel(const Weights& weights, int64_t n) {
  if (weights.packing == Packing::row_floats) return read_dense_channel(weights, n);
  std::vector<uint8_t> u(static_cast<size_t>(weights.k));
  read_tile(weights, 0, weights.k, n, 1, u.data(), 1);
  const int64_t group = weights.group == -1 ? weights.k : weights.group;
  const Type type = weights.scale_type();
  Channel channel;
  for (int64_t k = 0; k < weights.k; ++k) {
    const int64_t g = k / group;
    const double s = widen(type, read_scale(weights, g, n));
    const double c = weights.has_offsets() ? widen(type, read_offset(weights, g, n)) : 0;
    const double integer = u[static_cast<size_t>(k)] - read_zero(weights, g, n);
    channel.w.push_back(integer * s + c);
    channel.product.push_back(std::abs(integer * s));
    if (weights.has_offsets()) channel.offset.push_back(std::abs(c));
    channel.largest_scale = std::max(channel.largest_scale, std::abs(s));
    channel.largest_factor = std::max(channel.largest_factor, std::abs(integer));
  }
  return channel;
}

/// The most roundings that one term of the sum passes: through its group, over the groups (of c as well), over the segments.
double longest_chain(const Problem& resolved, const Weights& weights) {
  const int64_t in_group = resolved.group == -1 ? resolved.k : std::min(resolved.group, resolved.k);
  const int64_t groups = resolved.groups();
  const int64_t offsets = weights.has_offsets() ? groups : 0;
  int64_t chain = 0;
  switch (resolved.dot) {
    case Dot::fma:
    case Dot::bf16: chain = in_group + groups + offsets + resolved.ks; break;
    case Dot::i8x2: {
      const int64_t blocks = groups * ((in_group + 127) / 128);
      const int64_t before = weights.has_offsets() ? in_group : 2;  // the f32 sum of a, or f32(S) * t
      chain = before + blocks + offsets + resolved.ks;
      break;
    }
    case Dot::i8:
      // f32(S) * s * s_a, or f32(S_g) through the groups, the segments and s_a
      chain = resolved.scheme == Scheme::w8a8 ? 3 : 1 + groups + offsets + resolved.ks + 1;
      break;
    // A matrix step cuts up to eight products at 24 bits below its largest, then its sum or the accumulator once more, and rounds:
    // one unit for each k, at most one more for each k as the sum that is carried on is cut and rounded once a step.
    case Dot::mma: chain = 2 * in_group + 9 + groups + offsets + resolved.ks; break;
    case Dot::automatic: CHECK(false, "no covered dot");
  }
  return static_cast<double>(chain);
}

double unit_roundoff(Type out) { return out == Type::bf16 ? 0x1p-8 : out == Type::f16 ? 0x1p-11 : 0x1p-23; }
double smallest_step(Type out) { return out == Type::f16 ? 0x1p-25 : 0x1p-126; }

/// The sum of term(0) to term(size - 1), in eight interleaved sums so that the additions overlap.
template <typename Term>
double sum(size_t size, Term term) {
  constexpr size_t lanes = 8;
  double sums[lanes] = {};
  const size_t whole = size / lanes * lanes;
  for (size_t k = 0; k < whole; k += lanes)
    for (size_t i = 0; i < lanes; ++i) sums[i] += term(k + i);
  for (size_t k = whole; k < size; ++k) sums[0] += term(k);
  return std::accumulate(sums, sums + lanes, 0.0);
}

double sum_of_products(const double* x, const std::vector<double>& w) {
  return sum(w.size(), [&](size_t k) { return x[k] * w[k]; });
}
double sum_of_magnitudes(const double* x, const std::vector<double>& w) {
  return sum(w.size(), [&](size_t k) { return std::abs(x[k]) * w[k]; });
}

/// The sums of one channel for every row.
UnroundedColumn sum_channel(const Problem& resolved, const Weights& weights, const ReferenceRows& rows, double rounding,
                            int64_t n) {
  const Channel channel = read_channel(weights, n);
  // A step of dot=bf16 loses subnormal activations, at |u - z| * 2^-126 each, subnormal dense weights, and a tiny sum.
  // So does one of dot=mma, where subnormal f16 may be lost as well.
  const double smallest = resolved.dot == Dot::mma && resolved.a == Type::f16 ? 0x1p-14 : 0x1p-126;
  const bool loses_small = resolved.dot == Dot::bf16 || resolved.dot == Dot::mma;
  const double flushed = loses_small ? smallest * channel.largest_scale : 0;
  UnroundedColumn outputs;
  for (int64_t first = 0; first < rows.m * rows.k; first += rows.k) {
    const double* x = rows.values.data() + first;
    const double magnitude = sum_of_magnitudes(x, channel.product) + sum_of_magnitudes(x, channel.offset);
    Unrounded output{.value = sum_of_products(x, channel.w), .error = rounding * magnitude};
    if (flushed != 0) output.error += flushed * static_cast<double>(rows.k) * (1 + channel.largest_factor);
    if (flushed != 0 && resolved.scheme == Scheme::w16a16)
      output.error += flushed * sum(channel.w.size(), [&](size_t k) { return std::abs(x[k]); });
    if (!rows.uncertainty.empty()) output.error += sum_of_products(rows.uncertainty.data() + first, channel.product);
    output.unquantized =
        rows.unquantized.empty() ? output.value : sum_of_products(rows.unquantized.data() + first, channel.w);
    outputs.push_back(output);
  }
  return outputs;
}

}  // namespace

Result<void> reference_covers(const Problem& resolved) {
  if (resolved.dot == Dot::automatic) return unsupported("the reference covers resolved problems, not dot=auto");
  return {};
}

std::vector<ReferenceOutput> reference_column(const Problem& resolved, const Weights& weights,
                                              const ReferenceRows& rows, const ReferenceOperands& operands,
                                              int64_t column) {
  CHECK(reference_covers(resolved), "the reference does not cover " + print_problem(resolved));
  const ReferenceEpilogue epilogue{resolved, weights, operands, 0x1p-24 * (longest_chain(resolved, weights) + 8)};
  const auto begin = resolved.epilogue.begin();
  const auto end = resolved.epilogue.end();
  const auto swiglu = std::find(begin, end, Epilogue::swiglu);
  const auto channel_before_swiglu = [&](int64_t n) {
    UnroundedColumn channel = sum_channel(resolved, weights, rows, epilogue.rounding, n);
    for (auto op = begin; op != swiglu; ++op) epilogue.apply(*op, n, channel);
    return channel;
  };
  UnroundedColumn outputs = channel_before_swiglu(column);
  if (swiglu != end) {
    apply_swiglu(outputs, channel_before_swiglu(weights.n / 2 + column));
    for (auto op = swiglu + 1; op != end; ++op) epilogue.apply(*op, column, outputs);
  }
  std::vector<ReferenceOutput> rounded;
  for (const Unrounded& o : outputs) {
    const double bound = unit_roundoff(resolved.out) * std::abs(o.value) + smallest_step(resolved.out) + o.error;
    rounded.push_back({o.value, bound, o.unquantized});
  }
  return rounded;
}

}  // namespace tilejit

#include "runtime/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>

#include "ir/check.h"

namespace tilejit {
namespace {

double widen(Type type, uint32_t bits) {
  if (type == Type::bf16) return bf16_to_f32(static_cast<uint16_t>(bits));
  if (type == Type::f16) return f16_to_f32(static_cast<uint16_t>(bits));
  return std::bit_cast<float>(bits);
}

double read_float(const void* data, Type type, int64_t index) {
  const int64_t bytes = bytes_of(type, 1);
  uint32_t bits = 0;
  std::memcpy(&bits, static_cast<const std::byte*>(data) + index * bytes, static_cast<size_t>(bytes));
  return widen(type, bits);
}

/// One channel as the loop over k reads it.
struct Channel {
  std::vector<double> w;          // (u - z) * s + c
  std::vector<double> magnitude;  // |(u - z) * s| + |c|
  double bias = 0;
  double largest_scale = 0;
  double largest_integer = 0;  // |u - z|
};

Channel read_channel(const Weights& weights, int64_t n) {
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
    const double product = integer * s;
    channel.w.push_back(product + c);
    channel.magnitude.push_back(std::abs(product) + std::abs(c));
    channel.largest_scale = std::max(channel.largest_scale, std::abs(s));
    channel.largest_integer = std::max(channel.largest_integer, std::abs(integer));
  }
  if (!weights.bias.empty()) channel.bias = read_float(weights.bias.data(), weights.bias_type, n);
  return channel;
}

/// The most roundings that one term of the sum passes: through its group, over the groups (of c as well), over the segments.
double longest_chain(const Problem& resolved, const Weights& weights) {
  const int64_t in_group = resolved.group == -1 ? resolved.k : std::min(resolved.group, resolved.k);
  return static_cast<double>(in_group + resolved.groups() * (weights.has_offsets() ? 2 : 1) + resolved.ks);
}

double unit_roundoff(Type out) { return out == Type::bf16 ? 0x1p-8 : out == Type::f16 ? 0x1p-11 : 0x1p-23; }
double smallest_step(Type out) { return out == Type::f16 ? 0x1p-25 : 0x1p-126; }
/// From here a value rounds to infinity.
double overflow_of(Type out) { return out == Type::f16 ? 65520 : out == Type::bf16 ? 0x1.ffp127 : 0x1.ffffffp127; }
double rel_l2_limit(Type out) { return out == Type::bf16 ? 3e-3 : out == Type::f16 ? 1e-3 : 1e-5; }

/// sum a*w and sum |a|*magnitude, in eight interleaved sums so that the additions overlap.
struct Sums {
  double value = 0;
  double magnitude = 0;
};
Sums dot(const double* a, const Channel& channel) {
  constexpr size_t lanes = 8;
  double value[lanes] = {};
  double magnitude[lanes] = {};
  const size_t size = channel.w.size();
  const size_t whole = size / lanes * lanes;
  for (size_t k = 0; k < whole; k += lanes)
    for (size_t i = 0; i < lanes; ++i) {
      value[i] += a[k + i] * channel.w[k + i];
      magnitude[i] += std::abs(a[k + i]) * channel.magnitude[k + i];
    }
  for (size_t k = whole; k < size; ++k) {
    value[0] += a[k] * channel.w[k];
    magnitude[0] += std::abs(a[k]) * channel.magnitude[k];
  }
  return {std::accumulate(value, value + lanes, 0.0), std::accumulate(magnitude, magnitude + lanes, 0.0)};
}

bool within(const ReferenceOutput& reference, double out, Type type) {
  if (std::isfinite(reference.value) && std::isfinite(out)) return std::abs(out - reference.value) <= reference.bound;
  if (std::isnan(reference.value) || std::isnan(out)) return std::isnan(reference.value) && std::isnan(out);
  if (std::signbit(reference.value) != std::signbit(out)) return false;
  return std::isinf(out) && std::abs(reference.value) + reference.bound >= overflow_of(type);
}

/// All channels while the work is small; else as many distinct random ones as give 4,096 outputs.
std::vector<int64_t> channels_to_compare(const Problem& problem, int64_t m) {
  constexpr int64_t whole_work = int64_t{1} << 28;
  constexpr int64_t sample = 4096;
  std::vector<int64_t> channels(static_cast<size_t>(problem.n));
  std::iota(channels.begin(), channels.end(), 0);
  if (m * problem.n * problem.k <= whole_work || m * problem.n <= sample) return channels;
  std::shuffle(channels.begin(), channels.end(), std::mt19937_64(1));
  channels.resize(static_cast<size_t>(std::min(problem.n, (sample + m - 1) / m)));
  return channels;
}

Result<void> check_covered(const Problem& problem) {
  const bool float_dot = problem.dot == Dot::fma || problem.dot == Dot::bf16;
  if (!float_dot || (problem.scheme != Scheme::w4a16 && problem.scheme != Scheme::w8a16))
    return unsupported(fmt::format("the reference covers w4a16 and w8a16 with dot=fma or bf16, not {} with dot={}",
                                   to_string(problem.scheme), to_string(problem.dot)));
  for (const Epilogue e : problem.epilogue)
    if (e != Epilogue::bias) return unsupported("the reference covers no epilogue but bias");
  return {};
}

}  // namespace

ReferenceRows reference_rows(const Problem& problem, const Weights& weights, const void* a, int64_t lda, int64_t m) {
  ReferenceRows rows{m, weights.k, {}};
  rows.values.reserve(static_cast<size_t>(m * weights.k));
  for (int64_t r = 0; r < m; ++r)
    for (int64_t k = 0; k < weights.k; ++k) {
      const int64_t column = weights.perm.empty() ? k : weights.perm[static_cast<size_t>(k)];
      rows.values.push_back(read_float(a, problem.a, r * lda + column));
    }
  return rows;
}

std::vector<ReferenceOutput> reference_channel(const Problem& resolved, const Weights& weights,
                                               const ReferenceRows& rows, int64_t n) {
  CHECK(check_covered(resolved), "the reference does not cover " + print_problem(resolved));
  const Channel channel = read_channel(weights, n);
  const double rounding = 0x1p-24 * (longest_chain(resolved, weights) + 8);
  // Each step of dot=bf16 may lose a subnormal activation, which costs |u - z| * 2^-126, and a tiny sum.
  const double lost = 0x1p-126 * static_cast<double>(resolved.k) * (1 + channel.largest_integer);
  const double flushed = resolved.dot == Dot::bf16 ? lost * channel.largest_scale : 0;
  std::vector<ReferenceOutput> outputs;
  for (int64_t r = 0; r < rows.m; ++r) {
    const Sums sums = dot(rows.values.data() + r * rows.k, channel);
    const double value = sums.value + channel.bias;
    const double bound = unit_roundoff(resolved.out) * std::abs(value) + smallest_step(resolved.out) +
                         rounding * (sums.magnitude + std::abs(channel.bias)) + flushed;
    outputs.push_back({value, bound});
  }
  return outputs;
}

Result<Agreement> compare_with_reference(const Problem& resolved, const Weights& weights, const ReferenceRows& rows,
                                         const void* out, int64_t ldo) {
  TRY(check_covered(resolved));
  Agreement agreement;
  double error2 = 0;
  double signal2 = 0;
  const std::vector<int64_t> channels = channels_to_compare(resolved, rows.m);
  for (const int64_t n : channels) {
    const std::vector<ReferenceOutput> outputs = reference_channel(resolved, weights, rows, n);
    for (int64_t r = 0; r < rows.m; ++r) {
      const ReferenceOutput& reference = outputs[static_cast<size_t>(r)];
      const double actual = read_float(out, resolved.out, r * ldo + n);
      const double error = actual - reference.value;
      error2 += error * error;
      signal2 += reference.value * reference.value;
      if (agreement.worst.empty() && !within(reference, actual, resolved.out))
        agreement.worst =
            fmt::format("out[{},{}] = {}, the reference is {} +- {}", r, n, actual, reference.value, reference.bound);
    }
  }
  agreement.compared = rows.m * static_cast<int64_t>(channels.size());
  agreement.sampled = static_cast<int64_t>(channels.size()) < resolved.n;
  agreement.rel_l2 = error2 == 0 ? 0 : std::sqrt(error2 / signal2);
  agreement.sqnr_db = -20 * std::log10(std::max(agreement.rel_l2, std::numeric_limits<double>::min()));
  const bool rel_l2_counts = resolved.k >= 256 && rows.m * resolved.n >= 256;
  const bool rel_l2_ok = !rel_l2_counts || agreement.rel_l2 <= rel_l2_limit(resolved.out);
  agreement.ok = agreement.worst.empty() && rel_l2_ok;
  return agreement;
}

}  // namespace tilejit

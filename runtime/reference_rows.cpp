// Activations as the dots multiply them. What integer dots quantize is defined in f32 arithmetic (design, section 4),
// so that it is computed here in the same.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "runtime/read_float.h"
#include "runtime/reference.h"

namespace tilejit {
namespace {

constexpr float smallest_absmax = 0x1p-100f;
constexpr int64_t i8x2_block = 128;

/// The largest magnitude; NaN when an element is not finite.
float find_absmax(std::span<const double> x) {
  double absmax = 0;
  for (const double value : x) {
    if (!std::isfinite(value)) return std::numeric_limits<float>::quiet_NaN();
    absmax = std::max(absmax, std::abs(value));
  }
  return static_cast<float>(absmax);
}

/// i8x2 rounds a block to multiples of absmax / 32639: each element is off by half of one at most.
void bound_block(std::span<double> x, double* uncertainty) {
  const float absmax = find_absmax(x);
  if (std::isnan(absmax)) std::fill(x.begin(), x.end(), std::numeric_limits<double>::quiet_NaN());
  std::fill_n(uncertainty, x.size(), double{std::max(smallest_absmax, absmax)} / 65278);
}

/// Blocks of 128 from the start of each group. Segments of a single group are cut at multiples of 128 as well.
void bound_row(std::span<double> x, double* uncertainty, int64_t group) {
  const auto k = static_cast<int64_t>(x.size());
  int64_t end = 0;
  for (int64_t start = 0; start < k; start = end) {
    const int64_t group_end = group == -1 ? k : std::min(k, (start / group + 1) * group);
    end = std::min(group_end, start + i8x2_block);
    bound_block(x.subspan(static_cast<size_t>(start), static_cast<size_t>(end - start)), uncertainty + start);
  }
}

/// q * s_a of w8a8 and w4a8 in place. The product of a 7-bit and a 24-bit number is exact in double.
void replace_by_quantized(std::span<double> x) {
  const QuantizedRow row = quantize_row(x);
  for (size_t i = 0; i < x.size(); ++i) x[i] = double{row.scale} * row.q[i];
}

}  // namespace

QuantizedRow quantize_row(std::span<const double> x) {
  QuantizedRow row{.q = std::vector<int8_t>(x.size()), .scale = 0};
  const float absmax = find_absmax(x);
  if (absmax < smallest_absmax) return row;
  row.scale = absmax / 127.0f;
  if (std::isnan(absmax)) return row;
  const float inverse = 127.0f / absmax;
  for (size_t i = 0; i < x.size(); ++i) {
    const float q = std::nearbyint(static_cast<float>(x[i]) * inverse);
    row.q[i] = static_cast<int8_t>(std::clamp(q, -127.0f, 127.0f));
  }
  return row;
}

ReferenceRows reference_rows(const Problem& resolved, const Weights& weights, const void* a, int64_t lda, int64_t m) {
  ReferenceRows rows{.m = m, .k = weights.k, .values = {}, .unquantized = {}, .uncertainty = {}};
  rows.values.reserve(static_cast<size_t>(m * weights.k));
  for (int64_t r = 0; r < m; ++r)
    for (int64_t k = 0; k < weights.k; ++k) {
      const int64_t column = weights.perm.empty() ? k : weights.perm[static_cast<size_t>(k)];
      rows.values.push_back(read_float(a, resolved.a, r * lda + column));
    }
  if (resolved.quantizes_rows()) rows.unquantized = rows.values;
  if (resolved.dot == Dot::i8x2) rows.uncertainty.resize(rows.values.size());
  for (int64_t r = 0; r < m; ++r) {
    const std::span row = std::span(rows.values).subspan(static_cast<size_t>(r * rows.k), static_cast<size_t>(rows.k));
    if (resolved.quantizes_rows()) replace_by_quantized(row);
    if (resolved.dot == Dot::i8x2) bound_row(row, rows.uncertainty.data() + r * rows.k, resolved.group);
  }
  return rows;
}

}  // namespace tilejit

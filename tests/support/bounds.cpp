#include "tests/support/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/check.h"

namespace tilejit::test {
namespace {

/// From here a value rounds to infinity.
double overflow_of(Type out) {
  CHECK(is_float(out), "outputs are floats");
  return out == Type::bf16 ? 0x1.ffp127 : out == Type::f16 ? 65520 : 0x1.ffffffp127;
}

/// |out - ref| / bound; 0 where both agree on what is not finite.
double excess(double out, double reference, double bound, double overflow) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (std::isnan(reference) || std::isnan(out)) return std::isnan(reference) && std::isnan(out) ? 0 : infinity;
  if (std::isinf(out))
    return std::signbit(out) == std::signbit(reference) && std::abs(reference) + bound >= overflow ? 0 : infinity;
  if (std::isinf(reference)) return infinity;
  const double difference = std::abs(out - reference);
  return difference == 0 ? 0 : difference / bound;
}

}  // namespace

double FloatRows::at(int64_t row, int64_t column) const {
  const std::byte* p = data + (row * stride + column) * bits_of(type) / 8;
  if (type == Type::f32) {
    float value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return type == Type::bf16 ? bf16_to_f32(bits) : f16_to_f32(bits);
}

BoundReport check_bound(const FloatRows& out, int64_t m, int64_t n, const double* reference, const double* bound) {
  const double overflow = overflow_of(out.type);
  BoundReport report;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const double value = out.at(i, j), ref = reference[i * n + j], limit = bound[i * n + j];
      const double ratio = excess(value, ref, limit, overflow);
      if (ratio <= report.worst) continue;
      report.worst = ratio;
      report.message =
          fmt::format("out[{},{}] = {} ({:a}), reference {}: they differ by {:.3g}, the bound is {:.3g} ({:.3g}x)", i,
                      j, value, value, ref, std::abs(value - ref), limit, ratio);
    }
  report.ok = report.worst <= 1;
  return report;
}

double relative_l2(const FloatRows& out, int64_t m, int64_t n, const double* reference) {
  double difference = 0, norm = 0;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const double ref = reference[i * n + j];
      const double d = out.at(i, j) - ref;
      difference += d * d;
      norm += ref * ref;
    }
  return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

}  // namespace tilejit::test

#include "runtime/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "runtime/read_float.h"

namespace tilejit {
namespace {

/// From here a value rounds to infinity.
double overflow_of(Type out) { return out == Type::f16 ? 65520 : out == Type::bf16 ? 0x1.ffp127 : 0x1.ffffffp127; }
double rel_l2_limit(Type out) { return out == Type::bf16 ? 3e-3 : out == Type::f16 ? 1e-3 : 1e-5; }

bool within(const ReferenceOutput& reference, double out, Type type) {
  if (std::isfinite(reference.value) && std::isfinite(out)) return std::abs(out - reference.value) <= reference.bound;
  if (std::isnan(reference.value) || std::isnan(out)) return std::isnan(reference.value) && std::isnan(out);
  if (std::signbit(reference.value) != std::signbit(out)) return false;
  return std::isinf(out) && std::abs(reference.value) + reference.bound >= overflow_of(type);
}

/// All columns while the work is small; else as many distinct random ones as give 4,096 outputs.
std::vector<int64_t> columns_to_compare(const Problem& problem, int64_t m) {
  constexpr int64_t whole_work = int64_t{1} << 28;
  constexpr int64_t sample = 4096;
  std::vector<int64_t> columns(static_cast<size_t>(problem.out_columns()));
  std::iota(columns.begin(), columns.end(), 0);
  if (m * problem.n * problem.k <= whole_work || m * problem.out_columns() <= sample) return columns;
  std::shuffle(columns.begin(), columns.end(), std::mt19937_64(1));
  columns.resize(std::min(columns.size(), static_cast<size_t>((sample + m - 1) / m)));
  return columns;
}

/// Squares of a signal and of what is not it.
struct Ratio {
  double error2 = 0;
  double signal2 = 0;

  void add(double signal, double actual) {
    error2 += (actual - signal) * (actual - signal);
    signal2 += signal * signal;
  }
  double value() const { return error2 == 0 ? 0 : std::sqrt(error2 / signal2); }
};

}  // namespace

Result<Agreement> compare_with_reference(const Problem& resolved, const Weights& weights, const ReferenceRows& rows,
                                         const ReferenceOperands& operands, const void* out, int64_t ldo) {
  TRY(reference_covers(resolved));
  Agreement agreement;
  Ratio to_reference;
  Ratio to_unquantized;
  const std::vector<int64_t> columns = columns_to_compare(resolved, rows.m);
  for (const int64_t n : columns) {
    const std::vector<ReferenceOutput> outputs = reference_column(resolved, weights, rows, operands, n);
    for (int64_t r = 0; r < rows.m; ++r) {
      const ReferenceOutput& reference = outputs[static_cast<size_t>(r)];
      const double actual = read_float(out, resolved.out, r * ldo + n);
      to_reference.add(reference.value, actual);
      to_unquantized.add(reference.unquantized, actual);
      if (agreement.worst.empty() && !within(reference, actual, resolved.out))
        agreement.worst =
            fmt::format("out[{},{}] = {}, the reference is {} +- {}", r, n, actual, reference.value, reference.bound);
    }
  }
  agreement.compared = rows.m * static_cast<int64_t>(columns.size());
  agreement.sampled = static_cast<int64_t>(columns.size()) < resolved.out_columns();
  agreement.rel_l2 = to_reference.value();
  agreement.sqnr_db = -20 * std::log10(std::max(to_unquantized.value(), std::numeric_limits<double>::min()));
  const bool rel_l2_counts = resolved.k >= 256 && rows.m * resolved.out_columns() >= 256;
  const bool rel_l2_ok = !rel_l2_counts || agreement.rel_l2 <= rel_l2_limit(resolved.out);
  agreement.ok = agreement.worst.empty() && rel_l2_ok;
  return agreement;
}

}  // namespace tilejit

#include "bench/peers/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/read_float.h"
#include "runtime/reference.h"

namespace tilejit::peers {
namespace {

/// All columns of small outputs, else some that lie evenly from the first to the last.
std::vector<int64_t> columns_to_compare(int64_t n, int64_t m) {
  constexpr int64_t outputs = 2048;
  constexpr int64_t fewest = 4;
  const int64_t count = std::min(n, std::max(fewest, outputs / m));
  std::vector<int64_t> columns;
  for (int64_t i = 0; i < count; ++i) columns.push_back(count == 1 ? 0 : i * (n - 1) / (count - 1));
  return columns;
}

double element(const PlainActivations& a, Form form, size_t i) {
  switch (form) {
    case Form::given:
    case Form::f32: return a.f32[i];
    case Form::s8: return a.s8[i];
    case Form::u8: return a.u8[i];
  }
  return 0;
}

}  // namespace

PeerReference::PeerReference(const PlainWeights& weights, const PlainActivations& a)
    : weights_(&weights), a_(&a), columns_(columns_to_compare(weights.problem.n, a.m)) {}

bool PeerReference::is_sampled() const { return static_cast<int64_t>(columns_.size()) < weights_->problem.n; }

const std::vector<double>& PeerReference::values(Form form) {
  std::vector<double>& values = values_[form];
  if (!values.empty()) return values;
  ReferenceRows rows{.m = a_->m, .k = a_->k, .values = {}, .unquantized = {}, .uncertainty = {}};
  rows.values.reserve(a_->f32.size());
  for (size_t i = 0; i < a_->f32.size(); ++i) rows.values.push_back(element(*a_, form, i));
  for (const int64_t n : columns_)
    for (const ReferenceOutput& output : reference_column(weights_->problem, *weights_->from, rows, {}, n))
      values.push_back(output.value);
  return values;
}

Verdict PeerReference::compare(const PeerCall& call, const void* out) {
  constexpr double far_off = 8;
  const std::vector<double>& expected = values(call.a);
  double signal2 = 0;
  for (const double value : expected) signal2 += value * value;
  const double rms = std::sqrt(signal2 / static_cast<double>(expected.size()));
  Verdict verdict;
  double error2 = 0;
  size_t at = 0;
  for (const int64_t n : columns_)
    for (int64_t r = 0; r < a_->m; ++r, ++at) {
      const double actual = read_float(out, call.out, r * weights_->problem.n + n);
      const double error = std::abs(actual - expected[at]);
      error2 += error * error;
      const bool is_near = error <= far_off * call.rel_l2_limit * std::max(std::abs(expected[at]), rms);
      if (!is_near && verdict.worst.empty())
        verdict.worst = fmt::format("out[{},{}] = {}, the reference is {}", r, n, actual, expected[at]);
    }
  verdict.rel_l2 = signal2 > 0 ? std::sqrt(error2 / signal2) : 0;
  verdict.ok = verdict.worst.empty() && verdict.rel_l2 <= call.rel_l2_limit;
  return verdict;
}

}  // namespace tilejit::peers

#include "ir/ranges.h"

#include <algorithm>
#include <optional>

namespace tilejit::ir {
namespace {

constexpr int64_t int64_most = std::numeric_limits<int64_t>::max();
constexpr int64_t int64_least = std::numeric_limits<int64_t>::min();
constexpr int64_t most_i32 = std::numeric_limits<int32_t>::max();

int64_t add(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? int64_least : int64_most;
}

int64_t multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) == (b < 0) ? int64_most : int64_least;
}

/// Bound::round without overflow, for divisors that verify has yet to reject.
int64_t rounded(const Bound& bound, int64_t value) {
  const int64_t divisor = std::max<int64_t>(bound.divisor, 1);
  const int64_t v = std::max<int64_t>(value, 0);
  switch (bound.rounding) {
    case Rounding::exact: return std::min(v, bound.limit);
    case Rounding::floor: return std::min(v / divisor, bound.limit);
    case Rounding::ceil: return std::min(v / divisor + (v % divisor != 0 ? 1 : 0), bound.limit);
  }
  return v;
}

/// Small enough that products of two coefficients stay inside 64 bits.
bool is_small(const Affine& a) {
  constexpr int64_t small = int64_t{1} << 30;
  const auto inside = [](int64_t x) { return x >= -small && x <= small; };
  return inside(a.constant()) && std::all_of(a.begin(), a.end(), [&](const Term& t) { return inside(t.coef); });
}

/// `hi` as an affine, where its divisor divides all coefficients: ceil((8*i+9)/8) is i+2.
std::optional<Affine> quotient_of(const Bound& hi) {
  const bool up = hi.rounding == Rounding::ceil;
  const int64_t constant = hi.value.constant();
  const int64_t rest = ((constant % hi.divisor) + hi.divisor) % hi.divisor;
  Affine quotient((constant - rest) / hi.divisor + (up && rest != 0 ? 1 : 0));
  for (const Term& t : hi.value) {
    if (t.coef % hi.divisor != 0) return std::nullopt;
    quotient.add(t.var, t.coef / hi.divisor);
  }
  return quotient;
}

/// What coef * var is at most, by var < hi: an affine in the variables of hi. None where the rounding of hi stands between.
std::optional<Affine> limit_of(const Bound& hi, int64_t coef) {
  const bool sound = hi.divisor >= 1 && hi.divisor <= most_i32 && is_small(hi.value);
  if (!sound || hi.value.is_constant() || coef <= 0) return std::nullopt;
  if (const auto quotient = quotient_of(hi)) return (*quotient + Affine(-1)) * coef;
  if (coef % hi.divisor != 0) return std::nullopt;
  // divisor * var <= value - 1 for ceil, <= value - divisor for floor.
  const int64_t slack = hi.rounding == Rounding::floor ? hi.divisor : 1;
  return (hi.value + Affine(-slack)) * (coef / hi.divisor);
}

std::optional<Affine> sum_of(const Affine& a, const Affine& b) {
  int terms = a.size();
  for (const Term& t : b) terms += a.coef_of(t.var) == 0 ? 1 : 0;
  if (terms > Affine::max_terms || !is_small(a) || !is_small(b)) return std::nullopt;
  return a + b;
}

}  // namespace

Ranges::Ranges(const Kernel& kernel) : ranges_(kernel.values.size(), any_i32) {
  if (!ranges_.empty()) ranges_[0] = {0, most_i32, false};
}

Interval Ranges::of(const Affine& affine) const {
  Interval sum{affine.constant(), affine.constant(), true};
  for (const Term& t : affine) {
    const Interval& var = of(t.var);
    const bool up = t.coef >= 0;
    sum.lo = add(sum.lo, multiply(up ? var.lo : var.hi, t.coef));
    sum.hi = add(sum.hi, multiply(up ? var.hi : var.lo, t.coef));
    sum.fixed &= var.fixed;
  }
  return sum;
}

Interval Ranges::of(const Bound& bound) const {
  const Interval value = of(bound.value);
  return {rounded(bound, value.lo), rounded(bound, value.hi), value.fixed};
}

int64_t Ranges::upper(const Affine& affine) const {
  int64_t best = of(affine).hi;
  Affine current = affine;
  for (size_t i = open_.size(); i-- > 0;) {
    const Instr& loop = *open_[i].loop;
    const auto limit = is_small(current) ? limit_of(loop.hi, current.coef_of(loop.dst)) : std::nullopt;
    if (!limit) continue;
    const auto next = sum_of(current.substitute(loop.dst, Affine()), *limit);
    if (!next) continue;
    current = *next;
    best = std::min(best, of(current).hi);
  }
  return best;
}

bool Ranges::surely_runs(const Instr& loop) const { return of(loop.lo).hi < of(loop.hi).lo; }

void Ranges::open(const Instr& loop) {
  const Interval lo = of(loop.lo);
  const Interval hi = of(loop.hi);
  const bool dead = hi.hi <= lo.lo;
  int64_t last = dead ? lo.lo : hi.hi - 1;
  if (lo.lo == lo.hi && loop.step > 1) last -= (last - lo.lo) % loop.step;
  if (static_cast<size_t>(loop.dst) < ranges_.size())
    ranges_[static_cast<size_t>(loop.dst)] = {lo.lo, last, lo.fixed && hi.fixed};
  open_.push_back({&loop, dead});
  dead_ += dead ? 1 : 0;
}

void Ranges::close() {
  dead_ -= open_.back().dead ? 1 : 0;
  open_.pop_back();
}

}  // namespace tilejit::ir

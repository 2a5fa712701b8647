#include <gtest/gtest.h>

#include "ir/ir.h"
#include "ir/ranges.h"

namespace tilejit::ir {
namespace {

constexpr Value i{1}, j{2}, k{3}, l{4};

std::vector<std::pair<Value, int64_t>> terms_of(const Affine& a) {
  std::vector<std::pair<Value, int64_t>> terms;
  for (const Term& t : a) terms.emplace_back(t.var, t.coef);
  return terms;
}

TEST(Affine, TermsAreSortedAndNeverZero) {
  Affine a = Affine::of(k, 3) + Affine::of(i, 2) + Affine(7);
  EXPECT_EQ(a.constant(), 7);
  EXPECT_EQ(terms_of(a), (std::vector<std::pair<Value, int64_t>>{{i, 2}, {k, 3}}));
  a.add(j, 5);
  a.add(i, -2);
  EXPECT_EQ(terms_of(a), (std::vector<std::pair<Value, int64_t>>{{j, 5}, {k, 3}}));
  EXPECT_EQ(a.coef_of(i), 0);
  EXPECT_EQ(a.coef_of(k), 3);
  a.add(l, 0);
  EXPECT_EQ(a.size(), 2);
  EXPECT_TRUE((a * 0).is_constant());
  EXPECT_EQ(a * -2, Affine::of(j, -10) + Affine::of(k, -6) + Affine(-14));
}

TEST(Affine, EqualityIgnoresHowItWasBuilt) {
  Affine a = Affine::of(i) + Affine::of(j) + Affine::of(k);
  a.add(j, -1);
  EXPECT_EQ(a, Affine::of(k) + Affine::of(i));
  EXPECT_FALSE(a == Affine::of(i));
  EXPECT_FALSE(a == Affine::of(i) + Affine::of(k) + Affine(1));
}

TEST(Affine, SubstituteReplacesEveryOccurrence) {
  const Affine a = Affine::of(i, 4) + Affine::of(j) + Affine(1);
  EXPECT_EQ(a.substitute(i, Affine(3)), Affine::of(j) + Affine(13));
  EXPECT_EQ(a.substitute(i, Affine::of(i, 2) + Affine(1)), Affine::of(i, 8) + Affine::of(j) + Affine(5));
  EXPECT_EQ(a.substitute(i, Affine::of(j, -1)), Affine::of(j, -3) + Affine(1));
  EXPECT_EQ(a.substitute(k, Affine(3)), a);
}

TEST(Affine, MoreThanSixVariablesAbort) {
  Affine a;
  for (int v = 1; v <= Affine::max_terms; ++v) a.add(Value{v}, 1);
  EXPECT_DEATH(a.add(value_m, 1), "more than six variables");
}

TEST(Bound, Rounds) {
  const auto bound = [](Rounding rounding, int64_t divisor, int64_t limit = Bound::no_limit) {
    Bound b(Affine::of(value_m));
    b.rounding = rounding;
    b.divisor = divisor;
    b.limit = limit;
    return b;
  };
  EXPECT_EQ(bound(Rounding::exact, 1).round(7), 7);
  EXPECT_EQ(bound(Rounding::floor, 4).round(7), 1);
  EXPECT_EQ(bound(Rounding::ceil, 4).round(7), 2);
  EXPECT_EQ(bound(Rounding::ceil, 4).round(8), 2);
  EXPECT_EQ(bound(Rounding::ceil, 4).round(-9), 0);
  EXPECT_EQ(bound(Rounding::exact, 1, 5).round(7), 5);
  EXPECT_EQ(bound(Rounding::floor, 2, 5).round(7), 3);
}

TEST(Extent, Evaluates) {
  EXPECT_EQ(Extent(12).at(5), 12);
  EXPECT_EQ(Extent::of_m().at(5), 5);
  EXPECT_EQ(Extent::of_m(8, 8).at(5), 8);
  EXPECT_EQ(Extent::of_m(8, 8).at(9), 16);
  Extent e = Extent::of_m(2, 3);
  e.constant = 1;
  EXPECT_EQ(e.at(7), 7);
}

/// A kernel of two loops, `outer` and `inner`, whose variables are values 1 and 2.
struct TwoLoops {
  Kernel kernel;
  Ranges ranges;

  static Kernel make(Bound outer, Bound inner) {
    Kernel kernel;
    for (const Bound& hi : {outer, inner}) {
      Instr loop;
      loop.op = Op::for_loop;
      loop.dst = kernel.add_value("i", {Type::index, {}});
      loop.hi = hi;
      kernel.body.push_back(loop);
    }
    return kernel;
  }

  TwoLoops(Bound outer, Bound inner) : kernel(make(outer, inner)), ranges(kernel) {
    for (const Instr& loop : kernel.body) ranges.open(loop);
  }
};

Bound rounded(Affine value, Rounding rounding, int64_t divisor) {
  Bound b(value);
  b.rounding = rounding;
  b.divisor = divisor;
  return b;
}

TEST(Ranges, AreExactOverConstantLoops) {
  const TwoLoops loops(3, 5);
  const Interval range = loops.ranges.of(Affine::of(i, 10) + Affine::of(j, -2) + Affine(1));
  EXPECT_EQ(range.lo, -7);
  EXPECT_EQ(range.hi, 21);
  EXPECT_TRUE(range.fixed);
  EXPECT_FALSE(loops.ranges.of(Affine::of(value_m)).fixed);
}

/// The sharpened upper end against the largest value that enumeration finds.
TEST(Ranges, UpperHoldsAndIsTightForTails) {
  for (int64_t divisor = 1; divisor <= 4; ++divisor)
    for (int64_t slope = -6; slope <= 6; ++slope)
      for (int64_t start = -3; start <= 20; ++start)
        for (Rounding rounding : {Rounding::floor, Rounding::ceil}) {
          const Bound inner = rounded(Affine::of(i, slope) + Affine(start), rounding, divisor);
          const TwoLoops loops(4, inner);
          for (int64_t of_i = -3; of_i <= 6; ++of_i) {
            const Affine index = Affine::of(i, of_i) + Affine::of(j, 2);
            int64_t most = std::numeric_limits<int64_t>::min();
            for (int64_t x = 0; x < 4; ++x)
              for (int64_t y = 0; y < inner.round(slope * x + start); ++y) most = std::max(most, of_i * x + 2 * y);
            EXPECT_GE(loops.ranges.upper(index), most) << slope << "*i+" << start << " over " << divisor;
            EXPECT_LE(loops.ranges.upper(index), loops.ranges.of(index).hi);
          }
        }
  const TwoLoops tail(3, rounded(Affine::of(i, -24) + Affine(64), Rounding::ceil, 8));
  EXPECT_EQ(tail.ranges.upper(Affine::of(i, 24) + Affine::of(j, 8)), 56);
}

TEST(Ranges, DeadLoopsAreKnown) {
  EXPECT_TRUE(TwoLoops(0, 5).ranges.is_dead());
  EXPECT_FALSE(TwoLoops(1, 5).ranges.is_dead());
  EXPECT_FALSE(TwoLoops(1, Bound(Affine::of(value_m))).ranges.is_dead());
  const TwoLoops loops(2, Bound(Affine::of(value_m)));
  EXPECT_TRUE(loops.ranges.surely_runs(loops.kernel.body[0]));
  EXPECT_FALSE(loops.ranges.surely_runs(loops.kernel.body[1]));
}

TEST(Ranges, SaturateInsteadOfOverflowing) {
  const TwoLoops loops(std::numeric_limits<int64_t>::max(), 1);
  EXPECT_FALSE(loops.ranges.of(Affine::of(i, std::numeric_limits<int64_t>::max())).fits());
  EXPECT_FALSE(loops.ranges.of(Affine::of(i, std::numeric_limits<int64_t>::min())).fits());
}

}  // namespace
}  // namespace tilejit::ir

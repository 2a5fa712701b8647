// What `ok`, rel_l2 and the signal-to-noise ratio of a comparison mean.
#include "runtime/agreement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/support/random_weights.h"

namespace tilejit {
namespace {

/// A layer of f32 activations whose output is the reference, to be spoiled by the tests.
struct Compared {
  Problem problem;
  test::OwnedWeights weights;
  ReferenceRows rows;
  std::vector<float> out;

  Compared(const std::string& line, int64_t m) : problem(*parse_problem(line)) {
    test::Rng rng(3);
    weights = test::random_weights(problem, rng);
    std::vector<float> a(static_cast<size_t>(m * problem.k));
    for (float& x : a) x = static_cast<float>(rng.symmetric());
    rows = reference_rows(problem, weights.view, a.data(), problem.k, m);
    const int64_t columns = problem.out_columns();
    out.resize(static_cast<size_t>(m * columns));
    for (int64_t n = 0; n < columns; ++n) {
      const auto column = reference_column(problem, weights.view, rows, {}, n);
      for (int64_t r = 0; r < m; ++r)
        out[static_cast<size_t>(r * columns + n)] = static_cast<float>(column[static_cast<size_t>(r)].value);
    }
  }
  Agreement compare() const {
    return *compare_with_reference(problem, weights.view, rows, {}, out.data(), problem.out_columns());
  }
};

TEST(Agreement, TheReferenceAgreesWithItself) {
  const Compared compared("w4a16 n=20 k=64 a=f32 g=16 dot=fma ks=1", 3);
  const Agreement agreement = compared.compare();
  EXPECT_TRUE(agreement.ok) << agreement.worst;
  EXPECT_EQ(agreement.compared, 60);
  EXPECT_FALSE(agreement.sampled);
  EXPECT_LT(agreement.rel_l2, 1e-7);
  EXPECT_NEAR(agreement.sqnr_db, -20 * std::log10(agreement.rel_l2), 1e-9);
}

TEST(Agreement, OneWrongOutputIsNamed) {
  Compared compared("w4a16 n=20 k=64 a=f32 g=16 dot=fma ks=1", 3);
  compared.out[27] += 0.01f;
  const Agreement agreement = compared.compare();
  EXPECT_FALSE(agreement.ok);
  EXPECT_TRUE(agreement.worst.starts_with("out[1,7] = ")) << agreement.worst;
}

TEST(Agreement, SwigluHasHalfTheColumns) {
  Compared compared("w4a16 n=20 k=64 a=f32 g=16 dot=fma ks=1 epilogue=swiglu", 3);
  EXPECT_EQ(compared.compare().compared, 30);
  EXPECT_TRUE(compared.compare().ok) << compared.compare().worst;
  compared.out[29] += 0.1f;
  EXPECT_TRUE(compared.compare().worst.starts_with("out[2,9] = ")) << compared.compare().worst;
}

TEST(Agreement, NoiseOfQuantizedActivationsIsReportedButRight) {
  const Compared compared("w8a8 n=32 k=512 a=f32 dot=i8 ks=1", 16);
  const Agreement agreement = compared.compare();
  EXPECT_TRUE(agreement.ok) << agreement.worst;
  EXPECT_LT(agreement.rel_l2, 1e-7);
  EXPECT_GT(agreement.sqnr_db, 35);
  EXPECT_LT(agreement.sqnr_db, 60);
}

TEST(Agreement, LargeLayersAreSampled) {
  const Compared small("w4a16 n=64 k=64 a=f32 dot=fma ks=1", 2);
  EXPECT_EQ(small.compare().compared, 128);
  Problem problem = small.problem;
  problem.n = 300;
  problem.k = 64;
  test::Rng rng(1);
  const test::OwnedWeights weights = test::random_weights(problem, rng);
  const int64_t m = 14000;  // m * n * k is over 2^28
  const std::vector<float> a(static_cast<size_t>(m * problem.k));
  const std::vector<float> out(static_cast<size_t>(m * problem.n));
  const ReferenceRows rows = reference_rows(problem, weights.view, a.data(), problem.k, m);
  const auto agreement = compare_with_reference(problem, weights.view, rows, {}, out.data(), problem.n);
  ASSERT_TRUE(agreement);
  EXPECT_TRUE(agreement->ok);
  EXPECT_TRUE(agreement->sampled);
  EXPECT_EQ(agreement->compared, m);  // one column
}

}  // namespace
}  // namespace tilejit

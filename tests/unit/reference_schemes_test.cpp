// The double reference of each scheme: sums by hand, the edges of quantizing activations, and the error that i8x2 may make.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "runtime/reference.h"

namespace tilejit {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// One channel of signed bytes and f32 scales under f32 activations.
struct Tiny {
  std::vector<int8_t> q;
  std::vector<float> scales;   // one for each group
  std::vector<float> offsets;  // likewise, or empty
  std::vector<float> a;        // rows of k
  Problem problem;

  Tiny(const char* line, std::vector<int8_t> weights, std::vector<float> s, std::vector<float> activations)
      : q(std::move(weights)), scales(std::move(s)), a(std::move(activations)), problem(*parse_problem(line)) {}

  Weights weights() const {
    Weights w;
    w.n = 1;
    w.k = problem.k;
    w.bits = problem.weight_bits();
    w.zero = problem.zero;
    w.group = problem.group;
    w.data = std::as_bytes(std::span(q));
    w.scales = {std::as_bytes(std::span(scales)).data(), Type::f32, 1, 0};
    if (!offsets.empty()) w.offsets = {std::as_bytes(std::span(offsets)).data(), Type::f32, 1, 0};
    return w;
  }
  int64_t m() const { return static_cast<int64_t>(a.size()) / problem.k; }
  ReferenceRows rows() const { return reference_rows(problem, weights(), a.data(), problem.k, m()); }
  std::vector<ReferenceOutput> run() const { return reference_column(problem, weights(), rows(), {}, 0); }
};

/// What a row of f32 activations becomes in w8a8, in units of its scale.
std::vector<double> quantized(const std::vector<float>& row) {
  const float absmax =
      std::abs(*std::max_element(row.begin(), row.end(), [](float x, float y) { return std::abs(x) < std::abs(y); }));
  Tiny tiny("w8a8 n=1 k=1 a=f32 dot=i8 ks=1", std::vector<int8_t>(row.size(), 1), {1}, row);
  tiny.problem.k = static_cast<int64_t>(tiny.a.size());
  std::vector<double> values = tiny.rows().values;
  for (double& value : values) value /= double{absmax / 127.0f};
  return values;
}

TEST(ReferenceSchemes, W8a16SumsSignedBytes) {
  const Tiny tiny("w8a16 n=1 k=4 a=f32 dot=fma ks=1", {-128, 127, 1, -3}, {0.5f}, {1, 2, 3, 4});
  EXPECT_EQ(tiny.run()[0].value, (-128 + 254 + 3 - 12) * 0.5);
  EXPECT_EQ(tiny.run()[0].unquantized, tiny.run()[0].value);
}

TEST(ReferenceSchemes, W8a8SumsQuantizedRows) {
  // absmax 127: the scale is 1, so that q is the nearest integer, the even one of two.
  const Tiny tiny("w8a8 n=1 k=4 a=f32 dot=i8 ks=1", {1, 2, 3, 4}, {0.5f}, {127, -62.5f, 1, 0.4f, 254, 0, 3, 5});
  const auto out = tiny.run();
  EXPECT_EQ(out[0].value, (127 - 2 * 62 + 3) * 0.5);
  EXPECT_EQ(out[0].unquantized, (127 - 125 + 3 + 4 * double{0.4f}) * 0.5);
  EXPECT_EQ(out[1].value, (127 + 3 * 2 + 4 * 2) * 0.5 * 2);  // 1.5 and 2.5 become 2
  // Three roundings: of the integer sum, by the weight's scale, by the row's.
  const double magnitude = (127 + 2 * 62 + 3) * 0.5;
  EXPECT_DOUBLE_EQ(out[0].bound, 0x1p-23 * 3 + 0x1p-126 + 0x1p-24 * (3 + 8) * magnitude);
}

TEST(ReferenceSchemes, W8a8TakesTheConstantZero) {
  const Tiny tiny("w8a8 n=1 k=2 a=f32 z=130 dot=i8 ks=1", {1, 2}, {1}, {127, 1});
  EXPECT_EQ(tiny.run()[0].value, -127);
}

TEST(ReferenceSchemes, W4a8ScalesEachGroupAndAddsItsOffset) {
  Tiny tiny("w4a8 n=1 k=5 a=f32 g=2 zp=float z=7 dot=i8 ks=2", {-8, 7, 0, 1, -1}, {1, 0.5f, -2}, {127, 2, 3, -4, 0.4f});
  tiny.offsets = {10, 0, 1};
  // u - 7 = q + 1; the scale of the row is 1 and its last element rounds to 0.
  EXPECT_EQ(tiny.run()[0].value, (127 * -7 + 2 * 8) + 129 * 10 + (3 * 1 - 4 * 2) * 0.5);
  const double magnitude = 127 * 7 + 2 * 8 + 129 * 10 + (3 + 8) * 0.5;
  const double chain = 1 + 3 * 2 + 2 + 1;  // f32(S), three groups of two steps, two segments, the row's scale
  EXPECT_DOUBLE_EQ(tiny.run()[0].bound, 0x1p-23 * 414.5 + 0x1p-126 + 0x1p-24 * (chain + 8) * magnitude);
}

TEST(ReferenceSchemes, QuantizingIsF32ArithmeticByTheReciprocal) {
  EXPECT_EQ(quantized({15, 7.5f}), (std::vector<double>{127, 63}));  // in f32 7.5 * (127/15) is below 63.5
  EXPECT_EQ(quantized({-3, 3, 1}), (std::vector<double>{-127, 127, 42}));
  EXPECT_EQ(quantized({127, 0.5f, 1.5f, -0.5f, -1.5f, 126.5f}), (std::vector<double>{127, 0, 2, 0, -2, 126}));
}

TEST(ReferenceSchemes, TinyRowsAreZeros) {
  const float tiny = 0x1p-100f;
  EXPECT_EQ(quantized({tiny, -tiny / 2}), (std::vector<double>{127, -64}));
  const Tiny rows("w8a8 n=1 k=2 a=f32 dot=i8 ks=1", {1, 2}, {1}, {0, 0, std::nextafter(tiny, 0.0f), 0, 1, 0});
  const auto out = rows.run();
  EXPECT_EQ(out[0].value, 0);
  EXPECT_EQ(out[1].value, 0);
  EXPECT_GT(out[1].unquantized, 0);
  EXPECT_EQ(out[2].value, 127 * double{1.0f / 127.0f});
}

TEST(ReferenceSchemes, ARowThatIsNotFiniteIsNaN) {
  const auto inf = std::numeric_limits<float>::infinity();
  for (const char* line :
       {"w8a8 n=1 k=2 a=f32 dot=i8 ks=1", "w4a8 n=1 k=2 a=f32 g=1 dot=i8 ks=1", "w8a16 n=1 k=2 a=f32 g=1 dot=i8x2 ks=1",
        "w4a16 n=1 k=2 a=f32 dot=i8x2 ks=1 epilogue=relu"}) {
    const Tiny tiny(line, {0, 1}, {1, 1}, {inf, 1, 3, 127, 1, std::nanf(""), -inf, 2});
    const auto out = tiny.run();
    EXPECT_TRUE(std::isnan(out[0].value)) << line;  // a weight of 0 meets the infinity
    EXPECT_EQ(out[1].value, 127) << line;
    EXPECT_TRUE(std::isnan(out[2].value)) << line;
    EXPECT_TRUE(std::isnan(out[3].value)) << line;
  }
  const Tiny propagates("w8a16 n=1 k=2 a=f32 dot=fma ks=1", {1, 1}, {1}, {inf, 1, inf, -inf});
  EXPECT_EQ(propagates.run()[0].value, infinity);
  EXPECT_TRUE(std::isnan(propagates.run()[1].value));
}

TEST(ReferenceSchemes, I8x2IsBoundByHalfAStepOfEachBlock) {
  const Tiny one("w8a16 n=1 k=4 a=f32 out=f16 dot=i8x2 ks=1", {-128, 127, 1, -3}, {0.5f}, {1, 2, 3, -4});
  const double magnitude = (128 + 254 + 3 + 12) * 0.5;
  const double step = 4.0 / 65278 * (128 + 127 + 1 + 3) * 0.5;
  const double chain = 2 + 1 + 1;  // f32(S) * t, a block, a segment
  EXPECT_EQ(one.run()[0].value, (-128 + 254 + 3 + 12) * 0.5);
  EXPECT_DOUBLE_EQ(one.run()[0].bound, 0x1p-11 * 70.5 + 0x1p-25 + 0x1p-24 * (chain + 8) * magnitude + step);
}

TEST(ReferenceSchemes, BlocksStartAgainInEachGroup) {
  // Groups of 150 give blocks of 128, 22, 128 and 22; each has one element that is not zero.
  std::vector<float> a(300);
  const std::vector<std::pair<size_t, float>> peaks = {{127, 1}, {128, 2}, {277, 4}, {278, 8}};
  for (const auto& [k, value] : peaks) a[k] = value;
  const Tiny tiny("w8a16 n=1 k=300 a=f32 out=f16 g=150 dot=i8x2 ks=1", std::vector<int8_t>(300, 1), {1, 1}, a);
  const std::vector<double> uncertainty = tiny.rows().uncertainty;
  for (size_t k = 0; k < a.size(); ++k) {
    const double absmax = k < 128 ? 1 : k < 150 ? 2 : k < 278 ? 4 : 8;
    EXPECT_EQ(uncertainty[k], absmax / 65278) << k;
  }
  const Tiny zeros("w8a16 n=1 k=2 a=f32 out=f16 dot=i8x2 ks=1", {1, 1}, {1}, {0, 0});
  EXPECT_EQ(zeros.rows().uncertainty[0], 0x1p-100 / 65278);
}

/// dot=i8x2 with one group, as the contract writes it.
double i8x2(const std::vector<float>& a, const std::vector<int8_t>& q, float s) {
  float acc = 0;
  for (size_t start = 0; start < a.size(); start += 128) {
    const size_t end = std::min(a.size(), start + 128);
    float absmax = 0x1p-100f;
    for (size_t k = start; k < end; ++k) absmax = std::max(absmax, std::abs(a[k]));
    const float t = absmax / 32639.0f;
    int32_t sum = 0;
    for (size_t k = start; k < end; ++k) sum += static_cast<int32_t>(std::nearbyint(a[k] / t)) * q[k];
    acc = std::fma(static_cast<float>(sum) * t, s, acc);
  }
  return acc;
}

TEST(ReferenceSchemes, I8x2KeepsItsBoundOnNormalActivations) {
  constexpr size_t k = 1000;
  std::mt19937_64 engine(1);
  std::normal_distribution<float> normal;
  double error2 = 0, signal2 = 0, worst = 0;
  for (int i = 0; i < 500; ++i) {
    std::vector<float> a(k);
    std::vector<int8_t> q(k);
    for (float& x : a) x = normal(engine);
    for (int8_t& x : q) x = static_cast<int8_t>(engine() % 16 - 8);
    const double actual = i8x2(a, q, 0.25f);
    const Tiny tiny("w8a16 n=1 k=1000 a=f32 out=f16 dot=i8x2 ks=1", q, {0.25f}, a);
    const ReferenceOutput reference = tiny.run()[0];
    const double u_out = 0x1p-11 * std::abs(reference.value);  // nothing is rounded to the output's type here
    const double error = std::abs(actual - reference.value);
    worst = std::max(worst, error / (reference.bound - u_out));
    error2 += error * error;
    signal2 += reference.value * reference.value;
  }
  EXPECT_LE(worst, 1);
  EXPECT_NEAR(std::sqrt(error2 / signal2), 2.4e-5, 0.4e-5);
}

TEST(ReferenceSchemes, TheBoundOfI8x2IsTight) {
  // The second activation is just below half a step, lost whole; the first, which sets the step, meets a weight of 0.
  const std::vector<float> a = {1, 0.4999f / 32639};
  const Tiny tiny("w8a16 n=1 k=2 a=f32 out=f16 dot=i8x2 ks=1", {0, 100}, {1000}, a);
  const ReferenceOutput reference = tiny.run()[0];
  EXPECT_EQ(i8x2(a, tiny.q, 1000), 0);
  EXPECT_LE(reference.value, reference.bound);
  EXPECT_GT(reference.value, 0.99 * reference.bound);
}

TEST(ReferenceSchemes, DenseWeightsAreTheirValues) {
  const std::vector<uint16_t> stored = {0x3f80, 0xc000, 0x3f00, 0x007f};  // 1, -2, 0.5, a subnormal
  const std::vector<uint16_t> a = {0x4040, 0x3f80, 0x4080, 0x4000};       // 3, 1, 4, 2
  Weights w;
  w.n = 1;
  w.k = 4;
  w.bits = 16;
  w.packing = Packing::row_floats;
  w.data_type = Type::bf16;
  w.data = std::as_bytes(std::span(stored));
  for (const char* dot : {"fma", "bf16"}) {
    const Problem problem = *parse_problem(std::string("w16a16 n=1 k=4 a=bf16 out=f32 ks=1 dot=") + dot);
    const ReferenceRows rows = reference_rows(problem, w, a.data(), 4, 1);
    const ReferenceOutput out = reference_column(problem, w, rows, {}, 0)[0];
    EXPECT_EQ(out.value, 3 - 2 + 2);  // the subnormal product is lost in double as well
    // dot=bf16 reads subnormals of either side as zero and loses tiny sums.
    const double flushed = problem.dot == Dot::bf16 ? 0x1p-126 * (4 * (1 + 2) + (3 + 1 + 4 + 2)) : 0;
    const double chain = 4 + 1 + 1;
    EXPECT_DOUBLE_EQ(out.bound, 0x1p-23 * 3 + 0x1p-126 + 0x1p-24 * (chain + 8) * (3 + 2 + 2) + flushed) << dot;
  }
}

TEST(ReferenceSchemes, SubnormalDenseWeightsMayBeLost) {
  const std::vector<uint16_t> stored(8, 0x007f);  // the largest subnormal, which dot=bf16 reads as 0
  const std::vector<uint16_t> a(8, 0x4300);       // 128
  Weights w;
  w.n = 1;
  w.k = 8;
  w.bits = 16;
  w.packing = Packing::row_floats;
  w.data_type = Type::bf16;
  w.data = std::as_bytes(std::span(stored));
  const Problem problem = *parse_problem("w16a16 n=1 k=8 a=bf16 out=f32 ks=1 dot=bf16");
  const ReferenceRows rows = reference_rows(problem, w, a.data(), 8, 1);
  const ReferenceOutput out = reference_column(problem, w, rows, {}, 0)[0];
  EXPECT_GT(out.value, 0);
  EXPECT_LE(out.value, out.bound);
}

TEST(ReferenceSchemes, OnlyResolvedDotsAreCovered) {
  Problem problem = *parse_problem("w4a16 n=1 k=1 a=bf16 ks=1");
  problem.dot = Dot::mma;
  EXPECT_TRUE(reference_covers(problem));
  problem.dot = Dot::automatic;
  ASSERT_FALSE(reference_covers(problem));
  EXPECT_EQ(reference_covers(problem).error().kind, ErrorKind::unsupported);
}

}  // namespace
}  // namespace tilejit

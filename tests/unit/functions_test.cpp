// The functions of ir/functions.h against double precision, on every exponent with edge and random mantissas. (Over all 2^32
// inputs the greatest errors are those that functions.h states.)
#include "ir/functions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "ir/scalar_ops.h"
#include "ir/tile_ops.h"
#include "tests/support/kernel_text.h"
#include "tests/support/random_cases.h"

namespace tilejit::ir {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float largest = std::numeric_limits<float>::max();

using Function = float (*)(float);
using Reference = double (*)(double);

float silu(float x) {
  ScalarOps ops;
  return functions::silu(ops, x);
}

float gelu(float x) {
  ScalarOps ops;
  return functions::gelu(ops, x);
}

float gelu_tanh(float x) {
  ScalarOps ops;
  return functions::gelu_tanh(ops, x);
}

double exact_silu(double x) { return x / (1 + std::exp(-x)); }

/// erfc keeps what 1 + erf would lose.
double exact_gelu(double x) { return 0.5 * x * std::erfc(-x * std::numbers::sqrt2 / 2); }

/// (1 + tanh y) / 2 = 1 / (1 + e^-2y).
double exact_gelu_tanh(double x) {
  const double y = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return x / (1 + std::exp(-2 * y));
}

/// The distance of neighbouring f32 at a value; beyond the largest one as if the exponent had no end.
double ulp(double value) {
  constexpr double smallest = 0x1p-149;
  if (std::isnan(value) || std::abs(value) < smallest) return smallest;
  return std::max(std::ldexp(1.0, std::ilogb(value) - 23), smallest);
}

/// Every sign and exponent, infinities and NaNs included.
std::vector<float> stratified_inputs() {
  std::mt19937_64 random(test::first_seed());
  std::uniform_int_distribution<uint32_t> mantissa(0, 0x7fffff);
  std::vector<float> inputs;
  for (uint32_t top = 0; top < 512; ++top) {
    for (const uint32_t edge : {0u, 1u, 0x400000u, 0x7fffffu}) inputs.push_back(std::bit_cast<float>(top << 23 | edge));
    const int more = test::test_cases(400);
    for (int i = 0; i < more; ++i) inputs.push_back(std::bit_cast<float>(top << 23 | mantissa(random)));
  }
  return inputs;
}

/// Empty, or what is wrong with f(x): NaN, infinity and zero by their kind, a number by its error.
std::string wrong(float got, double exact, double bound) {
  const bool same_sign = std::signbit(got) == std::signbit(exact);
  bool right = std::abs(got - exact) <= bound && (exact != 0 || same_sign);
  if (std::isnan(got) || std::isnan(exact)) right = std::isnan(got) && std::isnan(exact);
  if (std::isinf(got) || std::abs(exact) >= 0x1p128) right = std::isinf(got) && std::abs(exact) >= largest && same_sign;
  if (right) return "";
  return fmt::format("{} instead of {}, {} ulp", got, exact, std::abs(got - exact) / ulp(exact));
}

TEST(Functions, WithinTheirUlps) {
  struct Row {
    const char* name;
    Function function;
    Reference exact;
    double ulps;
  };
  const std::vector<float> inputs = stratified_inputs();
  for (const Row& row : {Row{"exp", ScalarOps::exp, std::exp, 1.02}, Row{"erf", ScalarOps::erf, std::erf, 1.75},
                         Row{"tanh", ScalarOps::tanh, std::tanh, 1.95}})
    for (const float x : inputs) {
      const double exact = row.exact(x);
      ASSERT_EQ(wrong(row.function(x), exact, row.ulps * ulp(exact)), "") << row.name << " of " << x;
    }
}

TEST(Functions, ActivationsWithinFourUlpsOrTheirShareOfX) {
  struct Row {
    const char* name;
    Function function;
    Reference exact;
  };
  const std::vector<float> inputs = stratified_inputs();
  for (const Row& row :
       {Row{"silu", silu, exact_silu}, Row{"gelu", gelu, exact_gelu}, Row{"gelu_tanh", gelu_tanh, exact_gelu_tanh}})
    for (const float x : inputs) {
      const double exact = row.exact(x);
      const double bound = std::max(4 * ulp(exact), 0x1p-22 * std::abs(double{x}));
      ASSERT_EQ(wrong(row.function(x), exact, bound), "") << row.name << " of " << x;
    }
}

TEST(Functions, ValuesThatHaveAName) {
  EXPECT_EQ(ScalarOps::exp(0.0f), 1);
  EXPECT_EQ(ScalarOps::exp(-0.0f), 1);
  EXPECT_EQ(ScalarOps::exp(inf), inf);
  EXPECT_EQ(ScalarOps::exp(-inf), 0);
  EXPECT_EQ(ScalarOps::exp(largest), inf);
  for (const float sign : {1.0f, -1.0f})
    for (const Function odd : {ScalarOps::erf, ScalarOps::tanh}) {
      EXPECT_EQ(odd(sign * inf), sign);
      EXPECT_EQ(odd(sign * largest), sign);
      EXPECT_EQ(odd(sign * 0.0f), 0);
      EXPECT_EQ(std::signbit(odd(sign * 0.0f)), sign < 0);
    }
  for (const Function f :
       {ScalarOps::exp, ScalarOps::erf, ScalarOps::tanh, Function{silu}, Function{gelu}, Function{gelu_tanh}}) {
    EXPECT_TRUE(std::isnan(f(nan)));
    EXPECT_TRUE(std::isnan(f(-nan)));
  }
  for (const Function f : {silu, gelu, gelu_tanh}) {
    EXPECT_EQ(f(inf), inf);
    EXPECT_EQ(f(largest), largest);
    EXPECT_EQ(f(-1000.0f), 0);
    EXPECT_EQ(f(-largest), 0);
    EXPECT_TRUE(std::isnan(f(-inf)));  // -inf * 0 in their formulas
  }
}

/// The same sequence in a kernel, whose functions the interpreter evaluates.
TEST(Functions, ActivationsOfATileAreThoseOfItsElements) {
  using OnTile = TileOps::F (*)(TileOps&, TileOps::F);
  struct Row {
    Function scalar;
    OnTile tile;
  };
  for (const Row& row :
       {Row{silu, functions::silu}, Row{gelu, functions::gelu}, Row{gelu_tanh, functions::gelu_tanh}}) {
    std::vector<float> x{0, -0.0f, 1, -1, 0.3f, -7, 90, -90, 1e-40f, -1e30f, inf, 0x1p-126f}, expected;
    for (const float value : x) expected.push_back(row.scalar(value));
    const Shape shape{3, 4, 1};
    Kernel kernel = test::legal_kernel("kernel t(%a: global f32[3,4]) {\n%x = load %a[0:3, 0:4] : f32[3,4]\n}");
    TileOps ops(kernel, kernel.body, shape);
    const Value y = row.tile(ops, {kernel.body[0].dst}).tile;
    Instr& store = kernel.body.emplace_back(kernel.body[0]);
    store.op = Op::store;
    store.dst = Value::none;
    store.args[0] = y;
    test::run_kernel(kernel, {test::view(x)});
    EXPECT_EQ(x, expected);
  }
}

}  // namespace
}  // namespace tilejit::ir

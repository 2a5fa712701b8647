// The numerics of matrix steps: worked examples of every rule, what a chain does not depend on, and integers that are exact.
#include "ir/mma.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/support/kernel_text.h"

namespace tilejit::ir {
namespace {

using Cells = std::vector<uint32_t>;

const MmaRow& row(std::string_view name) { return mma_rows()[static_cast<size_t>(*find_mma(name))]; }

uint32_t cell(Type type, double value) {
  const auto narrow = static_cast<float>(value);
  return type == Type::f16 ? f32_to_f16(narrow) : f32_to_bf16(narrow);
}

/// One group of the row, the rest zeros.
uint32_t step(std::string_view name, float acc, const std::vector<double>& x, const std::vector<double>& w) {
  const MmaRow& numerics = row(name);
  Cells a(static_cast<size_t>(numerics.k)), b(static_cast<size_t>(numerics.k));
  for (size_t i = 0; i < x.size(); ++i) a[i] = cell(numerics.input, x[i]);
  for (size_t i = 0; i < w.size(); ++i) b[i] = cell(numerics.input, w[i]);
  return mma(numerics, a.data(), b.data(), numerics.k, std::bit_cast<uint32_t>(acc));
}

constexpr float infinity = std::numeric_limits<float>::infinity();

TEST(Mma, PairwiseRoundsTheTreeOfAGroup) {
  const double big = 0x1p24;
  EXPECT_EQ(step("cdna2_bf16", 0, {big, 1, 1, 1}, {1, 1, 1, 1}), 0x4b800001u);
  EXPECT_EQ(step("cdna2_bf16", 1, {big, 0, 0, 0}, {1, 0, 0, 0}), 0x4b800000u);
  EXPECT_EQ(step("cdna2_bf16", 0x1p-127F, {0, 0, 0, 0}, {0, 0, 0, 0}), 0u) << "a subnormal accumulator is +0";
  EXPECT_EQ(step("cdna2_f16", 0, {0x1p-15, 0, 0, 0}, {1, 0, 0, 0}), 0u) << "a subnormal input is +0";
  EXPECT_EQ(step("cdna2_bf16", -0.0F, {-0.0, -0.0, -0.0, -0.0}, {1, 1, 1, 1}), 0u) << "products of -0 count as +0";
}

TEST(Mma, AlignedCutsTowardZeroThenTowardMinusInfinity) {
  EXPECT_EQ(step("cdna3_bf16", 0x1p24F, {1}, {1}), 0x4b800000u);
  EXPECT_EQ(step("cdna3_bf16", 1, {-0x1p-30}, {1}), std::bit_cast<uint32_t>(1.0F));
  EXPECT_EQ(step("cdna3_bf16", 0x1p-30F, {1}, {1}), std::bit_cast<uint32_t>(1.0F));
  EXPECT_EQ(step("cdna3_bf16", -0x1p-30F, {1}, {1}), 0x3f7fffffu);
  EXPECT_EQ(step("cdna3_f16", -0.0F, {-0.0}, {1}), 0u) << "a sum of zeros is +0";
  EXPECT_EQ(step("cdna3_f16", 0, {0x1p-24}, {0x1p-24}), std::bit_cast<uint32_t>(0x1p-48F)) << "subnormals are kept";
}

TEST(Mma, FramedComplementsOpposingTermsWithoutTheIncrement) {
  EXPECT_EQ(step("rdna3_f16", -1, {3, 8}, {8, 4}), 0x425c0001u);
  EXPECT_EQ(step("rdna3_f16", 1, {3, 8}, {8, 4}), 0x42640000u);
  EXPECT_EQ(step("rdna4_f16", 1, {-1, 0}, {1, 0}), 0xb3800000u);
  EXPECT_EQ(step("rdna3_bf16", -0.0F, {-0.0, -0.0}, {1, 1}), 0x80000000u) << "-0 where all terms are -0";
  EXPECT_EQ(step("rdna3_bf16", 0, {0x1p-127, 0}, {0x1p10, 0}), 0u) << "subnormal bf16 inputs are zeros";
}

TEST(Mma, SpecialValuesGiveInfinityOrNan) {
  for (const MmaRow& numerics : mma_rows()) {
    if (numerics.rule == MmaRule::exact) continue;
    SCOPED_TRACE(numerics.name);
    const auto value = [&](float acc, const std::vector<double>& x, const std::vector<double>& w) {
      return std::bit_cast<float>(step(numerics.name, acc, x, w));
    };
    EXPECT_EQ(value(1, {infinity, 1}, {1, 1}), infinity);
    EXPECT_EQ(value(-infinity, {1, 1}, {1, 1}), -infinity);
    EXPECT_TRUE(std::isnan(value(0, {infinity, -infinity}, {1, 1})));
    EXPECT_TRUE(std::isnan(value(-infinity, {infinity, 0}, {1, 0})));
    EXPECT_TRUE(std::isnan(value(0, {infinity, 1}, {0, 1})));
    EXPECT_TRUE(std::isnan(value(NAN, {1, 1}, {1, 1})));
  }
  EXPECT_EQ(step("cdna3_bf16", 0, {0x1p100}, {0x1p100}), 0x7f800000u) << "a product beyond f32";
  EXPECT_EQ(step("cdna3_bf16", infinity, {-0x1p100}, {0x1p100}), 0x7f800000u) << "what is given goes first";
}

/// Chains are cut anywhere between groups, and small integers are exact in every row.
TEST(Mma, ChainsOfSmallIntegersAreExact) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> small(-15, 15);
  constexpr size_t depth = 64;
  for (const MmaRow& numerics : mma_rows()) {
    SCOPED_TRACE(numerics.name);
    if (numerics.rule == MmaRule::framed) continue;  // a unit off where terms oppose
    for (int n = 0; n < 100; ++n) {
      Cells x(depth), w(depth);
      int expected = 0;
      for (size_t i = 0; i < depth; ++i) {
        const int a = small(random), b = small(random);
        expected += a * b;
        const bool integer = numerics.input == Type::i8;
        x[i] = integer ? static_cast<uint32_t>(a) : cell(numerics.input, a);
        w[i] = integer ? static_cast<uint32_t>(b) : cell(numerics.input, b);
      }
      const uint32_t whole = mma(numerics, x.data(), w.data(), depth, 0);
      const uint32_t half = mma(numerics, x.data(), w.data(), depth / 2, 0);
      EXPECT_EQ(mma(numerics, x.data() + depth / 2, w.data() + depth / 2, depth / 2, half), whole);
      EXPECT_EQ(whole, numerics.sum == Type::i32 ? static_cast<uint32_t>(expected)
                                                 : std::bit_cast<uint32_t>(static_cast<float>(expected)));
    }
  }
}

/// No group loses more than a few units of 24 bits below its largest term.
TEST(Mma, EveryRowIsNearTheExactSum) {
  std::mt19937 random(2);
  std::normal_distribution<double> normal;
  constexpr size_t depth = 256;
  for (const MmaRow& numerics : mma_rows()) {
    SCOPED_TRACE(numerics.name);
    if (numerics.rule == MmaRule::exact) continue;
    for (int n = 0; n < 50; ++n) {
      Cells x(depth), w(depth);
      double sum = 0, magnitude = 0;
      const auto draw = [&](uint32_t& bits) {
        bits = cell(numerics.input, normal(random));
        const auto narrow = static_cast<uint16_t>(bits);
        return double{numerics.input == Type::f16 ? f16_to_f32(narrow) : bf16_to_f32(narrow)};
      };
      for (size_t i = 0; i < depth; ++i) {
        const double product = draw(x[i]) * draw(w[i]);
        sum += product;
        magnitude += std::abs(product);
      }
      const double got = std::bit_cast<float>(mma(numerics, x.data(), w.data(), depth, 0));
      EXPECT_LE(std::abs(got - sum), 0x1p-22 * depth * magnitude);
    }
  }
}

TEST(Mma, TheOpRunsTheRowOfItsName) {
  const std::string text =
      R"(kernel k(%x: global bf16[1,8], %w: global bf16[2,8], %c: global f32[2], %out: global f32[2]) {
    %a = load %x[0:1, 0:8] : bf16[1,1,8]
    %b = load %w[0:2, 0:8] : bf16[1,2,8]
    %acc = load %c[0:2] : f32[1,2]
    %acc = mma.ROW %a, %b, %acc : f32[1,2]
    store %out[0:2], %acc
  })";
  for (const std::string name : {"cdna2_bf16", "cdna3_bf16", "rdna3_bf16"}) {
    std::string named = text;
    const Kernel kernel = test::legal_kernel(named.replace(named.find("ROW"), 3, name));
    std::vector<uint16_t> x(8), w(16);
    std::vector<float> c = {-0x1p-30F, 3}, out(2);
    x[0] = x[5] = f32_to_bf16(1);
    w[0] = w[8] = w[13] = f32_to_bf16(1);
    test::run_kernel(kernel, {test::view(x), test::view(w), test::view(c), test::view(out)});
    for (size_t i = 0; i < 2; ++i) {
      const Cells wide_x(x.begin(), x.end());
      const Cells wide_w(w.begin() + static_cast<std::ptrdiff_t>(8 * i),
                         w.begin() + static_cast<std::ptrdiff_t>(8 * i + 8));
      EXPECT_EQ(std::bit_cast<uint32_t>(out[i]),
                mma(row(name), wide_x.data(), wide_w.data(), 8, std::bit_cast<uint32_t>(c[i])));
    }
  }
}

/// dst[0,c,r*T+t] = arg0[r,c,t*s+lane] - zero.
TEST(Mma, UnpackGathersTheLanesOfAColumn) {
  const Kernel kernel = test::legal_kernel(R"(kernel k(%w: global u4[2,2,8], %out: global i8[4,2,4]) {
    %q = load %w[0:2, 0:2, 0:8] : u4[2,2,8]
    for unrolled %j = 0..4 {
      %u = unpack %q lane %j zero 8 : i8[1,2,4]
      store %out[%j, 0:2, 0:4], %u
    }
  })");
  std::vector<uint8_t> w(16), out(32);
  const auto u = [](size_t r, size_t c, size_t e) { return (r * 16 + c * 8 + e) * 7 % 16; };
  for (size_t i = 0; i < 32; ++i) w[i / 2] |= static_cast<uint8_t>(u(i / 16, i / 8 % 2, i % 8) << (i % 2 * 4));
  test::run_kernel(kernel, {test::view(w), test::view(out)});
  for (size_t j = 0; j < 4; ++j)
    for (size_t c = 0; c < 2; ++c)
      for (size_t r = 0; r < 2; ++r)
        for (size_t t = 0; t < 2; ++t)
          EXPECT_EQ(static_cast<int8_t>(out[j * 8 + c * 4 + r * 2 + t]), static_cast<int>(u(r, c, t * 4 + j)) - 8);
}

}  // namespace
}  // namespace tilejit::ir

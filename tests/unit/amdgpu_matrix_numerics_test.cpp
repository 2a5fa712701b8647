// How the emulated matrix instructions round: cases by hand, and the written rule evaluated in doubles.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>
#include <tilejit/types.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "targets/amdgpu/emulator/matrix_numerics.h"

namespace tilejit::amdgpu::emulator {
namespace {

using enum Numerics;
using enum FloatType;
using Halves = std::vector<uint16_t>;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// x is a number of the type, a subnormal perhaps.
uint16_t half(FloatType type, float x) {
  return type == f16 ? f32_to_f16(x) : static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
}
float widened(FloatType type, uint16_t x) { return type == f16 ? f16_to_f32(x) : bf16_to_f32(x); }

uint32_t run(Numerics row, FloatType type, const Halves& a, const Halves& b, uint32_t c) {
  std::vector<Factor> x, y;
  for (const uint16_t bits : a) x.push_back(factor(row, type, bits));
  for (const uint16_t bits : b) y.push_back(factor(row, type, bits));
  return accumulate(row, type, x, y, c);
}

/// One step on values that the type holds; missing ones are zeros.
float step(Numerics row, FloatType type, float acc, std::vector<float> a, std::vector<float> b) {
  a.resize(static_cast<size_t>(group_of(row)));
  b.resize(a.size());
  Halves x, y;
  for (const float v : a) x.push_back(half(type, v));
  for (const float v : b) y.push_back(half(type, v));
  return std::bit_cast<float>(run(row, type, x, y, std::bit_cast<uint32_t>(acc)));
}

struct Case {
  Numerics row;
  FloatType type;
  float acc;
  std::vector<float> a, b;
  float result;
};

void expect_cases(const std::vector<Case>& cases) {
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    const float got = step(c.row, c.type, c.acc, c.a, c.b);
    if (std::isnan(c.result))
      EXPECT_TRUE(std::isnan(got)) << i;
    else
      EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(c.result)) << "case " << i << ": " << got;
  }
}

TEST(AmdgpuMatrixNumerics, Cdna2RoundsEachSumOfThePairwiseTree) {
  expect_cases({
      {cdna2, bf16, 0, {0x1p24f, 1, 1, 1}, {1, 1, 1, 1}, 0x1p24f + 2},  // (2^24 + 1) is 2^24, then + 2
      {cdna2, bf16, 1, {0x1p24f, -0x1p24f}, {1, 1}, 1},                 // the group first, then the accumulator
      {cdna2, bf16, 1, {0x1p24f, 1, -0x1p24f}, {1, 1, 1}, 1},           // the 1 is lost in its pair
      {cdna2, f16, -1, {3, 8}, {8, 4}, 55},
  });
}

TEST(AmdgpuMatrixNumerics, Cdna2FlushesSubnormals) {
  const float f16_subnormal = 0x1p-15f, tiny = 0x1p-130f;
  expect_cases({
      {cdna2, f16, 0, {f16_subnormal}, {1}, 0},
      {cdna2, f16, 0, {-0x1p-14f}, {1}, -0x1p-14f},
      {cdna2, bf16, 1, {tiny}, {0x1p127f}, 1},
      {cdna2, bf16, tiny, {}, {}, 0},
      {cdna2, bf16, -tiny, {}, {}, 0},                             // read as +0
      {cdna2, bf16, -0.0f, {-1}, {0}, 0},                          // a product of zero is +0
      {cdna2, bf16, 0, {0x1p-64f}, {0x1p-63f}, 0},                 // 2^-127 is subnormal
      {cdna2, bf16, -0x1.8p-126f, {0x1p-63f}, {0x1p-63f}, -0.0f},  // and so is the sum, of negative sign
      {cdna2,
       bf16,
       0,
       {0x1p-63f, 0x1p-63f},
       {0x1p-64f, 0x1p-64f},
       0},  // each product, though their sum would be normal
  });
}

TEST(AmdgpuMatrixNumerics, Cdna3CutsProductsAndFloorsTheAccumulator) {
  expect_cases({
      {cdna3, bf16, 0x1p24f, {1}, {1}, 0x1p24f},
      {cdna3, bf16, 0x1p24f, {1, 1, 1}, {1, 1, 1}, 0x1p24f + 4},  // 2^24 + 3, to even
      {cdna3, bf16, 1, {-0x1p-30f}, {1}, 1},                      // 31 bits hold it, rounding drops it
      {cdna3, bf16, 0x1p-30f, {1}, {1}, 1},                       // below 24 bits of a positive accumulator
      {cdna3, bf16, -0x1p-30f, {1}, {1}, 1 - 0x1p-24f},           // and of a negative one
      {cdna3, bf16, -0x1p-126f, {1}, {1}, 1 - 0x1p-24f},          // however small
      {cdna3, bf16, 0, {1, 0x1p-24f, 0x1p-25f}, {1, 1, 1}, 1},    // the last one is cut off, 2^-24 is a tie
      {cdna3, bf16, 0, {1, 0x1p-24f, 0x1p-24f, 0x1p-24f}, {1, 1, 1, 1}, 1 + 0x1p-22f},
      {cdna3, bf16, 0, {1, -0x1p-25f}, {1, 1}, 1},            // cut toward zero
      {cdna3, bf16, 0, {256, 0x1p-17f, -256}, {1, 1, 1}, 0},  // 2^-17 is 25 bits below 256
      {cdna3, bf16, 0, {256, 0x1p-16f, -256}, {1, 1, 1}, 0x1p-16f},
      {cdna3, f16, -1, {3, 8}, {8, 4}, 55},
      {cdna3, bf16, -0.0f, {-1}, {0}, 0},           // no negative zero
      {cdna3, bf16, 0x1p-30f, {0}, {0x1p127f}, 0},  // a zero has an exponent: 2^-126 * 2^127 aligns to 2
  });
}

TEST(AmdgpuMatrixNumerics, Cdna3KeepsSubnormalsAndOverflows) {
  expect_cases({
      {cdna3, f16, 0, {0x1p-24f}, {0x1p-24f}, 0x1p-48f},
      {cdna3, bf16, 0, {0x1p-130f}, {1}, 0x1p-130f},
      {cdna3, bf16, 0x1p-149f, {}, {}, 0x1p-149f},
      {cdna3, bf16, 0, {0x1p64f}, {0x1p64f}, infinity},
      {cdna3, bf16, 0, {0x1p64f, 0x1p64f}, {0x1p64f, -0x1p64f}, nan},
      {cdna3, bf16, -0x1p127f, {0x1p64f}, {0x1p64f}, infinity},                // whatever is subtracted
      {cdna3, bf16, -infinity, {0x1p64f}, {0x1p64f}, -infinity},               // but infinities come first
      {cdna3, bf16, 0, {0x1p127f, 0x1p127f}, {1, 1}, infinity},                // the sum overflows
      {cdna3, bf16, 0, {0x1p127f, 0x1p127f, -0x1p127f}, {1, 1, 1}, 0x1p127f},  // not on the way
  });
}

TEST(AmdgpuMatrixNumerics, RdnaComplementsWhatOpposesTheAccumulator) {
  expect_cases({
      {rdna, f16, 1, {3, 8}, {8, 4}, 57},
      {rdna, f16, -1, {3, 8}, {8, 4}, 55.0000038f},
      {rdna, f16, 1, {-1}, {1}, -0x1p-24f},
      {rdna, f16, -1, {1}, {1}, 0x1p-24f},
      {rdna, f16, 0, {-3, 3}, {1, 1}, -0x1p-23f},  // the sign of a zero counts
      {rdna, f16, -0.0f, {-3, 3}, {1, 1}, 0x1p-23f},
      {rdna, f16, -0.0f, {-1, -1}, {0, 0}, -0.0f},
      {rdna, f16, -0.0f, {-1}, {0}, 0},  // the missing product is +0
      {rdna, bf16, 0x1p24f, {1, 1}, {1, 1}, 0x1p24f + 2},
      {rdna, bf16, 0x1p25f, {1, 1}, {1, 1}, 0x1p25f},  // each is cut to a multiple of 2
      {rdna, bf16, 0x1p25f, {-1}, {1}, 0x1p25f - 2},   // complement of nothing
      {rdna, bf16, 3, {1}, {0x1p-40f}, 3},
  });
}

TEST(AmdgpuMatrixNumerics, RdnaFlushesSubnormalsOfF32AndBf16) {
  const float tiny = 0x1p-130f;
  expect_cases({
      {rdna, bf16, 0, {tiny}, {0x1p17f}, 0},
      {rdna, bf16, 0, {0x1p-100f}, {0x1p-13f}, 0x1p-113f},
      {rdna, bf16, tiny, {}, {}, 0},
      {rdna, bf16, 0, {0x1p-64f}, {0x1p-64f}, 0},
      {rdna, bf16, 0, {-0x1p-64f}, {0x1p-64f}, -0.0f},
      {rdna, bf16, 0, {tiny}, {infinity}, nan},
      {rdna, f16, 0, {0x1p-24f}, {0x1p-24f}, 0x1p-48f},
      {rdna, f16, 0, {0x1p-24f, 1}, {1, 0x1p-20f}, 0x1.1p-20f},
      {rdna, bf16, 0, {0x1p64f, -0x1p64f}, {0x1p64f, 0x1p63f}, 0x1p127f - 0x1p104f},  // no product overflows
      {rdna, bf16, 0x1p127f, {0x1p64f}, {0x1p63f}, infinity},
  });
}

TEST(AmdgpuMatrixNumerics, NaNsAndInfinities) {
  for (const Numerics row : {cdna2, cdna3, rdna})
    for (const FloatType type : {f16, bf16})
      expect_cases({
          {row, type, nan, {}, {}, nan},
          {row, type, 1, {nan}, {0}, nan},
          {row, type, 1, {infinity}, {0}, nan},
          {row, type, 1, {infinity}, {-2}, -infinity},
          {row, type, -infinity, {infinity}, {1}, nan},
          {row, type, 0, {infinity, infinity}, {1, -1}, nan},
          {row, type, infinity, {1}, {-1}, infinity},
      });
}

/// E and S of the written rule.
struct Split {
  double s;
  int e;
};
Split split(double x, int least, int of_zero) {
  if (x == 0) return {0, of_zero};
  const int e = std::max(std::ilogb(x), least);
  return {std::ldexp(x, -e), e};
}
int least_of(FloatType type) { return type == f16 ? -14 : -126; }

/// The rule of cdna3 as it is written, for finite terms that do not overflow.
float cdna3_in_doubles(FloatType type, float acc, const std::array<double, 8>& a, const std::array<double, 8>& b) {
  int e = -1000;
  for (size_t i = 0; i < 8; ++i)
    e = std::max(e, split(a[i], least_of(type), -126).e + split(b[i], least_of(type), -126).e);
  double sum = 0;
  for (size_t i = 0; i < 8; ++i) {
    const Split x = split(a[i], least_of(type), -126), y = split(b[i], least_of(type), -126);
    sum += std::ldexp(std::trunc(std::ldexp(x.s * y.s, 24 + x.e + y.e - e)), -24);
  }
  const Split c = split(acc, -126, -126);
  const int m = std::max(e, c.e);
  const double products = std::ldexp(std::floor(std::ldexp(sum, 31 + e - m)), -31);
  const double kept = std::ldexp(std::floor(std::ldexp(c.s, 24 + c.e - m)), -24);
  return static_cast<float>(std::ldexp(products + kept, m));
}

float rdna_in_doubles(FloatType type, float acc, const std::array<double, 2>& a, const std::array<double, 2>& b) {
  const double terms[] = {acc, a[0] * b[0], a[1] * b[1]};
  int exponents[] = {split(acc, -126, 0).e, 0, 0};
  for (size_t i = 0; i < 2; ++i) exponents[i + 1] = split(a[i], least_of(type), 0).e + split(b[i], least_of(type), 0).e;
  int e = -1000;
  for (size_t i = 0; i < 3; ++i)
    if (terms[i] != 0) e = std::max(e, exponents[i]);
  double sum = 0;
  for (const double term : terms) {
    const double t = std::trunc(std::ldexp(std::abs(term), 24 - e));
    if (term != 0) sum += std::signbit(term) == std::signbit(acc) ? t : -t - 1;
  }
  const float r = static_cast<float>(std::ldexp(std::signbit(acc) ? -sum : sum, e - 24));
  return std::abs(r) < 0x1p-126f ? std::copysign(0.0f, r) : r;
}

/// Random numbers whose exponents meet, so that sums cancel and bits fall off the end; now and then a zero or a
/// subnormal.
uint16_t random_half(FloatType type, std::mt19937& random) {
  const uint32_t bits = static_cast<uint32_t>(random());
  if (bits >> 28 == 0) return static_cast<uint16_t>(bits & (type == f16 ? 0x83ff : 0x8000));
  const int fraction = type == f16 ? 10 : 7, bias = type == f16 ? 15 : 127;
  const uint32_t exponent = static_cast<uint32_t>(bias - 6) + (bits >> 24) % 13;
  return static_cast<uint16_t>((bits & 0x8000) | exponent << fraction | (bits & ((1u << fraction) - 1)));
}
float random_accumulator(std::mt19937& random) {
  const uint32_t bits = static_cast<uint32_t>(random());
  return std::bit_cast<float>((bits & 0x807fffff) | (127 - 16 + (bits >> 23) % 33) << 23);
}

template <size_t group, typename Rule>
void expect_rule(Numerics row, FloatType type, uint32_t seed, Rule rule) {
  std::mt19937 random(seed);
  for (int i = 0; i < 20000; ++i) {
    Halves a, b;
    std::array<double, group> x, y;
    for (size_t k = 0; k < group; ++k) {
      a.push_back(random_half(type, random));
      b.push_back(random_half(type, random));
      x[k] = widened(type, a[k]);
      y[k] = widened(type, b[k]);
    }
    const float acc = random_accumulator(random);
    const uint32_t expected = std::bit_cast<uint32_t>(rule(type, acc, x, y));
    ASSERT_EQ(run(row, type, a, b, std::bit_cast<uint32_t>(acc)), expected) << i << " acc " << acc;
  }
}

TEST(AmdgpuMatrixNumerics, RandomStepsFollowTheWrittenRule) {
  for (const FloatType type : {f16, bf16}) {
    expect_rule<8>(cdna3, type, 1, cdna3_in_doubles);
    expect_rule<2>(rdna, type, 2, rdna_in_doubles);
  }
}

// The k of an instruction does not show: groups follow one another.
TEST(AmdgpuMatrixNumerics, ChainsOfGroupsAreOneGroupAfterTheOther) {
  std::mt19937 random(3);
  for (const Numerics row : {cdna2, cdna3, rdna})
    for (const FloatType type : {f16, bf16})
      for (int i = 0; i < 100; ++i) {
        Halves a, b;
        for (int k = 0; k < 32; ++k) {
          a.push_back(random_half(type, random));
          b.push_back(random_half(type, random));
        }
        uint32_t acc = std::bit_cast<uint32_t>(random_accumulator(random));
        const uint32_t at_once = run(row, type, a, b, acc);
        for (int k = 0; k < 32; k += group_of(row))
          acc = run(row, type, Halves(a.begin() + k, a.begin() + k + group_of(row)),
                    Halves(b.begin() + k, b.begin() + k + group_of(row)), acc);
        EXPECT_EQ(acc, at_once);
      }
}

}  // namespace
}  // namespace tilejit::amdgpu::emulator

#endif

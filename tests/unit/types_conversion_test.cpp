// f32 <-> bf16 and f16: every 16-bit value, the edges, and this CPU's own conversions where it has them.
#include <gtest/gtest.h>
#include <tilejit/types.h>

#include <bit>
#include <cmath>

namespace tilejit {
namespace {

float f32(uint32_t b) { return std::bit_cast<float>(b); }
uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

TEST(TypesConversion, EveryBf16WidensAndComesBack) {
  for (uint32_t b = 0; b < 0x10000; ++b) {
    const auto half = static_cast<uint16_t>(b);
    const uint32_t magnitude = b & 0x7fffu;
    EXPECT_EQ(bits(bf16_to_f32(half)), b << 16);
    uint32_t expected = b;
    if (magnitude < 0x0080u) expected = b & 0x8000u;  // a subnormal f32 is read as zero
    if (magnitude > 0x7f80u) expected = b | 0x0040u;
    EXPECT_EQ(f32_to_bf16(f32(b << 16)), expected) << std::hex << b;
  }
}

TEST(TypesConversion, EveryF16WidensAndComesBack) {
  for (uint32_t b = 0; b < 0x10000; ++b) {
    const auto half = static_cast<uint16_t>(b);
    const float wide = f16_to_f32(half);
    const uint32_t magnitude = b & 0x7fffu;
    if (magnitude > 0x7c00u) {
      EXPECT_TRUE(std::isnan(wide));
      EXPECT_EQ(f32_to_f16(wide), b | 0x0200u);
      continue;
    }
    const int exponent = static_cast<int>(magnitude >> 10);
    const float fraction = static_cast<float>(magnitude & 0x3ffu);
    const float value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
    EXPECT_EQ(std::abs(wide), magnitude == 0x7c00u ? INFINITY : value) << std::hex << b;
    EXPECT_EQ(std::signbit(wide), b >= 0x8000u);
    EXPECT_EQ(f32_to_f16(wide), b);
  }
}

TEST(TypesConversion, Bf16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_bf16(f32(0x3f808000)), 0x3f80);  // ties
  EXPECT_EQ(f32_to_bf16(f32(0x3f818000)), 0x3f82);
  EXPECT_EQ(f32_to_bf16(f32(0x3f808001)), 0x3f81);
  EXPECT_EQ(f32_to_bf16(f32(0x3f807fff)), 0x3f80);
  EXPECT_EQ(f32_to_bf16(f32(0x7f7f7fff)), 0x7f7f);  // the largest, and overflow
  EXPECT_EQ(f32_to_bf16(f32(0x7f7f8000)), 0x7f80);
  EXPECT_EQ(f32_to_bf16(f32(0xff7fffff)), 0xff80);
  EXPECT_EQ(f32_to_bf16(f32(0x007fffff)), 0);  // not 0x0080: the input is subnormal
  EXPECT_EQ(f32_to_bf16(f32(0x80000001)), 0x8000);
  EXPECT_EQ(f32_to_bf16(f32(0x7f800001)), 0x7fc0);
}

TEST(TypesConversion, F16RoundsToNearestEven) {
  EXPECT_EQ(f32_to_f16(0x1.002p0f), 0x3c00);  // ties
  EXPECT_EQ(f32_to_f16(0x1.006p0f), 0x3c02);
  EXPECT_EQ(f32_to_f16(65519.99f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520), 0x7c00);
  EXPECT_EQ(f32_to_f16(-65520), 0xfc00);
  EXPECT_EQ(f32_to_f16(0x1p-24f), 1);  // subnormal results are kept
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(0x1.000002p-25f), 1);
  EXPECT_EQ(f32_to_f16(-0x1.8p-24f), 0x8002);
  EXPECT_EQ(f32_to_f16(0x1.ff8p-15f), 0x03ff);
  EXPECT_EQ(f32_to_f16(0x1.ffcp-15f), 0x0400);  // the tie between the largest subnormal and the smallest normal
  EXPECT_EQ(f32_to_f16(f32(0x80000001)), 0x8000);
}

TEST(TypesConversion, U4IsHalfAByte) {
  EXPECT_EQ(bytes_of(Type::u4, 8), 4);
  EXPECT_EQ(bytes_of(Type::u4, 3), 2);
  EXPECT_EQ(bytes_of(Type::bf16, 3), 6);
}

#if defined(__x86_64__)

uint16_t vcvtneps2bf16(float value) {
  uint32_t result;
  asm("vmovd %1, %%xmm0\n vcvtneps2bf16 %%xmm0, %%xmm0\n vmovd %%xmm0, %0" : "=r"(result) : "r"(bits(value)) : "xmm0");
  return static_cast<uint16_t>(result);
}

uint16_t vcvtps2ph(float value) {
  uint32_t result;
  asm("vmovd %1, %%xmm0\n vcvtps2ph $0, %%xmm0, %%xmm0\n vmovd %%xmm0, %0" : "=r"(result) : "r"(bits(value)) : "xmm0");
  return static_cast<uint16_t>(result);
}

/// A prime step through all f32, and everything near the powers of two.
template <typename F>
void for_many_floats(F check) {
  for (uint64_t b = 0; b < uint64_t{1} << 32; b += 4099) check(f32(static_cast<uint32_t>(b)));
  for (uint32_t high = 0; high < 0x200; ++high)
    for (uint32_t low = 0; low < 64; ++low) {
      check(f32(high << 23 | low << 11 | low));
      check(f32((high << 23) - low));
    }
}

TEST(TypesConversion, Bf16AgreesWithTheMachine) {
  if (!__builtin_cpu_supports("avx512bf16"))
    GTEST_SKIP() << "NOT MEASURED: this CPU has no AVX512_BF16, so vcvtneps2bf16 was not compared with f32_to_bf16";
  for_many_floats([](float value) { ASSERT_EQ(f32_to_bf16(value), vcvtneps2bf16(value)) << std::hex << bits(value); });
}

TEST(TypesConversion, F16AgreesWithTheMachine) {
  if (!__builtin_cpu_supports("avx2"))
    GTEST_SKIP() << "NOT MEASURED: this CPU has no F16C, so vcvtps2ph was not compared with f32_to_f16";
  for_many_floats([](float value) { ASSERT_EQ(f32_to_f16(value), vcvtps2ph(value)) << std::hex << bits(value); });
}

#endif

}  // namespace
}  // namespace tilejit

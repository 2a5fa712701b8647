// dot_bf16 against exact values and, where this CPU has AVX512_BF16, against vdpbf16ps itself.
#include <gtest/gtest.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <array>
#include <bit>
#include <cmath>
#include <random>
#include <utility>

#include "ir/interpret.h"

namespace tilejit::ir {
namespace {

uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }
float f32(uint32_t b) { return std::bit_cast<float>(b); }
bool is_nan(uint32_t b) { return (b & 0x7fffffffu) > 0x7f800000u; }

constexpr uint16_t one = 0x3f80, minus_one = 0xbf80, two = 0x4000, infinity = 0x7f80, smallest = 0x0080;

/// 2^exponent as bf16.
constexpr uint16_t power(int exponent) { return static_cast<uint16_t>((exponent + 127) << 7); }
constexpr uint16_t negative(uint16_t b) { return static_cast<uint16_t>(b ^ 0x8000); }

TEST(DotBf16, AddsTheOddProductFirst) {
  EXPECT_EQ(dot_bf16(two, one, one, two, 3), 7);
  const uint16_t big = power(40);  // big - big + 1: which product meets the accumulator first decides
  EXPECT_EQ(dot_bf16(big, negative(big), one, one, 1), 0);
  EXPECT_EQ(dot_bf16(one, big, one, one, -0x1p40f), 1);
  EXPECT_EQ(dot_bf16(big, one, one, one, -0x1p40f), 0);
}

TEST(DotBf16, RoundsEachStepOnceToNearestEven) {
  EXPECT_EQ(dot_bf16(0, power(-12), 0, power(-12), 1), 1);  // a tie goes to even
  EXPECT_EQ(dot_bf16(0, power(-12), 0, power(-12), 0x1.000002p0f), 0x1.000004p0f);
  EXPECT_EQ(dot_bf16(power(-12), power(-12), power(-12), power(-12), 1), 1);  // two ties, rounded one after the other
}

TEST(DotBf16, ReadsSubnormalInputsAsSignedZero) {
  EXPECT_EQ(dot_bf16(0x0001, 0x007f, power(127), power(127), 0), 0);
  EXPECT_EQ(bits(dot_bf16(0x8001, 0x8001, one, one, -0.0f)), 0x80000000u);
  EXPECT_EQ(bits(dot_bf16(0x8001, 0, one, one, f32(0x80000001))), 0u);
  EXPECT_EQ(bits(dot_bf16(one, one, 0x8001, 0x8001, f32(0x807fffff))), 0x80000000u);
  EXPECT_TRUE(std::isnan(dot_bf16(0x0001, 0, infinity, 0, 0)));  // a zero times infinity
}

TEST(DotBf16, WritesTinyResultsAsSignedZero) {
  const uint16_t half = power(-1);
  EXPECT_EQ(bits(dot_bf16(smallest, 0, half, 0, 0)), 0u);
  EXPECT_EQ(bits(dot_bf16(negative(smallest), 0, half, 0, 0)), 0x80000000u);
  EXPECT_EQ(dot_bf16(smallest, smallest, half, half, 0), 0);  // the inner result is lost first
  EXPECT_EQ(dot_bf16(smallest, smallest, half, one, 0), 0x1.8p-126f);
}

TEST(DotBf16, JudgesTininessAfterRoundingTo24Bits) {
  const uint16_t a = power(-75);
  // 2^-126 - 2^-151 is half way between 2^-126 and its neighbour of 24 bits; below that the result is tiny although the
  // nearest multiple of 2^-149 is 2^-126.
  EXPECT_EQ(bits(dot_bf16(a, 0, negative(power(-76)), 0, 0x1p-126f)), 0x00800000u);
  EXPECT_EQ(bits(dot_bf16(static_cast<uint16_t>(a + 1), 0, negative(power(-76)), 0, 0x1p-126f)), 0u);
  EXPECT_EQ(bits(dot_bf16(0, static_cast<uint16_t>(a + 1), 0, power(-76), -0x1p-126f)), 0u);  // -0 + 0 * 0
  EXPECT_EQ(bits(dot_bf16(power(-100), 0, negative(power(-100)), 0, 0x1p-126f)), 0x00800000u);
}

TEST(DotBf16, PropagatesWhatIsNotFinite) {
  EXPECT_EQ(dot_bf16(infinity, 0, one, 0, 0), f32(0x7f800000));
  EXPECT_TRUE(std::isnan(dot_bf16(infinity, infinity, one, minus_one, 0)));
  EXPECT_TRUE(std::isnan(dot_bf16(0x7fc0, 0, 0, 0, 0)));
  EXPECT_TRUE(std::isnan(dot_bf16(0, 0, 0, 0, f32(0x7fc00000))));
  EXPECT_EQ(dot_bf16(power(127), 0, two, 0, 0), f32(0x7f800000));
}

#if defined(__x86_64__)

using Lanes = std::array<uint32_t, 16>;

/// Sixteen lanes on the machine under a given MXCSR, which is returned as the instruction left it.
unsigned run_vdpbf16ps(const Lanes& x, const Lanes& w, Lanes& acc, unsigned mxcsr) {
  const unsigned saved = _mm_getcsr();
  _mm_setcsr(mxcsr);
  asm volatile(
      "vmovups (%0), %%zmm0\n"
      "vmovups (%1), %%zmm1\n"
      "vmovups (%2), %%zmm2\n"
      "vdpbf16ps %%zmm2, %%zmm1, %%zmm0\n"
      "vmovups %%zmm0, (%0)\n"
      "vzeroupper\n"
      :
      : "r"(acc.data()), "r"(x.data()), "r"(w.data())
      : "xmm0", "xmm1", "xmm2", "memory");
  const unsigned left = _mm_getcsr();
  _mm_setcsr(saved);
  return left;
}

class DotBf16Machine : public testing::Test {
 protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx512bf16"))
      GTEST_SKIP() << "NOT MEASURED: this CPU has no AVX512_BF16, so vdpbf16ps was not compared with dot_bf16";
  }

  uint32_t number() { return static_cast<uint32_t>(random_()); }
  /// A bf16 of random sign and significand with an exponent field from lo to hi.
  uint32_t bf16(uint32_t lo, uint32_t hi) { return (number() & 0x807fu) | (lo + number() % (hi - lo + 1)) << 7; }
  uint32_t f32_bits(uint32_t lo, uint32_t hi) {
    return (number() & 0x807fffffu) | (lo + number() % (hi - lo + 1)) << 23;
  }
  /// Two factors whose product's exponent field lies near `field`.
  std::pair<uint32_t, uint32_t> factors(uint32_t field) {
    const uint32_t e = 40 + number() % 60;
    return {bf16(e, e), bf16(field + 127 - e - 3, field + 127 - e + 3)};
  }

  /// Compares one vector; the instruction gives the same under every MXCSR and touches none of its flags.
  void compare(const Lanes& x, const Lanes& w, const Lanes& c) {
    Lanes got = c;
    EXPECT_EQ(run_vdpbf16ps(x, w, got, 0x1f80), 0x1f80u);
    for (const unsigned mxcsr : {0x9fc0u, 0x3f80u, 0x5f80u, 0x7f80u, 0xffc0u}) {
      Lanes again = c;
      EXPECT_EQ(run_vdpbf16ps(x, w, again, mxcsr), mxcsr);
      EXPECT_EQ(again, got) << "MXCSR " << std::hex << mxcsr;
    }
    for (size_t i = 0; i < c.size(); ++i) {
      const auto low = [](uint32_t pair) { return static_cast<uint16_t>(pair); };
      const auto high = [](uint32_t pair) { return static_cast<uint16_t>(pair >> 16); };
      const uint32_t expected = bits(dot_bf16(low(x[i]), high(x[i]), low(w[i]), high(w[i]), f32(c[i])));
      if (is_nan(expected) && is_nan(got[i])) continue;
      ASSERT_EQ(got[i], expected) << std::hex << "x=" << x[i] << " w=" << w[i] << " c=" << c[i];
    }
  }

  /// make(x, w, c) for 2^18 lanes.
  template <typename F>
  void compare_many(F make) {
    for (int i = 0; i < 1 << 14 && !HasFatalFailure(); ++i) {
      Lanes x, w, c;
      for (size_t lane = 0; lane < c.size(); ++lane) make(x[lane], w[lane], c[lane]);
      compare(x, w, c);
    }
  }

 private:
  std::mt19937_64 random_{20240229};
};

TEST_F(DotBf16Machine, AnyBits) {
  compare_many([&](uint32_t& x, uint32_t& w, uint32_t& c) { x = number(), w = number(), c = number(); });
}

TEST_F(DotBf16Machine, OrdinaryNumbers) {
  compare_many([&](uint32_t& x, uint32_t& w, uint32_t& c) {
    x = bf16(120, 134) | bf16(120, 134) << 16;
    w = bf16(120, 134) | bf16(120, 134) << 16;
    c = f32_bits(115, 144);
  });
}

TEST_F(DotBf16Machine, SubnormalInputs) {
  compare_many([&](uint32_t& x, uint32_t& w, uint32_t& c) {
    x = bf16(0, 1) | bf16(0, 1) << 16;
    w = bf16(0, 250) | bf16(200, 250) << 16;
    c = f32_bits(0, number() % 2 * 120);
  });
}

TEST_F(DotBf16Machine, ResultsAroundTheSmallestNormal) {
  compare_many([&](uint32_t& x, uint32_t& w, uint32_t& c) {
    const auto [x0, w0] = factors(4);
    const auto [x1, w1] = factors(4);
    x = x0 | x1 << 16;
    w = w0 | w1 << 16;
    c = f32_bits(0, 12);
  });
}

TEST_F(DotBf16Machine, TheEdgeOfTininess) {
  compare_many([&](uint32_t& x, uint32_t& w, uint32_t& c) {
    const uint32_t shift = number() % 2 * 16;  // the inner or the outer step
    const uint32_t sign = number() % 2 << 15;
    x = (sign | (127 - 73 - number() % 6) << 7 | (number() & 127)) << shift;
    w = uint32_t{negative(power(-77))} << shift;
    c = (number() % 4 == 0 ? f32_bits(1, 1) & 0x00800003u : 0x00800000u) | sign << 16;
  });
}

TEST_F(DotBf16Machine, SpecialValues) {
  constexpr std::array<uint16_t, 16> halves{0,         0x8000,   1,      0x8001, 0x007f, smallest, 0x8080, one,
                                            minus_one, infinity, 0xff80, 0x7fc0, 0x7f81, 0xffc1,   0x7f7f, 0xff7f};
  constexpr std::array<uint32_t, 15> words{0,          0x80000000, 1,          0x80000001, 0x007fffff,
                                           0x00800000, 0x80800000, 0x3f800000, 0xbf800000, 0x7f800000,
                                           0xff800000, 0x7fc00000, 0x7f800001, 0x7f7fffff, 0xff7fffff};
  const auto half = [&] { return uint32_t{halves[number() % halves.size()]}; };
  compare_many([&](uint32_t& x, uint32_t& w, uint32_t& c) {
    x = half() | half() << 16;
    w = half() | half() << 16;
    c = words[number() % words.size()];
  });
}

#endif

}  // namespace
}  // namespace tilejit::ir

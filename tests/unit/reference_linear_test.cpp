// The test support itself: the oracle against sums by hand, the bound against errors it must find, guarded memory.
#include "tests/support/reference_linear.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/guarded_memory.h"

namespace tilejit::test {
namespace {

template <typename T>
std::span<const std::byte> bytes(const std::vector<T>& v) {
  return std::as_bytes(std::span(v));
}

template <typename T>
FloatRows rows(const std::vector<T>& v, Type type, int64_t stride) {
  return {reinterpret_cast<const std::byte*>(v.data()), type, stride};
}

/// Two channels of five weights in groups of two, so that the last group is short.
struct SmallLinear {
  std::vector<int8_t> q{-8, 7, 0, 1, -1, 2, -3, 4, -5, 6};  // u = q + 8
  std::vector<float> scales{1, 2, 4, -1, 0.5f, 8};          // [3 groups, 2 channels]
  std::vector<float> offsets{0, 1, 0, 0, 10, 0};
  std::vector<int32_t> perm{4, 3, 2, 1, 0};
  std::vector<float> bias{100, 200};
  std::vector<float> a{1, 2, 3, 4, 5, 99, -1, 0, 0, 0, 0, 99};  // rows of 5, stride 6
  Weights weights;
  Problem problem;

  SmallLinear() {
    weights.n = problem.n = 2;
    weights.k = problem.k = 5;
    weights.group = problem.group = 2;
    weights.data = bytes(q);
    weights.scales = {bytes(scales).data(), Type::f32, 2, 1};
    problem.a = problem.out = Type::f32;
    problem.dot = Dot::fma;
    problem.ks = 1;
  }
  std::array<double, 4> run(std::array<double, 4>* bound = nullptr) const {
    std::array<double, 4> out{}, unused{};
    reference_linear(problem, weights, rows(a, Type::f32, 6), {}, 2, out.data(), (bound ? bound : &unused)->data());
    return out;
  }
};

TEST(ReferenceLinear, SumsEachGroupByItsScale) {
  const SmallLinear l;
  // row 0, channel 0: (1*-8 + 2*7)*1 + (3*0 + 4*1)*4 + (5*-1)*0.5; channel 1: (2-6)*2 + (12-20)*-1 + 30*8
  EXPECT_EQ(l.run(), (std::array<double, 4>{6 + 16 - 2.5, -8 + 8 + 240, 8, -4}));
}

TEST(ReferenceLinear, AddsOffsetsZerosAndBias) {
  SmallLinear l;
  l.weights.offsets = {bytes(l.offsets).data(), Type::f32, 2, 1};
  EXPECT_EQ(l.run(), (std::array<double, 4>{19.5 + 50, 240 + 3, 8, -5}));
  l.weights.zero = 7;  // every weight grows by its scale
  EXPECT_EQ(l.run(), (std::array<double, 4>{69.5 + 3 + 28 + 2.5, 243 + 6 - 7 + 40, 7, -7}));
  l.weights.bias = bytes(l.bias);
  l.problem.epilogue = {Epilogue::bias};
  EXPECT_EQ(l.run(), (std::array<double, 4>{203, 482, 107, 193}));
}

TEST(ReferenceLinear, PositionsMeetTheActivationsOfTheirPermutation) {
  SmallLinear l;
  l.weights.perm = l.perm;
  l.problem.perm = true;
  // Position i holds stored weight 4 - i and meets activation 4 - i, under the scale of group i / 2.
  EXPECT_EQ(l.run(), (std::array<double, 4>{(5 * -1 + 4 * 1) * 1 + (3 * 0 + 2 * 7) * 4 + (1 * -8) * 0.5,
                                            (30 - 20) * 2.0 + (12 - 6) * -1 + 2 * 8, 4, -16}));
}

TEST(ReferenceLinear, BoundsFollowTheFormula) {
  SmallLinear l;
  std::array<double, 4> bound{};
  l.run(&bound);
  const double magnitude = 8 + 14 + 16 + 2.5;
  const double chain = 2 + 3 + 1;  // a group, three groups, one segment
  EXPECT_DOUBLE_EQ(bound[0], 0x1p-23 * 19.5 + 0x1p-126 + 0x1p-24 * (chain + 8) * magnitude);
  l.problem.out = Type::f16;
  l.problem.dot = Dot::bf16;
  l.run(&bound);
  EXPECT_DOUBLE_EQ(bound[0], 0x1p-11 * 19.5 + 0x1p-25 + 0x1p-24 * (chain + 8) * magnitude +
                                 0x1p-126 * 5 * (1 + 8) * 4);  // |u - z| <= 8, |s| <= 4
}

TEST(ReferenceLinear, ActivationsThatTheDotReadsAsZeroAreWithinTheBound) {
  const std::vector<int8_t> q(64, 7);
  const std::vector<float> scale{1};
  const std::vector<uint16_t> a(64, 0x007f);  // subnormal bf16: dot=bf16 gives 0 where the sum is 64 * 7 * a
  SmallLinear l;
  l.weights.n = l.problem.n = 1;
  l.weights.k = l.problem.k = 64;
  l.weights.group = l.problem.group = -1;
  l.weights.data = bytes(q);
  l.weights.scales = {bytes(scale).data(), Type::f32, 1, 1};
  l.problem.a = Type::bf16;
  l.problem.dot = Dot::bf16;
  double reference = 0, bound = 0;
  reference_linear(l.problem, l.weights, rows(a, Type::bf16, 64), {}, 1, &reference, &bound);
  EXPECT_GT(reference, 0);
  EXPECT_GE(bound, reference);
}

TEST(Bounds, TheWorstElementIsNamed) {
  const std::vector<float> out{1, 2, 3.5f, 4, 5.25f, 6};
  const std::vector<double> reference{1, 2, 3, 4, 5, 6}, bound(6, 0.3);
  const BoundReport report = check_bound(rows(out, Type::f32, 3), 2, 3, reference.data(), bound.data());
  EXPECT_FALSE(report.ok);
  EXPECT_NEAR(report.worst, 0.5 / 0.3, 1e-12);
  EXPECT_NE(report.message.find("out[0,2] = 3.5"), std::string::npos) << report.message;
  const std::vector<double> wide(6, 0.5);
  EXPECT_TRUE(check_bound(rows(out, Type::f32, 3), 2, 3, reference.data(), wide.data()).ok);
  EXPECT_NEAR(relative_l2(rows(out, Type::f32, 3), 2, 3, reference.data()), std::sqrt((0.25 + 0.0625) / 91), 1e-12);
}

TEST(Bounds, WhatIsNotFiniteMustAgree) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  const auto ok = [](uint16_t f16, double reference) {
    const std::vector<uint16_t> out{f16};
    const double bound = 16;
    return check_bound(rows(out, Type::f16, 1), 1, 1, &reference, &bound).ok;
  };
  EXPECT_TRUE(ok(0x7e00, nan));
  EXPECT_FALSE(ok(0x7e00, 1));
  EXPECT_FALSE(ok(0x3c00, nan));
  EXPECT_TRUE(ok(0x7c00, inf));
  EXPECT_FALSE(ok(0xfc00, inf));
  EXPECT_TRUE(ok(0x7c00, 65530));
  EXPECT_TRUE(ok(0x7c00, 65510));  // within the bound of an overflow
  EXPECT_FALSE(ok(0x7c00, 65000));
  EXPECT_FALSE(ok(0xfc00, 65530));
  EXPECT_FALSE(ok(0x7bff, inf));
}

TEST(GuardedMemory, EndsWhereThePageEnds) {
  for (const int64_t size : {0, 1, 63, 4096, 4097}) {
    const GuardedMemory at_end(size), at_begin(size, GuardedMemory::Guard::at_begin);
    EXPECT_EQ((reinterpret_cast<uintptr_t>(at_end.data()) + static_cast<uintptr_t>(size)) % 4096, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at_begin.data()) % 4096, 0u);
    for (std::byte& b : at_end.bytes()) b = std::byte{0};
    EXPECT_TRUE(at_end.intact());
  }
  const GuardedMemory aligned(100, GuardedMemory::Guard::at_end, 64);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(aligned.data()) % 64, 0u);
  EXPECT_TRUE(aligned.intact());
  aligned.data()[100] = std::byte{0};
  EXPECT_FALSE(aligned.intact());
}

TEST(GuardedMemoryDeathTest, FaultsBeyondItsGuard) {
  const GuardedMemory at_end(100), at_begin(100, GuardedMemory::Guard::at_begin);
  EXPECT_DEATH(at_end.as<volatile char>()[100] = 0, "");
  EXPECT_DEATH(at_begin.as<volatile char>()[-1] = 0, "");
}

}  // namespace
}  // namespace tilejit::test

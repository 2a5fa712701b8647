// Dot instructions of the AMDGPU emulator.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "targets/amdgpu/emulator/dot.h"

namespace tilejit::amdgpu::emulator {
namespace {

uint32_t run(const char* mnemonic, uint32_t a, uint32_t b, uint32_t c, const DotModifiers& modifiers = {}) {
  const DotOp* op = find_dot_op(Family::rdna3, mnemonic);
  if (op == nullptr) {
    ADD_FAILURE() << mnemonic;
    return 0;
  }
  EXPECT_TRUE(check(*op, modifiers).ok());
  return dot(*op, a, b, c, modifiers);
}

TEST(AmdgpuDot, IntegersByHand) {
  EXPECT_EQ(run("v_dot4_i32_i8", 0x04030201, 0x01010101, 5), 15u);
  EXPECT_EQ(run("v_dot4_i32_i8", 0xff7f80ff, 0x01010102, 0), static_cast<uint32_t>(-1 + 127 - 128 - 2));
  EXPECT_EQ(run("v_dot4_u32_u8", 0xff7f80ff, 0x01010102, 0), 255u + 127 + 128 + 510);
  EXPECT_EQ(run("v_dot8_i32_i4", 0xf8000007, 0x11000002, 0), static_cast<uint32_t>(-1 - 8 + 14));
  EXPECT_EQ(run("v_dot8_u32_u4", 0xf8000007, 0x11000002, 0), 15u + 8 + 14);
  EXPECT_EQ(run("v_dot4c_i32_i8", 0x80808080, 0x80808080, 1), 4u * 16384 + 1);
  EXPECT_EQ(run("v_dot8c_i32_i4", 0x88888888, 0x88888888, 1), 8u * 64 + 1);
}

TEST(AmdgpuDot, NegLoSaysWhichSideIsSigned) {
  const uint32_t a = 0x000000ff, b = 0x000000fe;
  EXPECT_EQ(run("v_dot4_i32_iu8", a, b, 0), 255u * 254);
  EXPECT_EQ(run("v_dot4_i32_iu8", a, b, 0, {.neg_lo = 1}), static_cast<uint32_t>(-254));
  EXPECT_EQ(run("v_dot4_i32_iu8", a, b, 0, {.neg_lo = 2}), static_cast<uint32_t>(-510));
  EXPECT_EQ(run("v_dot4_i32_iu8", a, b, 0, {.neg_lo = 3}), 2u);
  EXPECT_EQ(run("v_dot8_i32_iu4", 0xf, 0xe, 0, {.neg_lo = 1}), static_cast<uint32_t>(-14));
  EXPECT_EQ(run("v_dot8_i32_iu4", 0xf, 0xe, 0, {.neg_lo = 2}), static_cast<uint32_t>(-30));
}

TEST(AmdgpuDot, SumsWrapOrSaturate) {
  const uint32_t ones = 0x01010101, minus = 0xffffffff;
  EXPECT_EQ(run("v_dot4_i32_i8", ones, ones, 0x7ffffffd), 0x80000001);
  EXPECT_EQ(run("v_dot4_i32_i8", ones, ones, 0x7ffffffd, {.clamp = true}), 0x7fffffff);
  EXPECT_EQ(run("v_dot4_i32_i8", ones, minus, 0x80000001, {.clamp = true}), 0x80000000);
  EXPECT_EQ(run("v_dot4_u32_u8", ones, ones, 0xfffffffd), 1u);
  EXPECT_EQ(run("v_dot4_u32_u8", ones, ones, 0xfffffffd, {.clamp = true}), 0xffffffff);
  // Only the whole sum counts: 127 * 127 leaves the range on the way.
  EXPECT_EQ(run("v_dot4_i32_i8", 0x0000817f, 0x00007f7f, 0x7fffffff, {.clamp = true}), 0x7fffffff);
}

TEST(AmdgpuDot, RandomBytesAsAPlainLoop) {
  std::mt19937 random(1);
  for (int i = 0; i < 1000; ++i) {
    const uint32_t a = static_cast<uint32_t>(random()), b = static_cast<uint32_t>(random()),
                   c = static_cast<uint32_t>(random());
    uint32_t sum = c;
    for (int byte = 0; byte < 4; ++byte) {
      const int x = static_cast<int8_t>(a >> 8 * byte & 0xff), y = static_cast<int8_t>(b >> 8 * byte & 0xff);
      sum += static_cast<uint32_t>(x * y);
    }
    EXPECT_EQ(run("v_dot4_i32_i8", a, b, c), sum);
    EXPECT_EQ(run("v_dot4_i32_iu8", a, b, c, {.neg_lo = 3}), sum);
  }
}

TEST(AmdgpuDot, FloatsAreOneStepOfTheMatrixRow) {
  const uint32_t three_eight = 0x48004200, eight_four = 0x44004800;  // f16, low half first
  const uint32_t minus_one = std::bit_cast<uint32_t>(-1.0f);
  EXPECT_EQ(run("v_dot2_f32_f16", three_eight, eight_four, minus_one), 0x425c0001u);
  EXPECT_EQ(run("v_dot2acc_f32_f16", three_eight, eight_four, std::bit_cast<uint32_t>(1.0f)),
            std::bit_cast<uint32_t>(57.0f));
  EXPECT_EQ(run("v_dot2_f32_bf16", 0x40404000, 0x3f803f80, 0), std::bit_cast<uint32_t>(5.0f));
}

TEST(AmdgpuDot, FloatModifiers) {
  const uint32_t a = 0x42004000, b = 0x44003c00, c = std::bit_cast<uint32_t>(100.0f);  // 2 and 3, 1 and 4
  const auto value = [&](const DotModifiers& m) { return std::bit_cast<float>(run("v_dot2_f32_f16", a, b, c, m)); };
  EXPECT_EQ(value({}), 114.0f);
  EXPECT_EQ(value({.op_sel = 1}), 115.0f);                  // 3 and 3
  EXPECT_EQ(value({.op_sel = 1, .op_sel_hi = 6}), 111.0f);  // 3 and 2
  EXPECT_EQ(value({.neg_lo = 3, .neg_hi = 3}), 114.0f);
  EXPECT_EQ(value({.clamp = true}), 1.0f);
  EXPECT_EQ(value({.neg_lo = 4, .clamp = true}), 0.0f);
  const uint32_t minus = std::bit_cast<uint32_t>(-100.0f);
  EXPECT_EQ(std::bit_cast<float>(run("v_dot2_f32_f16", a, b, minus, {.neg_hi = 4})), 114.0f);
  EXPECT_EQ(run("v_dot2_f32_f16", a, 0x7e00, c, {.clamp = true}), 0u);
}

TEST(AmdgpuDot, WhatAnInstructionLacksIsInvalid) {
  const DotOp* i8 = find_dot_op(Family::cdna3, "v_dot4_i32_i8");
  const DotOp* iu8 = find_dot_op(Family::rdna4, "v_dot4_i32_iu8");
  ASSERT_TRUE(i8 != nullptr && iu8 != nullptr);
  EXPECT_FALSE(check(*i8, {.neg_lo = 1}).ok());
  EXPECT_FALSE(check(*i8, {.op_sel = 1}).ok());
  EXPECT_TRUE(check(*iu8, {.neg_lo = 3, .clamp = true}).ok());
  EXPECT_FALSE(check(*iu8, {.neg_lo = 4}).ok());
  EXPECT_EQ(find_dot_op(Family::cdna2, "v_dot2_f32_f16"), nullptr);
  EXPECT_EQ(find_dot_op(Family::rdna2, "v_dot2_f32_f16"), nullptr);
  EXPECT_EQ(find_dot_op(Family::rdna3, "v_dot3_i32_i8"), nullptr);
}

}  // namespace
}  // namespace tilejit::amdgpu::emulator

#endif

// Every op of the tile IR gives exactly what ops.def says.
#include "ir/interpret.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <bit>
#include <cmath>
#include <limits>

#include "tests/support/kernel_text.h"

namespace tilejit::ir {
namespace {

using test::legal_kernel;
using test::parsed_kernel;
using test::run_kernel;
using test::view;

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float smallest = 0x1p-149f;
constexpr int32_t int_max = std::numeric_limits<int32_t>::max();
constexpr int32_t int_min = std::numeric_limits<int32_t>::min();

template <typename T>
bool same(T a, T b) {
  return a == b;
}

/// Zeros by their sign, all NaNs alike.
bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

template <typename T>
void expect_same_bits(const std::vector<T>& got, const std::vector<T>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_TRUE(same(got[i], expected[i])) << "element " << i << ": " << +got[i] << ", expected " << +expected[i];
}

/// out = op(operands) over n elements of one type each.
template <typename To, typename From>
std::vector<To> elementwise(std::string_view op, std::string_view from, std::string_view to,
                            std::vector<std::vector<From>> operands) {
  const size_t n = operands[0].size();
  std::string parameters, loads, names;
  for (size_t i = 0; i < operands.size(); ++i) {
    parameters += fmt::format("%a{}: global {}[{}], ", i, from, n);
    loads += fmt::format("%x{} = load %a{}[0:{}] : {}[1,{}]\n", i, i, n, from, n);
    names += fmt::format("{}%x{}", i == 0 ? "" : ", ", i);
  }
  const Kernel kernel =
      parsed_kernel(fmt::format("kernel t({}%out: global {}[{}]) {{\n{}%y = {} {} : {}[1,{}]\nstore %out[0:{}], %y\n}}",
                                parameters, to, n, loads, op, names, to, n, n));
  std::vector<To> out(n);
  std::vector<BufferView> views;
  views.reserve(operands.size() + 1);
  for (auto& operand : operands) views.push_back(view(operand));
  views.push_back(view(out));
  run_kernel(kernel, views);
  return out;
}

std::vector<float> f32_op(std::string_view op, std::vector<std::vector<float>> operands) {
  return elementwise<float, float>(op, "f32", "f32", std::move(operands));
}

std::vector<int32_t> i32_op(std::string_view op, std::vector<std::vector<int32_t>> operands) {
  return elementwise<int32_t, int32_t>(op, "i32", "i32", std::move(operands));
}

TEST(InterpretArithmetic, F32RoundsOnceAndKeepsSubnormals) {
  const std::vector<float> a{1, 1, smallest, 0x1p-126f, inf, inf, -0.0f, 0x1.fffffep127f};
  const std::vector<float> b{0x1p-24f, 0x1.8p-24f, smallest, -smallest, -inf, 1, 0.0f, 0x1p103f};
  expect_same_bits(f32_op("add", {a, b}), {1, 0x1.000002p0f, 2 * smallest, 0x1.fffffcp-127f, nan, inf, 0.0f, inf});
  expect_same_bits(f32_op("sub", {{1, smallest, 0, nan}, {1, 2 * smallest, 0, 1}}), {0, -smallest, 0, nan});
  expect_same_bits(
      f32_op("mul", {{0x1p-75f, 0x1p-74f, 0x1.8p-75f, 0, -1, 3}, {0x1p-75f, 0x1p-75f, 0x1p-75f, inf, 0, 5}}),
      {0, smallest, smallest, nan, -0.0f, 15});
}

TEST(InterpretArithmetic, FmaRoundsOnce) {
  const float e = 0x1p-12f;  // (1 + e)^2 - (1 + 2e) = e^2 exactly; a rounded product would lose it
  expect_same_bits(f32_op("fma", {{1 + e, 0x1p-126f, 0, inf}, {1 + e, 0x1p-23f, inf, 1}, {-(1 + 2 * e), 0, 1, -inf}}),
                   {e * e, smallest, nan, nan});
}

TEST(InterpretArithmetic, I32Wraps) {
  expect_same_bits(i32_op("add", {{int_max, 1}, {1, -2}}), {int_min, -1});
  expect_same_bits(i32_op("sub", {{int_min, 1}, {1, -2}}), {int_max, 3});
  expect_same_bits(i32_op("mul", {{65536, -3, int_min}, {65536, 7, -1}}), {0, -21, int_min});
}

TEST(InterpretArithmetic, OperandsAreBroadcast) {
  const Kernel kernel = legal_kernel(R"(kernel t(%r: global f32[2], %c: global f32[3], %out: global f32[2,3]) {
    %x = load %r[0:2] : f32[2,1]
    %y = load %c[0:3] : f32[1,3]
    %s = fill 100.0 : f32[1,1]
    %z = fma %x, %y, %s : f32[2,3]
    %z = add %z, %x : f32[2,3]
    store %out[0:2, 0:3], %z
  })");
  std::vector<float> r{1, 10}, c{1, 2, 3}, out(6);
  run_kernel(kernel, {view(r), view(c), view(out)});
  expect_same_bits(out, {102, 103, 104, 120, 130, 140});
}

#if defined(__SSE__)
TEST(InterpretArithmetic, TheCallersModeDoesNotMatterAndSurvives) {
  const unsigned saved = _mm_getcsr();
  for (const unsigned mode : {0x9fc0u, 0x3f80u, 0x7f80u}) {  // FTZ and DAZ, round down, round to zero
    _mm_setcsr(mode);
    const std::vector<float> sum = f32_op("add", {{1, smallest}, {0x1.8p-24f, smallest}});
    const std::vector<float> fused = f32_op("fma", {{0x1p-126f, 1}, {0x1p-23f, 1}, {0, 0x1.8p-24f}});
    const std::vector<int32_t> whole = elementwise<int32_t, float>("convert", "f32", "i32", {{2.5f, 3.5f, -1.75f}});
    const float dot = dot_bf16(0x3f80, 0, 0x3f80, 0, 0x1.8p-24f);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(saved);
    EXPECT_EQ(after, mode);
    expect_same_bits(sum, {0x1.000002p0f, 2 * smallest});
    expect_same_bits(fused, {smallest, 0x1.000002p0f});
    expect_same_bits(whole, {2, 4, -2});
    EXPECT_EQ(dot, 0x1.000002p0f);
  }
}
#endif

TEST(InterpretConvert, FloatsToIntegersRoundToEvenAndSaturate) {
  const std::vector<float> a{0.5f, 1.5f, -0.5f, -2.5f, 3e9f, -3e9f, inf, -inf, nan, 127.5f, 0x1.fffffep30f};
  expect_same_bits(elementwise<int32_t, float>("convert", "f32", "i32", {a}),
                   {0, 2, 0, -2, int_max, int_min, int_max, int_min, 0, 128, 2147483520});
  expect_same_bits(elementwise<int16_t, float>("convert", "f32", "i16", {{32767.4f, 4e4f, -4e4f, nan}}),
                   {32767, 32767, -32768, 0});
  expect_same_bits(elementwise<int8_t, float>("convert", "f32", "i8", {{127.5f, -128.5f, -300, 126.5f}}),
                   {127, -128, -128, 126});
  expect_same_bits(elementwise<uint8_t, float>("convert", "f32", "u8", {{-1, 254.5f, 255.5f, nan}}), {0, 254, 255, 0});
  expect_same_bits(elementwise<int32_t, uint16_t>("convert", "bf16", "i32", {{0x4049, 0xc2fe}}), {3, -127});
  expect_same_bits(elementwise<int8_t, uint16_t>("convert", "f16", "i8", {{0x4100, 0x7c00, 0xfe00}}), {2, 127, 0});
}

TEST(InterpretConvert, IntegersToFloatsRoundToEven) {
  expect_same_bits(elementwise<float, int32_t>("convert", "i32", "f32", {{16777217, 16777219, -5, int_min, int_max}}),
                   {16777216, 16777220, -5, -0x1p31f, 0x1p31f});
  expect_same_bits(elementwise<float, int16_t>("convert", "i16", "f32", {{-32768, 7}}), {-32768, 7});
  expect_same_bits(elementwise<float, int8_t>("convert", "i8", "f32", {{-128, 127}}), {-128, 127});
  expect_same_bits(elementwise<float, uint8_t>("convert", "u8", "f32", {{255, 0}}), {255, 0});
  expect_same_bits(elementwise<uint16_t, int32_t>("convert", "i32", "bf16", {{257, 259, -1}}),
                   {0x4380, 0x4382, 0xbf80});
  expect_same_bits(elementwise<uint16_t, int32_t>("convert", "i32", "f16", {{2049, 65520}}), {0x6800, 0x7c00});
}

TEST(InterpretConvert, NarrowIntegersSaturateAndWidenWithTheirSign) {
  expect_same_bits(elementwise<int8_t, int32_t>("convert", "i32", "i8", {{128, -129, int_max, 5}}),
                   {127, -128, 127, 5});
  expect_same_bits(elementwise<uint8_t, int32_t>("convert", "i32", "u8", {{-1, 256, 255}}), {0, 255, 255});
  expect_same_bits(elementwise<int16_t, int32_t>("convert", "i32", "i16", {{40000, -40000}}), {32767, -32768});
  expect_same_bits(elementwise<int32_t, int8_t>("convert", "i8", "i32", {{-1, 127}}), {-1, 127});
  expect_same_bits(elementwise<int32_t, uint8_t>("convert", "u8", "i32", {{255, 127}}), {255, 127});
  expect_same_bits(elementwise<int32_t, int16_t>("convert", "i16", "i32", {{-32768, 9}}), {-32768, 9});
}

TEST(InterpretConvert, BetweenFloats) {
  const std::vector<float> a{1, 0x1.01p0f, 0x1.03p0f, 0x0.fffffep-126f, inf, nan};
  expect_same_bits(elementwise<uint16_t, float>("convert", "f32", "bf16", {a}),
                   {0x3f80, 0x3f80, 0x3f82, 0, 0x7f80, 0x7fc0});
  expect_same_bits(elementwise<uint16_t, float>("convert", "f32", "f16", {{65520, 0x1p-25f, 1}}), {0x7c00, 0, 0x3c00});
  expect_same_bits(elementwise<float, uint16_t>("convert", "bf16", "f32", {{0x0001, 0xbf80}}), {0x1p-133f, -1});
  expect_same_bits(elementwise<float, uint16_t>("convert", "f16", "f32", {{0x0001, 0xbc00, 0x7bff}}),
                   {0x1p-24f, -1, 65504});
  expect_same_bits(elementwise<uint16_t, uint16_t>("convert", "bf16", "f16", {{0x3f80, 0x4780}}), {0x3c00, 0x7c00});
  expect_same_bits(elementwise<uint16_t, uint16_t>("convert", "f16", "bf16", {{0x3c00, 0x3c01}}), {0x3f80, 0x3f80});
}

TEST(InterpretUnpack, SubtractsTheConstantFromOneLane) {
  const Kernel kernel = legal_kernel(R"(kernel t(%w: global u4[2,8], %out: global f32[8,2]) {
    %q = load %w[0:2, 0:8] : u4[1,2,8]
    for serial %j = 0..8 {
      %u = unpack %q lane %j zero 8 : f32[1,2]
      store %out[%j, 0:2], %u
    }
  })");
  std::vector<uint8_t> w{0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
  std::vector<float> out(16);
  run_kernel(kernel, {view(w), view(out)});
  expect_same_bits(out, {-8, 0, -7, 1, -6, 2, -5, 3, -4, 4, -3, 5, -2, 6, -1, 7});
}

TEST(InterpretUnpack, PairsForADotStepTakeEveryLanesWeights) {
  const Kernel kernel = legal_kernel(R"(kernel t(%w: global u4[1,8], %z: global i32[1], %out: global bf16[8]) {
    %q = load %w[0, 0:8] : u4[1,1,8]
    %z = load %z[0] : i32[1,1]
    for unrolled %j = 0..3 {
      %u = unpack_zero %q, %z lane %j+1 : bf16[1,1,2]
      store %out[%j*2:2], %u
    }
  })");
  std::vector<uint8_t> w{0x10, 0x32, 0x54, 0x76};
  std::vector<int32_t> zero{16};
  std::vector<uint16_t> out(8);
  run_kernel(kernel, {view(w), view(zero), view(out)});
  // s = 4 lanes: lane 1 holds weights 1 and 5, which are 1 - 16 and 5 - 16.
  expect_same_bits(out, {0xc170, 0xc130, 0xc160, 0xc120, 0xc150, 0xc110, 0, 0});
}

TEST(InterpretUnpack, ZerosOfEachColumnAndBytes) {
  const Kernel kernel = legal_kernel(R"(kernel t(%w: global u8[2,4], %z: global i32[2], %out: global f32[2]) {
    %q = load %w[0:2, 0:4] : u8[1,2,4]
    %z = load %z[0:2] : i32[1,2]
    %u = unpack_zero %q, %z lane 3 : f32[1,2]
    store %out[0:2], %u
  })");
  std::vector<uint8_t> w{0, 0, 0, 255, 0, 0, 0, 7};
  std::vector<int32_t> zeros{256, 128};
  std::vector<float> out(2);
  run_kernel(kernel, {view(w), view(zeros), view(out)});
  expect_same_bits(out, {-1, -121});
  zeros[0] = 257;
  const Result<void> refused = interpret(kernel, std::vector<BufferView>{view(w), view(zeros), view(out)}, 1);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("zero point 257 is not one of 0..256"), std::string::npos);
}

TEST(InterpretDot, EveryRowMeetsEveryColumn) {
  const Kernel kernel = legal_kernel(R"(kernel t(%x: global bf16[2,2], %w: global bf16[3,2], %out: global f32[2,3]) {
    %acc = fill 0.5 : f32[2,3]
    %x = load %x[0:2, 0:2] : bf16[2,1,2]
    %w = load %w[0:3, 0:2] : bf16[1,3,2]
    %acc = dot_bf16 %x, %w, %acc : f32[2,3]
    store %out[0:2, 0:3], %acc
  })");
  std::vector<uint16_t> x{0x3f80, 0x4000, 0x4040, 0x4080}, w{0x3f80, 0, 0, 0x3f80, 0x3f80, 0xbf80};
  std::vector<float> out(6);
  run_kernel(kernel, {view(x), view(w), view(out)});
  expect_same_bits(out, {1.5f, 2.5f, -0.5f, 3.5f, 4.5f, -0.5f});
}

}  // namespace
}  // namespace tilejit::ir

// Matrix instructions of the AMDGPU emulator: which lane holds what, and the product.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>
#include <tilejit/types.h>

#include <bit>
#include <cmath>
#include <map>
#include <random>
#include <vector>

#include "targets/amdgpu/emulator/matrix.h"

namespace tilejit::amdgpu::emulator {
namespace {

constexpr Family families[] = {Family::cdna2, Family::cdna3, Family::cdna4,
                               Family::rdna2, Family::rdna3, Family::rdna4};

std::vector<MatrixOp> all_ops() {
  std::vector<MatrixOp> ops;
  for (const Family family : families)
    for (const MatrixOp& op : matrix_ops(family)) ops.push_back(op);
  return ops;
}

std::string name_of(const MatrixOp& op) {
  return std::string(op.mnemonic) + " of family " + std::to_string(static_cast<int>(op.family));
}

int rows_of(const MatrixOp& op, Matrix matrix) { return matrix == Matrix::b ? op.k : op.size; }
int columns_of(const MatrixOp& op, Matrix matrix) { return matrix == Matrix::a ? op.k : op.size; }

/// Row-major elements as raw bits.
using Raw = std::vector<uint32_t>;

std::vector<Lanes> into_lanes(const MatrixOp& op, Matrix matrix, const Raw& from) {
  std::vector<Lanes> registers(static_cast<size_t>(registers_of(op, matrix)));
  const int bits = bits_of(op, matrix);
  for (int lane = 0; lane < lanes_of(op); ++lane)
    for (int e = 0; e < elements_of(op, matrix); ++e) {
      const Place at = place(op, matrix, lane, e);
      const uint32_t value = from[static_cast<size_t>(at.row * columns_of(op, matrix) + at.column)];
      const uint32_t mask = bits == 32 ? ~uint32_t{0} : (uint32_t{1} << bits) - 1;
      registers[static_cast<size_t>(e * bits / 32)][static_cast<size_t>(lane)] |= (value & mask) << e * bits % 32;
    }
  return registers;
}

Raw random_raw(const MatrixOp& op, Matrix matrix, std::mt19937& random) {
  Raw raw(static_cast<size_t>(rows_of(op, matrix) * columns_of(op, matrix)));
  std::normal_distribution<float> normal;
  for (uint32_t& x : raw) {
    x = static_cast<uint32_t>(random());
    if (op.numerics == Numerics::i32) continue;
    const float value = normal(random);
    x = matrix == Matrix::c          ? std::bit_cast<uint32_t>(value)
        : op.type == MatrixType::f16 ? f32_to_f16(value)
                                     : f32_to_bf16(value);
  }
  return raw;
}

struct Problem {
  Raw a, b, c;
  std::vector<Lanes> in_a, in_b, in_c, out;
};

Problem random_problem(const MatrixOp& op, std::mt19937& random) {
  Problem p;
  p.a = random_raw(op, Matrix::a, random);
  p.b = random_raw(op, Matrix::b, random);
  p.c = random_raw(op, Matrix::c, random);
  p.in_a = into_lanes(op, Matrix::a, p.a);
  p.in_b = into_lanes(op, Matrix::b, p.b);
  p.in_c = into_lanes(op, Matrix::c, p.c);
  p.out = std::vector<Lanes>(p.in_c.size());
  return p;
}

double number(const MatrixOp& op, uint32_t bits) {
  const uint16_t half = static_cast<uint16_t>(bits);
  return op.type == MatrixType::f16 ? f16_to_f32(half) : bf16_to_f32(half);
}

TEST(AmdgpuMatrix, LanesHoldEachElementOnce) {
  for (const MatrixOp& op : all_ops())
    for (const Matrix matrix : {Matrix::a, Matrix::b, Matrix::c}) {
      std::map<std::pair<int, int>, int> seen;
      for (int lane = 0; lane < lanes_of(op); ++lane)
        for (int e = 0; e < elements_of(op, matrix); ++e) {
          const Place at = place(op, matrix, lane, e);
          ASSERT_TRUE(at.row >= 0 && at.row < rows_of(op, matrix) && at.column >= 0 &&
                      at.column < columns_of(op, matrix))
              << name_of(op);
          ++seen[{at.row, at.column}];
        }
      EXPECT_EQ(seen.size(), static_cast<size_t>(rows_of(op, matrix) * columns_of(op, matrix))) << name_of(op);
      const int copies = op.family == Family::rdna3 && matrix != Matrix::c ? 2 : 1;
      for (const auto& [at, count] : seen)
        EXPECT_EQ(count, copies) << name_of(op) << " " << at.first << "," << at.second;
    }
}

// Elements read off the documents' tables, not computed.
TEST(AmdgpuMatrix, PlacesAreThoseOfTheDocuments) {
  struct Row {
    Family family;
    const char* mnemonic;
    Matrix matrix;
    int lane, element;
    Place at;
  };
  const Row rows[] = {
      {Family::cdna2, "v_mfma_f32_32x32x8bf16_1k", Matrix::a, 35, 2, {3, 6}},
      {Family::cdna2, "v_mfma_f32_32x32x8bf16_1k", Matrix::b, 35, 2, {6, 3}},
      {Family::cdna2, "v_mfma_f32_32x32x8bf16_1k", Matrix::c, 33, 5, {13, 1}},
      {Family::cdna2, "v_mfma_f32_32x32x8bf16_1k", Matrix::c, 31, 15, {27, 31}},
      {Family::cdna2, "v_mfma_i32_16x16x16i8", Matrix::a, 49, 3, {1, 15}},
      {Family::cdna3, "v_mfma_f32_16x16x16_f16", Matrix::a, 17, 1, {1, 5}},
      {Family::cdna3, "v_mfma_f32_16x16x16_f16", Matrix::c, 47, 3, {11, 15}},
      {Family::cdna3, "v_mfma_i32_16x16x32_i8", Matrix::b, 16, 7, {15, 0}},
      {Family::cdna3, "v_mfma_i32_32x32x16_i8", Matrix::a, 32, 0, {0, 8}},
      {Family::cdna4, "v_mfma_f32_16x16x32_bf16", Matrix::a, 63, 7, {15, 31}},
      {Family::cdna4, "v_mfma_f32_32x32x16_f16", Matrix::b, 32, 1, {9, 0}},
      {Family::cdna4, "v_mfma_i32_16x16x64_i8", Matrix::a, 16, 0, {0, 16}},
      {Family::rdna3, "v_wmma_f32_16x16x16_f16", Matrix::a, 20, 15, {4, 15}},
      {Family::rdna3, "v_wmma_f32_16x16x16_f16", Matrix::c, 4, 3, {6, 4}},
      {Family::rdna3, "v_wmma_f32_16x16x16_f16", Matrix::c, 20, 3, {7, 4}},
      {Family::rdna4, "v_wmma_f32_16x16x16_f16", Matrix::a, 20, 7, {4, 15}},
      {Family::rdna4, "v_wmma_f32_16x16x16_f16", Matrix::c, 20, 3, {11, 4}},
      {Family::rdna4, "v_wmma_i32_16x16x32_iu4", Matrix::c, 3, 7, {7, 3}},
  };
  for (const Row& row : rows) {
    const MatrixOp* op = find_matrix_op(row.family, row.mnemonic);
    ASSERT_NE(op, nullptr) << row.mnemonic;
    EXPECT_EQ(place(*op, row.matrix, row.lane, row.element), row.at) << row.mnemonic << " lane " << row.lane;
  }
}

TEST(AmdgpuMatrix, RegistersAreThoseOfTheEncodings) {
  struct Row {
    Family family;
    const char* mnemonic;
    int a, c;
  };
  const Row rows[] = {
      {Family::cdna2, "v_mfma_f32_32x32x8f16", 2, 16},   {Family::cdna2, "v_mfma_i32_16x16x16i8", 1, 4},
      {Family::cdna3, "v_mfma_i32_32x32x16_i8", 2, 16},  {Family::cdna4, "v_mfma_i32_16x16x64_i8", 4, 4},
      {Family::cdna4, "v_mfma_f32_32x32x16_f16", 4, 16}, {Family::rdna3, "v_wmma_f32_16x16x16_bf16", 8, 8},
      {Family::rdna3, "v_wmma_i32_16x16x16_iu8", 4, 8},  {Family::rdna3, "v_wmma_i32_16x16x16_iu4", 2, 8},
      {Family::rdna4, "v_wmma_f32_16x16x16_bf16", 4, 8}, {Family::rdna4, "v_wmma_i32_16x16x16_iu8", 2, 8},
      {Family::rdna4, "v_wmma_i32_16x16x16_iu4", 1, 8},  {Family::rdna4, "v_wmma_i32_16x16x32_iu4", 2, 8},
  };
  for (const Row& row : rows) {
    const MatrixOp* op = find_matrix_op(row.family, row.mnemonic);
    ASSERT_NE(op, nullptr) << row.mnemonic;
    EXPECT_EQ(registers_of(*op, Matrix::a), row.a) << row.mnemonic;
    EXPECT_EQ(registers_of(*op, Matrix::b), row.a) << row.mnemonic;
    EXPECT_EQ(registers_of(*op, Matrix::c), row.c) << row.mnemonic;
  }
  EXPECT_EQ(find_matrix_op(Family::rdna2, "v_wmma_f32_16x16x16_f16"), nullptr);
  EXPECT_EQ(find_matrix_op(Family::cdna3, "v_mfma_f32_16x16x32_bf16"), nullptr);
}

// Four clocks a pass as LLVM 22 schedules them on CDNA.
TEST(AmdgpuMatrix, ClocksFollowTheRates) {
  struct Row {
    Family family;
    const char* mnemonic;
    int clocks;
  };
  const Row rows[] = {
      {Family::cdna2, "v_mfma_f32_32x32x8f16", 64},    {Family::cdna2, "v_mfma_i32_16x16x16i8", 32},
      {Family::cdna3, "v_mfma_f32_32x32x8_bf16", 32},  {Family::cdna3, "v_mfma_f32_16x16x16_bf16", 16},
      {Family::cdna3, "v_mfma_i32_16x16x32_i8", 16},   {Family::cdna4, "v_mfma_f32_32x32x8_bf16", 32},
      {Family::cdna4, "v_mfma_f32_32x32x16_bf16", 32}, {Family::cdna4, "v_mfma_i32_16x16x64_i8", 16},
      {Family::cdna4, "v_mfma_i32_16x16x32_i8", 16},   {Family::rdna3, "v_wmma_f32_16x16x16_f16", 32},
      {Family::rdna3, "v_wmma_i32_16x16x16_iu4", 16},  {Family::rdna4, "v_wmma_f32_16x16x16_f16", 16},
      {Family::rdna4, "v_wmma_i32_16x16x16_iu8", 8},   {Family::rdna4, "v_wmma_i32_16x16x32_iu4", 8},
  };
  for (const Row& row : rows) {
    const MatrixOp* op = find_matrix_op(row.family, row.mnemonic);
    ASSERT_NE(op, nullptr) << row.mnemonic;
    EXPECT_EQ(clocks_of(*op), row.clocks) << row.mnemonic;
  }
}

// Whatever the order of the sum and whether its steps cut or round.
TEST(AmdgpuMatrix, FloatProductsAreWithinTheErrorOfAnyOrder) {
  std::mt19937 random(1);
  for (const MatrixOp& op : all_ops()) {
    if (op.numerics == Numerics::i32) continue;
    Problem p = random_problem(op, random);
    ASSERT_TRUE(multiply(op, p.in_a, p.in_b, p.in_c, {}, p.out).ok()) << name_of(op);
    for (int lane = 0; lane < lanes_of(op); ++lane)
      for (int e = 0; e < elements_of(op, Matrix::c); ++e) {
        const Place at = place(op, Matrix::c, lane, e);
        double sum = std::bit_cast<float>(p.c[static_cast<size_t>(at.row * op.size + at.column)]);
        double magnitude = std::abs(sum);
        for (int k = 0; k < op.k; ++k) {
          const double product = number(op, p.a[static_cast<size_t>(at.row * op.k + k)]) *
                                 number(op, p.b[static_cast<size_t>(k * op.size + at.column)]);
          sum += product;
          magnitude += std::abs(product);
        }
        const float got = std::bit_cast<float>(p.out[static_cast<size_t>(e)][static_cast<size_t>(lane)]);
        ASSERT_LE(std::abs(got - sum), 0x1p-24 * (2 * op.k + 8) * magnitude)
            << name_of(op) << " " << at.row << "," << at.column;
      }
  }
}

TEST(AmdgpuMatrix, IntegerProductsAreExactAndWrap) {
  std::mt19937 random(2);
  for (const MatrixOp& op : all_ops()) {
    if (op.numerics != Numerics::i32) continue;
    for (uint8_t neg_lo = 0; neg_lo < (is_cdna(op.family) ? 1 : 4); ++neg_lo) {
      Problem p = random_problem(op, random);
      ASSERT_TRUE(multiply(op, p.in_a, p.in_b, p.in_c, {.neg_lo = neg_lo}, p.out).ok()) << name_of(op);
      const int64_t half = int64_t{1} << (bits_of(op, Matrix::a) - 1);
      const auto integer = [&](uint32_t raw, int operand) {
        const int64_t value = raw & (2 * half - 1);
        const bool is_signed = is_cdna(op.family) || (neg_lo >> operand & 1) != 0;
        return is_signed && value >= half ? value - 2 * half : value;
      };
      for (int lane = 0; lane < lanes_of(op); ++lane)
        for (int e = 0; e < elements_of(op, Matrix::c); ++e) {
          const Place at = place(op, Matrix::c, lane, e);
          int64_t sum = p.c[static_cast<size_t>(at.row * op.size + at.column)];
          for (int k = 0; k < op.k; ++k)
            sum += integer(p.a[static_cast<size_t>(at.row * op.k + k)], 0) *
                   integer(p.b[static_cast<size_t>(k * op.size + at.column)], 1);
          ASSERT_EQ(p.out[static_cast<size_t>(e)][static_cast<size_t>(lane)], static_cast<uint32_t>(sum))
              << name_of(op);
        }
    }
  }
}

TEST(AmdgpuMatrix, ClampSaturatesTheExactSum) {
  const MatrixOp* op = find_matrix_op(Family::rdna3, "v_wmma_i32_16x16x16_iu8");
  ASSERT_NE(op, nullptr);
  Lanes bytes, most, least;
  bytes.fill(0x01010101);
  most.fill(0x7ffffff8);
  least.fill(0x80000004);
  Lanes minus_bytes;
  minus_bytes.fill(0xffffffff);
  const std::vector<Lanes> a(4, bytes), minus(4, minus_bytes), c(8, most), low(8, least);
  std::vector<Lanes> d(8);
  ASSERT_TRUE(multiply(*op, a, a, c, {}, d).ok());
  EXPECT_EQ(d[0][0], 0x80000008);
  ASSERT_TRUE(multiply(*op, a, a, c, {.clamp = true}, d).ok());
  EXPECT_EQ(d[7][31], 0x7fffffff);
  ASSERT_TRUE(multiply(*op, minus, a, low, {.neg_lo = 1, .clamp = true}, d).ok());
  EXPECT_EQ(d[3][5], 0x80000000);
}

// The destination may be any source: the accumulator as compilers write it, or A.
TEST(AmdgpuMatrix, DestinationMayBeASource) {
  std::mt19937 random(3);
  for (const MatrixOp& op : all_ops()) {
    Problem p = random_problem(op, random);
    ASSERT_TRUE(multiply(op, p.in_a, p.in_b, p.in_c, {}, p.out).ok());
    std::vector<Lanes> in_place = p.in_c;
    ASSERT_TRUE(multiply(op, p.in_a, p.in_b, in_place, {}, in_place).ok());
    EXPECT_EQ(in_place, p.out) << name_of(op);
    std::vector<Lanes> over_a(p.in_c.size());
    std::copy(p.in_a.begin(), p.in_a.end(), over_a.begin());
    const std::span<const Lanes> a(over_a.data(), p.in_a.size());
    ASSERT_TRUE(multiply(op, a, p.in_b, p.in_c, {}, over_a).ok());
    for (size_t lane = 0; lane < static_cast<size_t>(lanes_of(op)); ++lane)
      for (size_t r = 0; r < over_a.size(); ++r) ASSERT_EQ(over_a[r][lane], p.out[r][lane]) << name_of(op);
  }
}

TEST(AmdgpuMatrix, ModifiersNegate) {
  std::mt19937 random(4);
  for (const Family family : {Family::rdna3, Family::rdna4}) {
    const MatrixOp* op = find_matrix_op(family, "v_wmma_f32_16x16x16_bf16");
    ASSERT_NE(op, nullptr);
    Problem p = random_problem(*op, random);
    ASSERT_TRUE(multiply(*op, p.in_a, p.in_b, p.in_c, {.neg_lo = 5, .neg_hi = 2}, p.out).ok());
    Raw a = p.a, b = p.b, c = p.c;
    for (size_t i = 0; i < a.size(); i += 2) a[i] ^= 0x8000;
    for (size_t i = 16; i < b.size(); ++i)
      if (i / 16 % 2 == 1) b[i] ^= 0x8000;
    for (uint32_t& x : c) x ^= 0x80000000;
    std::vector<Lanes> expected(p.out.size());
    ASSERT_TRUE(multiply(*op, into_lanes(*op, Matrix::a, a), into_lanes(*op, Matrix::b, b),
                         into_lanes(*op, Matrix::c, c), {}, expected)
                    .ok());
    EXPECT_EQ(p.out, expected);
    for (uint32_t& x : c) x |= 0x80000000;
    ASSERT_TRUE(multiply(*op, p.in_a, p.in_b, p.in_c, {.neg_lo = 4, .neg_hi = 4}, p.out).ok());
    ASSERT_TRUE(multiply(*op, p.in_a, p.in_b, into_lanes(*op, Matrix::c, c), {}, expected).ok());
    EXPECT_EQ(p.out, expected);
  }
}

TEST(AmdgpuMatrix, WhatHardwareWouldNotAcceptIsReported) {
  const MatrixOp* wmma = find_matrix_op(Family::rdna3, "v_wmma_f32_16x16x16_f16");
  const MatrixOp* mfma = find_matrix_op(Family::cdna3, "v_mfma_f32_16x16x16_f16");
  ASSERT_TRUE(wmma != nullptr && mfma != nullptr);
  std::vector<Lanes> a(8), c(8), d(8);
  EXPECT_TRUE(multiply(*wmma, a, a, c, {}, d).ok());
  std::vector<Lanes> differs = a;
  differs[6][21] = 1;
  EXPECT_EQ(multiply(*wmma, a, differs, c, {}, d).error().message,
            "v_wmma_f32_16x16x16_f16: register 6 of B differs in lanes 5 and 21, which must hold copies");
  EXPECT_EQ(multiply(*wmma, std::span(a).first(4), a, c, {}, d).error().message,
            "v_wmma_f32_16x16x16_f16: A has 4 registers, not 8");
  EXPECT_FALSE(multiply(*wmma, a, a, c, {.clamp = true}, d).ok());
  const std::span<const Lanes> two = std::span(a).first(2), four = std::span(c).first(4);
  EXPECT_TRUE(multiply(*mfma, two, two, four, {}, std::span(d).first(4)).ok());
  EXPECT_FALSE(multiply(*mfma, two, two, four, {.neg_lo = 1}, std::span(d).first(4)).ok());
}

}  // namespace
}  // namespace tilejit::amdgpu::emulator

#endif

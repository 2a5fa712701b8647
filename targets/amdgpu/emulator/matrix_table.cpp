// The rows of matrix.h and where lanes hold elements.
#include <array>

#include "targets/amdgpu/emulator/matrix.h"

namespace tilejit::amdgpu::emulator {
namespace {

using enum MatrixType;

/// What an older family has, and more.
template <size_t older, size_t newer>
constexpr auto extended(Family family, const std::array<MatrixOp, older>& base,
                        const std::array<MatrixOp, newer>& more) {
  std::array<MatrixOp, older + newer> ops;
  for (size_t i = 0; i < older; ++i) ops[i] = base[i];
  for (size_t i = 0; i < newer; ++i) ops[older + i] = more[i];
  for (MatrixOp& op : ops) op.family = family;
  return ops;
}

constexpr std::array cdna2_ops = {
    MatrixOp{"v_mfma_f32_32x32x8f16", Family::cdna2, 32, 8, f16, Numerics::cdna2},
    MatrixOp{"v_mfma_f32_16x16x16f16", Family::cdna2, 16, 16, f16, Numerics::cdna2},
    MatrixOp{"v_mfma_f32_32x32x8bf16_1k", Family::cdna2, 32, 8, bf16, Numerics::cdna2},
    MatrixOp{"v_mfma_f32_16x16x16bf16_1k", Family::cdna2, 16, 16, bf16, Numerics::cdna2},
    MatrixOp{"v_mfma_i32_32x32x8i8", Family::cdna2, 32, 8, i8, Numerics::i32},
    MatrixOp{"v_mfma_i32_16x16x16i8", Family::cdna2, 16, 16, i8, Numerics::i32},
};

constexpr std::array cdna3_ops = {
    MatrixOp{"v_mfma_f32_32x32x8_f16", Family::cdna3, 32, 8, f16, Numerics::cdna3},
    MatrixOp{"v_mfma_f32_16x16x16_f16", Family::cdna3, 16, 16, f16, Numerics::cdna3},
    MatrixOp{"v_mfma_f32_32x32x8_bf16", Family::cdna3, 32, 8, bf16, Numerics::cdna3},
    MatrixOp{"v_mfma_f32_16x16x16_bf16", Family::cdna3, 16, 16, bf16, Numerics::cdna3},
    MatrixOp{"v_mfma_i32_32x32x16_i8", Family::cdna3, 32, 16, i8, Numerics::i32},
    MatrixOp{"v_mfma_i32_16x16x32_i8", Family::cdna3, 16, 32, i8, Numerics::i32},
};

constexpr std::array cdna4_ops =
    extended(Family::cdna4, cdna3_ops,
             std::array{
                 MatrixOp{"v_mfma_f32_32x32x16_f16", Family::cdna4, 32, 16, f16, Numerics::cdna3},
                 MatrixOp{"v_mfma_f32_16x16x32_f16", Family::cdna4, 16, 32, f16, Numerics::cdna3},
                 MatrixOp{"v_mfma_f32_32x32x16_bf16", Family::cdna4, 32, 16, bf16, Numerics::cdna3},
                 MatrixOp{"v_mfma_f32_16x16x32_bf16", Family::cdna4, 16, 32, bf16, Numerics::cdna3},
                 MatrixOp{"v_mfma_i32_32x32x32_i8", Family::cdna4, 32, 32, i8, Numerics::i32},
                 MatrixOp{"v_mfma_i32_16x16x64_i8", Family::cdna4, 16, 64, i8, Numerics::i32},
             });

constexpr std::array rdna3_ops = {
    MatrixOp{"v_wmma_f32_16x16x16_f16", Family::rdna3, 16, 16, f16, Numerics::rdna},
    MatrixOp{"v_wmma_f32_16x16x16_bf16", Family::rdna3, 16, 16, bf16, Numerics::rdna},
    MatrixOp{"v_wmma_i32_16x16x16_iu8", Family::rdna3, 16, 16, i8, Numerics::i32},
    MatrixOp{"v_wmma_i32_16x16x16_iu4", Family::rdna3, 16, 16, i4, Numerics::i32},
};

constexpr std::array rdna4_ops =
    extended(Family::rdna4, rdna3_ops,
             std::array{MatrixOp{"v_wmma_i32_16x16x32_iu4", Family::rdna4, 16, 32, i4, Numerics::i32}});

/// Rows of C. The 64 lanes of CDNA hold blocks of four rows, those of RDNA 3 alternate, those of RDNA 4 hold halves.
int row_of_c(const MatrixOp& op, int lane, int element) {
  const int part = lane / op.size;
  if (is_cdna(op.family)) return lanes_of(op) / op.size * 4 * (element / 4) + 4 * part + element % 4;
  if (op.family == Family::rdna3) return 2 * element + part;
  return op.size / 2 * part + element;
}

/// Multiplications and additions a clock and SIMD, of 16-bit floats, i8, i4.
struct Rates {
  int f16 = 0, i8 = 0, i4 = 0;
};
Rates rates_of(Family family) {
  switch (family) {
    case Family::cdna2: return {256, 256, 0};
    case Family::cdna3: return {512, 1024, 0};
    case Family::cdna4: return {1024, 2048, 0};
    case Family::rdna2: return {};
    case Family::rdna3: return {256, 256, 512};
    case Family::rdna4: return {512, 1024, 2048};
  }
  return {};
}

}  // namespace

int clocks_of(const MatrixOp& op) {
  const Rates rates = rates_of(op.family);
  const int rate = op.type == i8 ? rates.i8 : op.type == i4 ? rates.i4 : rates.f16;
  const int clocks = 2 * op.size * op.size * op.k / rate;
  // The shapes that CDNA 4 has from CDNA 3 take as long as they do there.
  const bool is_old = op.family == Family::cdna4 && op.size * op.k * bits_of(op, Matrix::a) <= 4096;
  return is_old ? 2 * clocks : clocks;
}

std::span<const MatrixOp> matrix_ops(Family family) {
  switch (family) {
    case Family::cdna2: return cdna2_ops;
    case Family::cdna3: return cdna3_ops;
    case Family::cdna4: return cdna4_ops;
    case Family::rdna2: return {};
    case Family::rdna3: return rdna3_ops;
    case Family::rdna4: return rdna4_ops;
  }
  return {};
}

const MatrixOp* find_matrix_op(Family family, std::string_view mnemonic) {
  for (const MatrixOp& op : matrix_ops(family))
    if (op.mnemonic == mnemonic) return &op;
  return nullptr;
}

int lanes_of(const MatrixOp& op) { return is_cdna(op.family) ? 64 : 32; }

int bits_of(const MatrixOp& op, Matrix matrix) {
  if (matrix == Matrix::c) return 32;
  switch (op.type) {
    case f16:
    case bf16: return 16;
    case i8: return 8;
    case i4: return 4;
  }
  return 0;
}

int elements_of(const MatrixOp& op, Matrix matrix) {
  if (matrix == Matrix::c) return op.size * op.size / lanes_of(op);
  return op.family == Family::rdna3 ? op.k : op.size * op.k / lanes_of(op);
}

int registers_of(const MatrixOp& op, Matrix matrix) { return elements_of(op, matrix) * bits_of(op, matrix) / 32; }

Place place(const MatrixOp& op, Matrix matrix, int lane, int element) {
  const int line = lane % op.size;  // a row of A, a column of B and C
  const int k = (op.family == Family::rdna3 ? 0 : lane / op.size * elements_of(op, Matrix::a)) + element;
  switch (matrix) {
    case Matrix::a: return {line, k};
    case Matrix::b: return {k, line};
    case Matrix::c: return {row_of_c(op, lane, element), line};
  }
  return {};
}

}  // namespace tilejit::amdgpu::emulator

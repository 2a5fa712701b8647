// Matrix instructions as functions of registers: D = A * B + C, MFMA on CDNA (64 lanes), WMMA on RDNA 3 and 4 (32
// lanes).
//
// The table has one row for each mnemonic of a family: shape, types, rounding (matrix_numerics.h). `place` says which
// element of its matrix a lane holds where. EXEC does not matter to these instructions. Layouts: AMD's CDNA 2 to 4 and
// RDNA 3 and 4 ISA documents, AMD's matrix instruction calculator (CDNA 4: AMD's article on its matrix cores).
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/emulator/lanes.h"
#include "targets/amdgpu/emulator/matrix_numerics.h"

namespace tilejit::amdgpu::emulator {

/// Of A and B. C and D are f32 for the first two, i32 for the others.
enum class MatrixType : uint8_t { f16, bf16, i8, i4 };
enum class Matrix : uint8_t { a, b, c };  // D is laid out as C

struct MatrixOp {
  std::string_view mnemonic;  // as the disassembler prints it
  Family family = Family::cdna2;
  int size = 16;  // rows of A, columns of B, both of C
  int k = 16;
  MatrixType type = MatrixType::f16;
  Numerics numerics = Numerics::cdna2;
};

std::span<const MatrixOp> matrix_ops(Family family);
/// Null when the family has no such instruction.
const MatrixOp* find_matrix_op(Family family, std::string_view mnemonic);

/// Lanes of a wave that executes it.
int lanes_of(const MatrixOp& op);
/// That the matrix unit of a SIMD is busy with it, by the peak rates that AMD publishes (a pass of MFMA is four
/// clocks).
int clocks_of(const MatrixOp& op);
/// Of an element in a register, lowest bits first.
int bits_of(const MatrixOp& op, Matrix matrix);
/// That each lane holds, and the 32-bit registers which they fill.
int elements_of(const MatrixOp& op, Matrix matrix);
int registers_of(const MatrixOp& op, Matrix matrix);

/// A: row is m, column is k. B: row is k, column is n. C: row is m, column is n.
struct Place {
  int row = 0;
  int column = 0;
  bool operator==(const Place&) const = default;
};
Place place(const MatrixOp& op, Matrix matrix, int lane, int element);

/// Bits 0, 1, 2 belong to A, B, C. WMMA of floats: neg_lo negates A and B at even k, neg_hi at odd k; of C neg_hi takes
/// the absolute value, then neg_lo negates. WMMA of integers: neg_lo says that A, B are signed; without clamp sums
/// wrap. MFMA has none.
struct MatrixModifiers {
  uint8_t neg_lo = 0;
  uint8_t neg_hi = 0;
  bool clamp = false;
};

/// `invalid` with the reason: another number of registers, modifiers that the instruction lacks, lanes 16 to 31 of A or
/// B that are no copies of lanes 0 to 15 on RDNA 3. D may be the registers of A, B or C.
Result<void> multiply(const MatrixOp& op, std::span<const Lanes> a, std::span<const Lanes> b, std::span<const Lanes> c,
                      const MatrixModifiers& modifiers, std::span<Lanes> d);

}  // namespace tilejit::amdgpu::emulator

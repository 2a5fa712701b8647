// Which matrix instruction executes an `mma`, and how its operands lie in lanes.
//
// Weights are A and activations are B, so that a lane holds neighbouring channels of one activation row of the sum: stores are
// wide, and scales come as they lie in memory. Which channel stands in which row of A is free; it is chosen so that the
// channels of a lane follow one another (eight of them, where the tile's width allows). Lane layouts: AMD's CDNA 2 to 4 and
// RDNA 3 and 4 ISA documents.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ir/ir.h"
#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/layout.h"

namespace tilejit::amdgpu {

/// All of 16 x 16.
struct MatrixForm {
  Family family = Family::cdna3;
  Type type = Type::bf16;  // of A and B
  int numerics = 0;        // row of ir/mma.h
  int k = 16;
  int k_of_lane = 4;  // consecutive
};

std::span<const MatrixForm> matrix_forms();
/// The instruction that computes an mma with this row of numerics and depth; null: the family has none.
const MatrixForm* find_matrix_form(Family family, int numerics, int depth);

/// What the lanes of an mma's operands hold, for an accumulator of so many columns.
struct MatrixLanes {
  std::vector<LaneBit> x, w, sum;
};
MatrixLanes matrix_lanes(const MatrixForm& form, int columns);
/// Registers of the sum in one instruction: consecutive channels of a lane.
int sums_of(const MatrixForm& form);

}  // namespace tilejit::amdgpu

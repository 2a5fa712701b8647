// The integers of integer dots: how `prepare` makes int8 digits, their scales and their sums from a staged row of f32.
//   dot=i8    a row: s_a = absmax/127, q = rne(x * (127/absmax)); zeros where absmax < 2^-100
//   dot=i8x2  a piece: t = max(absmax, 2^-100)/32639, v = rne(x/t) = 256*d1 + d0
// A non-finite element makes the scale of its row (piece) NaN and the integers 0.
#pragma once

#include "ir/builder.h"
#include "jit/linear/geometry.h"

namespace tilejit {

/// Where the rows lie that are made together: in the workspace buffers, and in `staged`, whose columns end in copy_columns - 1
/// zeros.
struct StagedRows {
  ir::Affine row;
  ir::Affine staged_row;
  ir::BufferId staged;
  ir::BufferId ap;
  ir::BufferId asum;  // f32 sums of chunks, when there is a c
};

/// Appends the ops that fill ap, ascale, isum (and asum of quantized rows).
void quantize(const Geometry& geometry, ir::Builder& builder, const StagedRows& rows);

}  // namespace tilejit

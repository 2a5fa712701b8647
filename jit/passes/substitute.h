// Replaces an index variable in one instruction: in slices, in loop bounds and in the lane of an unpack.
#pragma once

#include "ir/ir.h"

namespace tilejit {

/// `by` must be a constant where the instruction uses `var` as a lane.
void substitute(ir::Instr& instr, ir::Value var, const ir::Affine& by);
/// Whether the instruction reads the index.
bool reads_index(const ir::Instr& instr, ir::Value var);

}  // namespace tilejit

// The tile ops of the interpreter: what each does to 32-bit cells (interpret_plan.h). They expect the default floating-point
// mode (float_mode.h).
#pragma once

#include <cstdint>

#include "ir/interpret_plan.h"

namespace tilejit::ir::interpreter {

/// Runs an op that computes a tile from tiles on a wave's cells. `lane` is that of an unpack.
void run_tile_op(const Step& step, uint32_t* cells, int64_t lane);

}  // namespace tilejit::ir::interpreter

// The tile ops of the interpreter: what each does to 32-bit cells (interpret_plan.h). They expect the default floating-point
// mode, which DefaultMode provides.
#pragma once

#include <cstdint>

#include "ir/interpret_plan.h"

namespace tilejit::ir::interpreter {

/// While it lives, f32 arithmetic rounds to nearest even and has subnormals, whatever the caller's MXCSR says.
class DefaultMode {
 public:
  DefaultMode();
  ~DefaultMode();
  DefaultMode(const DefaultMode&) = delete;
  DefaultMode& operator=(const DefaultMode&) = delete;

 private:
  unsigned saved_;
};

/// Runs an op that computes a tile from tiles on a wave's cells. `lane` is that of an unpack.
void run_tile_op(const Step& step, uint32_t* cells, int64_t lane);

}  // namespace tilejit::ir::interpreter

// What a kernel does while the emulator runs it, as numbers for people: counts of a task and of its steady loop, and the estimate of
// how long that loop takes (emulator/cycles.h).
#pragma once

#include <tilejit/result.h>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/target.h"

namespace tilejit::amdgpu {

/// Of an outcome with a trace, of a workgroup of `waves` waves.
Result<TaskProfile> profile(const emulator::Program& program, const emulator::Outcome& outcome, int waves);

}  // namespace tilejit::amdgpu

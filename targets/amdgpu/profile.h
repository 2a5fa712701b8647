// What a kernel does while the emulator runs it, as numbers for people: counts of a task and of its steady loop, and the estimate of
// how long that loop takes (emulator/cycles.h).
#pragma once

#include <tilejit/result.h>

#include <span>
#include <string>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/target.h"

namespace tilejit::amdgpu {

/// Of an outcome with a trace, of a workgroup of `waves` waves. `buffers`: names of the launch's memory ranges.
Result<TaskProfile> profile(const emulator::Program& program, const emulator::Outcome& outcome, int waves,
                            std::span<const std::string> buffers = {});

}  // namespace tilejit::amdgpu

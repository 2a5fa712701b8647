// Code objects on the emulator: a task of a kernel is a workgroup of one launch.
#pragma once

#include <tilejit/result.h>

#include "targets/amdgpu/arch.h"
#include "targets/target.h"

namespace tilejit::amdgpu {

/// The same code with `interpreted` set. A run is `invalid` with the emulator's reports, if there are any, and when a buffer does
/// not lie as kernel_arguments.h demands.
Result<Code> emulated(const GpuRow& row, Code code, const ir::Kernel& kernel);

}  // namespace tilejit::amdgpu

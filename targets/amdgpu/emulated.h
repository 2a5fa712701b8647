// The tasks of a kernel as workgroups of its code object on the emulator.
#pragma once

#include <tilejit/result.h>

#include "ir/ir.h"
#include "targets/amdgpu/arch.h"
#include "targets/target.h"

namespace tilejit::amdgpu {

/// The same code with `interpreted` set, which may touch the memory that the kernel's parameter buffers say is there and no
/// other. `invalid`: what the emulator does not know; and from a run, whatever it reports.
Result<Code> emulated(Code code, const ir::Kernel& kernel, const GpuRow& row);

}  // namespace tilejit::amdgpu

// Code objects on the emulator: a task of a kernel is a workgroup of one launch.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <vector>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/emulator/emulator.h"
#include "targets/target.h"

namespace tilejit::amdgpu {

/// A task of a lowered kernel as a workgroup, as kernel_arguments.h says; `launch` points into the other two.
struct TaskLaunch {
  std::vector<uint8_t> kernarg;
  std::vector<emulator::MemoryRange> memory;
  emulator::Launch launch;
};
/// `threads`: the workgroup's. `invalid` when a buffer does not lie as kernel_arguments.h demands.
Result<TaskLaunch> task_launch(const ir::Kernel& kernel, int threads, const BufferArg* buffers, int64_t m,
                               const int64_t* task);

/// The same code with `interpreted` set. A run is `invalid` with the emulator's reports, if there are any, and when a buffer does
/// not lie as kernel_arguments.h demands.
Result<Code> emulated(const GpuRow& row, Code code, const ir::Kernel& kernel);

}  // namespace tilejit::amdgpu

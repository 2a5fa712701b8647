// Runs a program on chosen memory: by the interpreter, or by the code that a target made of it, native or emulated.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "jit/compile.h"
#include "tools/inspect/program_memory.h"

namespace tilejit::inspect {

/// All kernels in order. What the interpreter finds wrong is `invalid` and names the kernel.
Result<void> interpret(const ir::Program& program, ProgramMemory& memory, int64_t m);
/// All tasks of all kernels in order, on this thread, by machine code or by what for_device made of it. An error is what the
/// emulator found wrong.
Result<void> execute(const std::vector<CompiledKernel>& kernels, ProgramMemory& memory, int64_t m);

/// What the target's emulator counts of a kernel's first task.
struct FirstTask {
  TaskProfile profile;
  int64_t tasks = 0;  // of the kernel
};
/// Workspace that earlier kernels would have written holds what make_memory left there; its loads, which a cache answers, are not
/// among those in flight.
Result<FirstTask> profile_first_task(const CompiledKernel& kernel, const Target& target, ProgramMemory& memory,
                                     int64_t m);

/// What all tasks of a kernel move, as the target's emulator counts it.
struct KernelTraffic {
  std::string kernel;
  int64_t tasks = 0;
  std::vector<BufferTraffic> buffers;
};
/// Runs all kernels in order.
Result<std::vector<KernelTraffic>> count_traffic(const std::vector<CompiledKernel>& kernels, const Target& target,
                                                 ProgramMemory& memory, int64_t m);

}  // namespace tilejit::inspect

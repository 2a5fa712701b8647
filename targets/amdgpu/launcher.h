// Tasks of a kernel as workgroups of one launch of the emulator: the arguments of an Entry become the argument segment and the
// memory that the kernel may touch.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <utility>
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

class Launcher {
 public:
  static Result<Launcher> load(const GpuRow& row, const Code& code, const ir::Kernel& kernel);

  /// `invalid` with the emulator's first report, if there is any, and where task_launch is.
  /// `traffic`: null, or what adds up the bytes that it moves.
  Result<emulator::Outcome> run(const BufferArg* buffers, int64_t m, const int64_t* task, emulator::Detail detail,
                                emulator::Traffic* traffic = nullptr) const;
  const emulator::Program& program() const { return machine_.program(); }
  int waves() const;

 private:
  Launcher(const GpuRow& row, const ir::Kernel& kernel, int threads, emulator::Emulator machine)
      : row_(row), kernel_(kernel), threads_(threads), machine_(std::move(machine)) {}

  const GpuRow& row_;
  ir::Kernel kernel_;
  int threads_;
  emulator::Emulator machine_;
};

}  // namespace tilejit::amdgpu

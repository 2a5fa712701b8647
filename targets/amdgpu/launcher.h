// Tasks of a kernel as workgroups of one launch of the emulator: the arguments of an Entry become the argument segment and the
// memory that the kernel may touch.
#pragma once

#include <tilejit/result.h>

#include <cstdint>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/emulator/emulator.h"
#include "targets/target.h"

namespace tilejit::amdgpu {

class Launcher {
 public:
  static Result<Launcher> load(const GpuRow& row, const Code& code, const ir::Kernel& kernel);

  /// `invalid` with the emulator's first report, if there is any, and when a buffer does not lie as kernel_arguments.h demands.
  Result<emulator::Outcome> run(const BufferArg* buffers, int64_t m, const int64_t* task,
                                emulator::Detail detail) const;
  const emulator::Program& program() const { return machine_.program(); }
  int waves() const;

 private:
  Launcher(const GpuRow& row, const ir::Kernel& kernel, uint32_t threads, emulator::Emulator machine)
      : row_(row), kernel_(kernel), threads_(threads), machine_(std::move(machine)) {}
  Result<void> check(const ir::Buffer& buffer, const BufferArg& argument) const;
  void lay_out(emulator::Launch& launch, int64_t m, const int64_t* task) const;

  const GpuRow& row_;
  ir::Kernel kernel_;
  uint32_t threads_;
  emulator::Emulator machine_;
};

}  // namespace tilejit::amdgpu

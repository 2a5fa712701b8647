#include "targets/amdgpu/emulated.h"

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/amdgpu/kernel_arguments.h"

namespace tilejit::amdgpu {
namespace {

using emulator::Emulator;

/// The end of a loop of constants and m.
int64_t at(const ir::Bound& bound, int64_t m) {
  return bound.round(bound.value.constant() + bound.value.coef_of(ir::value_m) * m);
}

int64_t iterations(const ir::Instr& loop, int64_t m) {
  return std::max<int64_t>((at(loop.hi, m) - at(loop.lo, m) + loop.step - 1) / loop.step, 0);
}

bool is_written(const ir::Kernel& kernel, ir::BufferId buffer) {
  for (const ir::Instr& instr : kernel.body)
    if (instr.op == ir::Op::store && instr.buffer == buffer) return true;
  return false;
}

/// One kernel, and how its launches are made.
struct Launcher {
  const GpuRow& row;
  ir::Kernel kernel;
  uint32_t threads;
  Emulator machine;

  Result<void> check(const ir::Buffer& buffer, const BufferArg& argument) const {
    const int64_t unit = buffer.strided ? bits_of(buffer.type) / 8 : buffer_alignment;
    const auto address = static_cast<int64_t>(reinterpret_cast<uintptr_t>(argument.data));
    if (buffer.strided && argument.row_stride_bytes > most_gpu_row_stride)
      return unsupported(fmt::format("{}: rows of %{} are {} bytes apart; at most {} work", row.facts.name, buffer.name,
                                     argument.row_stride_bytes, most_gpu_row_stride));
    if (address % unit == 0 && (!buffer.strided || argument.row_stride_bytes % unit == 0)) return {};
    return invalid(
        fmt::format("{}: buffer %{} does not lie on a multiple of {} bytes", row.facts.name, buffer.name, unit));
  }

  Result<void> run(const BufferArg* buffers, int64_t m, const int64_t* task) const {
    std::vector<uint8_t> kernarg;
    const auto append = [&](uint64_t word) {
      kernarg.resize(kernarg.size() + sizeof word);
      std::memcpy(kernarg.data() + kernarg.size() - sizeof word, &word, sizeof word);
    };
    std::vector<emulator::MemoryRange> ranges;
    size_t parameter = 0;
    for (size_t i = 0; i < kernel.buffers.size(); ++i) {
      const ir::Buffer& buffer = kernel.buffers[i];
      if (!buffer.is_parameter()) continue;
      const BufferArg& argument = buffers[parameter++];
      TRY(check(buffer, argument));
      append(reinterpret_cast<uintptr_t>(argument.data));
      append(buffer.strided ? static_cast<uint64_t>(argument.row_stride_bytes) : 0);
      const bool written = is_written(kernel, static_cast<ir::BufferId>(i));
      ranges.push_back({argument.data, static_cast<uint64_t>(buffer.bytes_at(m, argument.row_stride_bytes)),
                        written ? emulator::Access::read_write : emulator::Access::read, buffer.name});
    }
    append(static_cast<uint64_t>(m));
    emulator::Launch launch;
    launch.kernarg = kernarg;
    launch.memory = ranges;
    lay_out(launch, m, task);
    const emulator::Outcome outcome = TRY(machine.run_workgroup(launch));
    if (outcome.reports.empty()) return {};
    return invalid(fmt::format("emulator: kernel {}: {}", kernel.name, emulator::describe(outcome.reports.front())));
  }

  void lay_out(emulator::Launch& launch, int64_t m, const int64_t* task) const {
    size_t tasks = 0;
    for (const ir::Instr& instr : kernel.body) {
      if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::tasks) continue;
      launch.workgroup[tasks] = static_cast<uint32_t>((task[tasks] - at(instr.lo, m)) / instr.step);
      launch.workgroups[tasks] = static_cast<uint32_t>(iterations(instr, m));
      ++tasks;
    }
    launch.size = {threads, 1, 1};
  }
};

}  // namespace

Result<Code> emulated(const GpuRow& row, Code code, const ir::Kernel& kernel) {
  auto launcher = std::make_shared<const Launcher>(Launcher{row, kernel, static_cast<uint32_t>(code.gpu.threads),
                                                            TRY(Emulator::load(row, code.bytes, code.gpu.function))});
  code.interpreted = [launcher = std::move(launcher)](const BufferArg* buffers, int64_t m, const int64_t* task, void*) {
    return launcher->run(buffers, m, task);
  };
  return code;
}

}  // namespace tilejit::amdgpu

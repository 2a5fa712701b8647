#include "targets/amdgpu/launcher.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>
#include <vector>

#include "targets/amdgpu/emulator/program.h"
#include "targets/amdgpu/kernel_arguments.h"

namespace tilejit::amdgpu {
namespace {

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

}  // namespace

Result<Launcher> Launcher::load(const GpuRow& row, const Code& code, const ir::Kernel& kernel) {
  return Launcher(row, kernel, static_cast<uint32_t>(code.gpu.threads),
                  TRY(emulator::Emulator::load(row, code.bytes, code.gpu.function)));
}

int Launcher::waves() const {
  const auto lanes = static_cast<uint32_t>(machine_.program().wave);
  return static_cast<int>((threads_ + lanes - 1) / lanes);
}

Result<void> Launcher::check(const ir::Buffer& buffer, const BufferArg& argument) const {
  const int64_t unit = buffer.strided ? bits_of(buffer.type) / 8 : buffer_alignment;
  const auto address = static_cast<int64_t>(reinterpret_cast<uintptr_t>(argument.data));
  if (address % unit == 0 && (!buffer.strided || argument.row_stride_bytes % unit == 0)) return {};
  return invalid(
      fmt::format("{}: buffer %{} does not lie on a multiple of {} bytes", row_.facts.name, buffer.name, unit));
}

Result<emulator::Outcome> Launcher::run(const BufferArg* buffers, int64_t m, const int64_t* task,
                                        emulator::Detail detail) const {
  std::vector<uint8_t> kernarg;
  const auto append = [&](uint64_t word) {
    kernarg.resize(kernarg.size() + sizeof word);
    std::memcpy(kernarg.data() + kernarg.size() - sizeof word, &word, sizeof word);
  };
  std::vector<emulator::MemoryRange> ranges;
  size_t parameter = 0;
  for (size_t i = 0; i < kernel_.buffers.size(); ++i) {
    const ir::Buffer& buffer = kernel_.buffers[i];
    if (!buffer.is_parameter()) continue;
    const BufferArg& argument = buffers[parameter++];
    TRY(check(buffer, argument));
    append(reinterpret_cast<uintptr_t>(argument.data));
    append(buffer.strided ? static_cast<uint64_t>(argument.row_stride_bytes) : 0);
    const bool written = is_written(kernel_, static_cast<ir::BufferId>(i));
    ranges.push_back({argument.data, static_cast<uint64_t>(buffer.bytes_at(m, argument.row_stride_bytes)),
                      written ? emulator::Access::read_write : emulator::Access::read, buffer.name});
  }
  append(static_cast<uint64_t>(m));
  emulator::Launch launch;
  launch.kernarg = kernarg;
  launch.memory = ranges;
  launch.detail = detail;
  lay_out(launch, m, task);
  emulator::Outcome outcome = TRY(machine_.run_workgroup(launch));
  if (outcome.reports.empty()) return outcome;
  return invalid(fmt::format("emulator: kernel {}: {}", kernel_.name, emulator::describe(outcome.reports.front())));
}

void Launcher::lay_out(emulator::Launch& launch, int64_t m, const int64_t* task) const {
  size_t tasks = 0;
  for (const ir::Instr& instr : kernel_.body) {
    if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::tasks) continue;
    launch.workgroup[tasks] = static_cast<uint32_t>((task[tasks] - at(instr.lo, m)) / instr.step);
    launch.workgroups[tasks] = static_cast<uint32_t>(iterations(instr, m));
    ++tasks;
  }
  launch.size = {threads_, 1, 1};
}

}  // namespace tilejit::amdgpu

#include "targets/amdgpu/launcher.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

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

Result<void> check(const ir::Buffer& buffer, const BufferArg& argument) {
  const int64_t unit = buffer.strided ? bits_of(buffer.type) / 8 : buffer_alignment;
  const auto address = static_cast<int64_t>(reinterpret_cast<uintptr_t>(argument.data));
  if (buffer.strided && argument.row_stride_bytes > most_gpu_row_stride)
    return unsupported(fmt::format("rows of %{} are {} bytes apart; at most {} work", buffer.name,
                                   argument.row_stride_bytes, most_gpu_row_stride));
  if (address % unit == 0 && (!buffer.strided || argument.row_stride_bytes % unit == 0)) return {};
  return invalid(fmt::format("buffer %{} does not lie on a multiple of {} bytes", buffer.name, unit));
}

void lay_out(emulator::Launch& launch, const ir::Kernel& kernel, int64_t m, const int64_t* task) {
  size_t tasks = 0;
  for (const ir::Instr& instr : kernel.body) {
    if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::tasks) continue;
    launch.workgroup[tasks] = static_cast<uint32_t>((task[tasks] - at(instr.lo, m)) / instr.step);
    launch.workgroups[tasks] = static_cast<uint32_t>(iterations(instr, m));
    ++tasks;
  }
}

}  // namespace

Result<TaskLaunch> task_launch(const ir::Kernel& kernel, int threads, const BufferArg* buffers, int64_t m,
                               const int64_t* task) {
  TaskLaunch made;
  const auto append = [&](uint64_t word) {
    made.kernarg.resize(made.kernarg.size() + sizeof word);
    std::memcpy(made.kernarg.data() + made.kernarg.size() - sizeof word, &word, sizeof word);
  };
  size_t parameter = 0;
  for (size_t i = 0; i < kernel.buffers.size(); ++i) {
    const ir::Buffer& buffer = kernel.buffers[i];
    if (!buffer.is_parameter()) continue;
    const BufferArg& argument = buffers[parameter++];
    TRY(check(buffer, argument));
    append(reinterpret_cast<uintptr_t>(argument.data));
    append(buffer.strided ? static_cast<uint64_t>(argument.row_stride_bytes) : 0);
    const bool written = is_written(kernel, static_cast<ir::BufferId>(i));
    made.memory.push_back({argument.data, static_cast<uint64_t>(buffer.bytes_at(m, argument.row_stride_bytes)),
                           written ? emulator::Access::read_write : emulator::Access::read, buffer.name});
  }
  append(static_cast<uint64_t>(m));
  made.launch.kernarg = made.kernarg;
  made.launch.memory = made.memory;
  made.launch.size = {static_cast<uint32_t>(threads), 1, 1};
  lay_out(made.launch, kernel, m, task);
  return made;
}

Result<Launcher> Launcher::load(const GpuRow& row, const Code& code, const ir::Kernel& kernel) {
  return Launcher(row, kernel, code.gpu.threads, TRY(emulator::Emulator::load(row, code.bytes, code.gpu.function)));
}

int Launcher::waves() const {
  const int lanes = static_cast<int>(machine_.program().wave);
  return (threads_ + lanes - 1) / lanes;
}

Result<emulator::Outcome> Launcher::run(const BufferArg* buffers, int64_t m, const int64_t* task,
                                        emulator::Detail detail, emulator::Traffic* traffic) const {
  Result<TaskLaunch> made = task_launch(kernel_, threads_, buffers, m, task);
  if (!made) return Error{made.error().kind, fmt::format("{}: {}", row_.facts.name, made.error().message)};
  made->launch.detail = detail;
  made->launch.traffic = traffic;
  emulator::Outcome outcome = TRY(machine_.run_workgroup(made->launch));
  if (outcome.reports.empty()) return outcome;
  return invalid(fmt::format("emulator: kernel {}: {}", kernel_.name, emulator::describe(outcome.reports.front())));
}

}  // namespace tilejit::amdgpu

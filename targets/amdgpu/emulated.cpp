#include "targets/amdgpu/emulated.h"

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "targets/amdgpu/emulator/emulator.h"

namespace tilejit::amdgpu {
namespace {

/// A `tasks` loop, outermost first.
struct TaskLoop {
  ir::Bound lo;
  ir::Bound hi;
  int64_t step;
};

/// A bound that depends on m alone, as those of tasks loops do.
int64_t at(const ir::Bound& bound, int64_t m) {
  return bound.round(bound.value.constant() + bound.value.coef_of(ir::value_m) * m);
}

/// What a run needs of a kernel, and its emulator.
struct Emulated {
  emulator::Emulator emulator;
  std::string name;
  std::vector<ir::Buffer> parameters;
  std::vector<TaskLoop> loops;
  uint32_t threads;

  Result<void> run(const BufferArg* args, int64_t m, const int64_t* task) const;
};

Result<void> Emulated::run(const BufferArg* args, int64_t m, const int64_t* task) const {
  std::vector<uint8_t> arguments(parameters.size() * sizeof(BufferArg) + sizeof(m));
  std::memcpy(arguments.data(), args, parameters.size() * sizeof(BufferArg));
  std::memcpy(arguments.data() + parameters.size() * sizeof(BufferArg), &m, sizeof(m));
  std::vector<emulator::MemoryRange> memory;
  for (size_t i = 0; i < parameters.size(); ++i)
    memory.push_back({.data = args[i].data,
                      .bytes = static_cast<uint64_t>(parameters[i].bytes_at(m, args[i].row_stride_bytes)),
                      .access = emulator::Access::read_write,
                      .name = parameters[i].name});
  emulator::Launch launch;
  launch.size = {threads, 1, 1};
  launch.kernarg = arguments;
  launch.memory = memory;
  for (size_t i = 0; i < loops.size(); ++i) {
    const int64_t lo = at(loops[i].lo, m);
    launch.workgroup[i] = static_cast<uint32_t>((task[i] - lo) / loops[i].step);
    launch.workgroups[i] = static_cast<uint32_t>((at(loops[i].hi, m) - lo + loops[i].step - 1) / loops[i].step);
  }
  const emulator::Outcome outcome = TRY(emulator.run_workgroup(launch));
  if (outcome.reports.empty()) return {};
  return invalid(fmt::format("emulator: kernel {}: {} ({} reports)", name, emulator::describe(outcome.reports.front()),
                             outcome.reports.size()));
}

}  // namespace

Result<Code> emulated(Code code, const ir::Kernel& kernel, const GpuRow& row) {
  emulator::Emulator loaded = TRY(emulator::Emulator::load(row, code.bytes, code.gpu.function));
  auto made = std::make_shared<Emulated>(Emulated{.emulator = std::move(loaded),
                                                  .name = kernel.name,
                                                  .parameters = {},
                                                  .loops = {},
                                                  .threads = static_cast<uint32_t>(code.gpu.threads)});
  for (const ir::Buffer& buffer : kernel.buffers)
    if (buffer.is_parameter()) made->parameters.push_back(buffer);
  for (const ir::Instr& instr : kernel.body) {
    if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::tasks) break;
    made->loops.push_back({instr.lo, instr.hi, instr.step});
  }
  code.interpreted = [made](const BufferArg* args, int64_t m, const int64_t* task, void*) {
    return made->run(args, m, task);
  };
  return code;
}

}  // namespace tilejit::amdgpu

#include "tools/inspect/run_program.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ir/interpret.h"
#include "runtime/arena.h"
#include "runtime/kernel.h"

namespace tilejit::inspect {
namespace {

/// The runtime gives `global` buffers the meaning of a linear layer's operands; a hand-edited program may have others, and here all
/// are bound by their position.
Result<Kernel> load_by_position(CompiledKernel compiled) {
  for (ir::Buffer& buffer : compiled.kernel.buffers)
    if (buffer.is_parameter()) buffer.space = ir::Space::workspace;
  return Kernel::load(std::move(compiled), "jitdump");
}

}  // namespace

Result<void> interpret(const ir::Program& program, ProgramMemory& memory, int64_t m) {
  for (const ir::Kernel& kernel : program.kernels) {
    auto done = ir::interpret(kernel, views_of(kernel, memory), m);
    if (!done) return Error{done.error().kind, "kernel " + kernel.name + ": " + done.error().message};
  }
  return {};
}

Result<void> execute(const std::vector<CompiledKernel>& kernels, ProgramMemory& memory, int64_t m) {
  for (const CompiledKernel& one : kernels) {
    const Kernel kernel = TRY(load_by_position(one));
    const ArenaLease scratch(std::max<int64_t>(kernel.scratch_bytes(), ArenaLease::alignment));
    if (scratch.data() == nullptr) return resource("no memory for the scratch buffers of kernel " + kernel.name());
    const std::vector<BufferArg> arguments = arguments_of(one.kernel, memory);
    const TaskGrid grid = kernel.grid(m);
    for (int64_t task = 0; task < grid.tasks; ++task)
      TRY(kernel.run_task(grid, task, arguments.data(), m, scratch.data()));
  }
  return {};
}

namespace {

Result<TaskGrid> grid_of(const CompiledKernel& kernel, const Target& target, int64_t m) {
  CompiledKernel emulated = kernel;
  emulated.code = TRY(target.emulated(std::move(emulated.code), kernel.kernel));
  return TRY(load_by_position(std::move(emulated))).grid(m);
}

}  // namespace

Result<FirstTask> profile_first_task(const CompiledKernel& kernel, const Target& target, ProgramMemory& memory,
                                     int64_t m) {
  const TaskGrid grid = TRY(grid_of(kernel, target, m));
  if (grid.tasks == 0) return invalid("the kernel has no tasks at m=" + std::to_string(m));
  const std::vector<BufferArg> arguments = arguments_of(kernel.kernel, memory);
  FirstTask first{TRY(target.profile(kernel.code, kernel.kernel, arguments.data(), m, grid.task(0).data())),
                  grid.tasks};
  std::erase_if(first.profile.in_flight, [&](const LoadsInFlight& loads) {
    return std::ranges::any_of(kernel.kernel.buffers, [&](const ir::Buffer& buffer) {
      return buffer.name == loads.buffer && buffer.space == ir::Space::workspace;
    });
  });
  return first;
}

Result<std::vector<KernelTraffic>> count_traffic(const std::vector<CompiledKernel>& kernels, const Target& target,
                                                 ProgramMemory& memory, int64_t m) {
  std::vector<KernelTraffic> all;
  for (const CompiledKernel& kernel : kernels) {
    const TaskGrid grid = TRY(grid_of(kernel, target, m));
    std::vector<std::vector<int64_t>> tasks;
    for (int64_t id = 0; id < grid.tasks; ++id) {
      const auto values = grid.task(id);
      tasks.emplace_back(values.begin(), values.end());
    }
    const std::vector<BufferArg> arguments = arguments_of(kernel.kernel, memory);
    all.push_back(
        {kernel.kernel.name, grid.tasks, TRY(target.traffic(kernel.code, kernel.kernel, arguments.data(), m, tasks))});
  }
  return all;
}

}  // namespace tilejit::inspect

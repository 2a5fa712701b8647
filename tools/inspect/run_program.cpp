#include "tools/inspect/run_program.h"

#include <algorithm>
#include <utility>

#include "ir/interpret.h"
#include "runtime/arena.h"
#include "runtime/kernel.h"

namespace tilejit::inspect {

Result<void> interpret(const ir::Program& program, ProgramMemory& memory, int64_t m) {
  for (const ir::Kernel& kernel : program.kernels) {
    auto done = ir::interpret(kernel, views_of(kernel, memory), m);
    if (!done) return Error{done.error().kind, "kernel " + kernel.name + ": " + done.error().message};
  }
  return {};
}

Result<void> execute(const std::vector<CompiledKernel>& kernels, ProgramMemory& memory, int64_t m) {
  for (const CompiledKernel& one : kernels) {
    CompiledKernel compiled = one;
    // The runtime gives `global` buffers the meaning of a linear layer's operands; a hand-edited program may have others,
    // and here all are bound by their position.
    for (ir::Buffer& buffer : compiled.kernel.buffers)
      if (buffer.is_parameter()) buffer.space = ir::Space::workspace;
    const Kernel kernel = TRY(Kernel::load(std::move(compiled), "jitdump"));
    const ArenaLease scratch(std::max<int64_t>(kernel.scratch_bytes(), ArenaLease::alignment));
    if (scratch.data() == nullptr) return resource("no memory for the scratch buffers of kernel " + kernel.name());
    const std::vector<BufferArg> arguments = arguments_of(one.kernel, memory);
    const TaskGrid grid = kernel.grid(m);
    for (int64_t task = 0; task < grid.tasks; ++task)
      TRY(kernel.run_task(grid, task, arguments.data(), m, scratch.data()));
  }
  return {};
}

}  // namespace tilejit::inspect

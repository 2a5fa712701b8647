#include "runtime/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ir/check.h"
#include "runtime/perf_map.h"

namespace tilejit {
namespace {

TaskLoop::End end_of(const ir::Bound& bound) {
  const ir::Affine& value = bound.value;
  CHECK(std::all_of(value.begin(), value.end(), [](const ir::Term& t) { return t.var == ir::value_m; }),
        "a tasks loop's bound depends on more than m");
  return {.bound = bound,
          .constant = value.constant(),
          .per_row = value.coef_of(ir::value_m),
          .is_exact = bound.divisor == 1 && bound.limit == ir::Bound::no_limit};
}

/// The `tasks` loops around the whole body, outermost first.
std::vector<TaskLoop> find_task_loops(const ir::Kernel& kernel) {
  std::vector<TaskLoop> loops;
  for (const ir::Instr& instr : kernel.body) {
    if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::tasks) break;
    loops.push_back({end_of(instr.lo), end_of(instr.hi), instr.step});
  }
  CHECK(loops.size() <= TaskGrid::max_loops, "more nested tasks loops than a grid holds");
  return loops;
}

Operand operand_of(const ir::Buffer& buffer) {
  static constexpr std::array<std::string_view, operand_count> names{"a", "out", "mul", "residual", "perm",
                                                                     "w", "s",   "z",   "c",        "bias"};
  if (buffer.space == ir::Space::workspace) return Operand::workspace;
  const auto* found = std::find(names.begin(), names.end(), buffer.name);
  CHECK(found != names.end(), "a global buffer that a linear layer does not have: " + buffer.name);
  return static_cast<Operand>(found - names.begin());
}

/// The index of a workspace buffer among those of the program, which shares them by name.
int32_t share_workspace(std::vector<WorkspaceBuffer>& workspace, const ir::Buffer& buffer) {
  auto found = std::find_if(workspace.begin(), workspace.end(), [&](const auto& w) { return w.name == buffer.name; });
  if (found == workspace.end()) found = workspace.insert(found, {buffer.name, buffer.type, buffer.dims});
  return static_cast<int32_t>(found - workspace.begin());
}

}  // namespace

Result<Kernel> Kernel::load(CompiledKernel compiled, std::string_view label) {
  Kernel kernel;
  kernel.name_ = compiled.kernel.name;
  for (const ir::Buffer& buffer : compiled.kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    kernel.parameters_.push_back({buffer.name, operand_of(buffer), -1, buffer.strided});
  }
  CHECK(kernel.parameters_.size() <= max_parameters, "more parameter buffers than a call binds");
  kernel.loops_ = find_task_loops(compiled.kernel);
  kernel.scratch_bytes_ = compiled.code.scratch_bytes;
  kernel.interpreted_ = std::move(compiled.code.interpreted);
  // A decoded instruction and its text take about as much as 32 times its bytes.
  kernel.held_bytes_ = 32 * static_cast<int64_t>(compiled.code.bytes.size());
  if (kernel.interpreted_) return kernel;
  kernel.code_ = TRY(ExecMemory::create(compiled.code.bytes));
  kernel.held_bytes_ = kernel.code_.mapped_bytes();
  kernel.entry_ = reinterpret_cast<Entry>(reinterpret_cast<uintptr_t>(kernel.code_.data()));
  const std::span code(kernel.code_.data(), compiled.code.bytes.size());
  const std::string symbol = fmt::format("tilejit:{}:{}", kernel.name_, label);
  append_perf_map(code, symbol);
  kernel.gdb_ = GdbSymbol(code, symbol);
  return kernel;
}

bool Kernel::has_fixed_grid() const {
  return std::all_of(loops_.begin(), loops_.end(),
                     [](const TaskLoop& loop) { return loop.lo.per_row == 0 && loop.hi.per_row == 0; });
}

TaskGrid Kernel::grid(int64_t m) const {
  TaskGrid grid;
  grid.loops = loops_.size();
  for (size_t i = 0; i < loops_.size(); ++i) {
    const TaskLoop& loop = loops_[i];
    grid.lo[i] = loop.lo.at(m);
    grid.step[i] = loop.step;
    const int64_t length = std::max<int64_t>(0, loop.hi.at(m) - grid.lo[i]);
    grid.count[i] = loop.step == 1 ? length : (length + loop.step - 1) / loop.step;  // a division is slow
    grid.tasks *= grid.count[i];
  }
  return grid;
}

Result<void> Kernel::run_task(const TaskGrid& grid, int64_t id, const BufferArg* buffers, int64_t m,
                              void* scratch) const {
  const auto task = grid.task(id);
  if (entry_ == nullptr) return interpreted_(buffers, m, task.data(), scratch);
  entry_(buffers, m, task.data(), scratch);
  return {};
}

Result<std::vector<CompiledKernel>> for_device(std::vector<CompiledKernel> compiled, const Target& target,
                                               Device device) {
  if (device == Device::emulated)
    for (CompiledKernel& one : compiled) one.code = TRY(target.emulated(std::move(one.code)));
  return compiled;
}

Result<Executable> load_program(std::vector<CompiledKernel> compiled, std::string_view label) {
  CHECK(compiled.size() <= Executable::max_kernels, "more kernels than a program has");
  Executable program;
  for (CompiledKernel& one : compiled) {
    const std::vector<ir::Buffer> buffers = one.kernel.buffers;
    Kernel kernel = TRY(Kernel::load(std::move(one), label));
    for (Parameter& parameter : kernel.parameters()) {
      if (parameter.operand != Operand::workspace) continue;
      const auto buffer =
          std::find_if(buffers.begin(), buffers.end(), [&](const auto& b) { return b.name == parameter.name; });
      parameter.workspace = share_workspace(program.workspace, *buffer);
    }
    program.scratch_bytes = std::max(program.scratch_bytes, (kernel.scratch_bytes() + 63) / 64 * 64);
    program.bytes += kernel.held_bytes();
    program.kernels.push_back(std::move(kernel));
  }
  return program;
}

}  // namespace tilejit

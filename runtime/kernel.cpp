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
  return {.constant = value.constant(),
          .per_row = value.coef_of(ir::value_m),
          .is_exact = bound.divisor == 1 && bound.limit == ir::Bound::no_limit,
          .bound = bound};
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

/// The code of a program's kernels, which share one mapping: making one takes as long as a fifth of a compilation.
struct CodeImage {
  std::vector<uint8_t> bytes;

  /// Constants lie, and loops start, at multiples of 64 bytes of a kernel's code.
  static size_t padded(size_t size) { return (size + 63) / 64 * 64; }
  Result<void> append(const std::vector<uint8_t>& code) {
    constexpr uint8_t int3 = 0xcc;
    if (code.empty()) return invalid("a kernel has no code bytes");
    bytes.insert(bytes.end(), code.begin(), code.end());
    bytes.resize(padded(bytes.size()), int3);
    return {};
  }
};

/// Neither interpreted nor loaded by a GPU's driver.
bool is_native(const Code& code) { return !code.interpreted && code.gpu.function.empty(); }

/// What the cache counts: a decoded instruction and its text take about as much as 32 times its bytes.
int64_t interpreted_bytes(const Code& code) { return 32 * static_cast<int64_t>(code.bytes.size()); }

}  // namespace

Result<Kernel> Kernel::load(CompiledKernel compiled, std::string_view label) {
  std::shared_ptr<const ExecMemory> memory;
  if (is_native(compiled.code))
    memory = std::make_shared<const ExecMemory>(TRY(ExecMemory::create(compiled.code.bytes)));
  return load_at(compiled.kernel, std::move(compiled.code), label, std::move(memory), 0);
}

Kernel Kernel::load_at(const ir::Kernel& lowered, Code code, std::string_view label,
                       std::shared_ptr<const ExecMemory> memory, size_t offset) {
  Kernel kernel;
  kernel.name_ = lowered.name;
  for (const ir::Buffer& buffer : lowered.buffers) {
    if (!buffer.is_parameter()) continue;
    kernel.parameters_.push_back({buffer.name, operand_of(buffer), -1, buffer.strided});
  }
  CHECK(kernel.parameters_.size() <= max_parameters, "more parameter buffers than a call binds");
  kernel.loops_ = find_task_loops(lowered);
  kernel.scratch_bytes_ = code.scratch_bytes;
  const bool runs_natively = is_native(code);
  kernel.interpreted_ = std::move(code.interpreted);
  if (!runs_natively) return kernel;
  kernel.code_ = std::move(memory);
  const std::span bytes(kernel.code_->data() + offset, code.bytes.size());
  kernel.entry_ = reinterpret_cast<Entry>(reinterpret_cast<uintptr_t>(bytes.data()));
  const std::string symbol = fmt::format("tilejit:{}:{}", kernel.name_, label);
  append_perf_map(bytes, symbol);
  kernel.gdb_ = GdbSymbol(bytes, symbol);
  return kernel;
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
    for (CompiledKernel& one : compiled) one.code = TRY(target.emulated(std::move(one.code), one.kernel));
  return compiled;
}

Result<Executable> load_program(std::vector<CompiledKernel> compiled, std::string_view label) {
  CHECK(compiled.size() <= Executable::max_kernels, "more kernels than a program has");
  Executable program;
  CodeImage image;
  for (const CompiledKernel& one : compiled) {
    if (is_native(one.code))
      TRY(image.append(one.code.bytes));
    else
      program.bytes += interpreted_bytes(one.code);
  }
  std::shared_ptr<const ExecMemory> memory;
  if (!image.bytes.empty()) {
    memory = std::make_shared<const ExecMemory>(TRY(ExecMemory::create(image.bytes)));
    program.bytes += memory->mapped_bytes();
  }
  size_t offset = 0;
  for (CompiledKernel& one : compiled) {
    const size_t bytes = is_native(one.code) ? CodeImage::padded(one.code.bytes.size()) : 0;
    Kernel kernel = Kernel::load_at(one.kernel, std::move(one.code), label, memory, offset);
    offset += bytes;
    for (Parameter& parameter : kernel.parameters()) {
      if (parameter.operand != Operand::workspace) continue;
      const auto buffer = std::find_if(one.kernel.buffers.begin(), one.kernel.buffers.end(),
                                       [&](const auto& b) { return b.name == parameter.name; });
      parameter.workspace = share_workspace(program.workspace, *buffer);
    }
    program.scratch_bytes = std::max(program.scratch_bytes, (kernel.scratch_bytes() + 63) / 64 * 64);
    program.kernels.push_back(std::move(kernel));
  }
  return program;
}

}  // namespace tilejit

#include "tests/support/target_run.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "ir/check.h"
#include "jit/compile.h"
#include "runtime/exec_memory.h"
#include "tests/support/guarded_memory.h"

namespace tilejit::test {
namespace {

int64_t evaluate(const ir::Bound& bound, int64_t m) {
  int64_t value = bound.value.constant();
  for (const ir::Term& t : bound.value) value += t.coef * m;  // tasks loops depend on m only
  return bound.round(value);
}

}  // namespace

ir::Kernel lowered_kernel(ir::Kernel kernel) {
  ir::Program program;
  program.kernels.push_back(std::move(kernel));
  return std::move(lower_program(std::move(program), {}).kernels[0]);
}

std::vector<std::vector<int64_t>> tasks_of(const ir::Kernel& kernel, int64_t m) {
  std::vector<const ir::Instr*> loops;
  for (const ir::Instr& instr : kernel.body)
    if (instr.op == ir::Op::for_loop && instr.loop == ir::LoopKind::tasks) loops.push_back(&instr);
  std::vector<std::vector<int64_t>> tasks;
  std::vector<int64_t> task(loops.size());
  const std::function<void(size_t)> walk = [&](size_t depth) {
    if (depth == loops.size()) return tasks.push_back(task);
    for (task[depth] = evaluate(loops[depth]->lo, m); task[depth] < evaluate(loops[depth]->hi, m);
         task[depth] += loops[depth]->step)
      walk(depth + 1);
  };
  walk(0);
  return tasks;
}

Result<Device> device_for(const Target& target) {
  const Result<void> native = target.can_execute();
  if (native) return Device::native;
  TRY(target.can_emulate());
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(target.facts().name).second)
    fmt::print(stderr, "EMULATED, not run on a CPU: {}\n", native.error().message);
  return Device::emulated;
}

Result<void> run_code(const Code& code, const ir::Kernel& kernel, int64_t m, Arguments& arguments) {
  const ExecMemory memory = TRY(ExecMemory::create(code.bytes));
  std::vector<std::unique_ptr<GuardedMemory>> guarded;
  std::vector<BufferArg> args;
  size_t p = 0;
  for (const ir::Buffer& buffer : kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    const std::vector<std::byte>& bytes = arguments.memory[p];
    // Code of a GPU reads several elements of a buffer at once, and promises are made for where it starts.
    const int64_t alignment = !code.gpu.function.empty() && !buffer.strided ? 16 : 1;
    guarded.push_back(
        std::make_unique<GuardedMemory>(static_cast<int64_t>(bytes.size()), GuardedMemory::Guard::at_end, alignment));
    if (!bytes.empty()) std::memcpy(guarded.back()->data(), bytes.data(), bytes.size());
    args.push_back({guarded.back()->data(), arguments.row_strides[p++] * bits_of(buffer.type) / 8});
  }
  const GuardedMemory scratch(code.scratch_bytes, GuardedMemory::Guard::at_end, 64);
  const auto entry = reinterpret_cast<Entry>(reinterpret_cast<uintptr_t>(memory.data()));
  for (const std::vector<int64_t>& task : tasks_of(kernel, m)) {
    if (code.interpreted)
      TRY(code.interpreted(args.data(), m, task.data(), scratch.data()));
    else
      entry(args.data(), m, task.data(), scratch.data());
  }
  if (!scratch.intact()) return invalid("memory around the scratch has changed");
  for (size_t i = 0; i < guarded.size(); ++i) {
    if (!guarded[i]->intact()) return invalid("memory before parameter " + std::to_string(i) + " has changed");
    if (!arguments.memory[i].empty())
      std::memcpy(arguments.memory[i].data(), guarded[i]->data(), arguments.memory[i].size());
  }
  return {};
}

std::string disagreement(const Target& target, Device device, const ir::Kernel& kernel, int64_t m,
                         const Arguments& arguments, const LowerOptions& options) {
  Result<Code> code = target.lower(kernel, options);
  if (code && device == Device::emulated) code = target.emulated(std::move(*code), kernel);
  if (!code) return std::string(to_string(code.error().kind)) + ": " + code.error().message;
  Arguments expected = arguments;
  Arguments actual = arguments;
  const Result<void> interpreted = ir::interpret(kernel, expected.views(), m);
  if (!interpreted) return "interpreter: " + interpreted.error().message;
  const Result<void> run = run_code(*code, kernel, m, actual);
  if (!run) return run.error().message;
  return difference(kernel, expected, actual);
}

}  // namespace tilejit::test

#include "tools/inspect/bisect.h"

#include <utility>

#include "ir/verify.h"
#include "jit/compile.h"
#include "runtime/kernel.h"
#include "tools/inspect/run_program.h"

namespace tilejit::inspect {
namespace {

/// The kernels of a lowered program as code, run on a device.
Result<void> lower_and_execute(const ir::Program& lowered, const Target& target, Device device, ProgramMemory& memory,
                               int64_t m) {
  std::vector<CompiledKernel> compiled;
  for (const ir::Kernel& kernel : lowered.kernels) compiled.push_back({kernel, TRY(target.lower(kernel, {}))});
  const auto runnable = TRY(for_device(std::move(compiled), target, device));
  return execute(runnable, memory, m);
}

/// The verifier's first complaint about what a stage left, else its interpretation.
Result<void> check_and_interpret(const ir::Program& program, ProgramMemory& memory, int64_t m) {
  const std::vector<ir::Violation> violations = ir::verify(program);
  if (!violations.empty()) return invalid(violations.front().message);
  return interpret(program, memory, m);
}

}  // namespace

std::vector<Stage> stages_of(const ir::Program& program, std::span<const Pass> passes, const Target& target,
                             std::optional<Device> device, int64_t m) {
  const auto interpreted = [m](std::string name, const ir::Program& p) {
    return Stage{std::move(name), [p, m](ProgramMemory& memory) { return check_and_interpret(p, memory, m); }};
  };
  std::vector<Stage> stages{interpreted("tile", program)};
  ir::Program lowered = program;
  for (const Pass& pass : passes) {
    for (ir::Kernel& kernel : lowered.kernels) pass.run(kernel);
    stages.push_back(interpreted(std::string(pass.name), lowered));
  }
  if (!device) return stages;
  const std::string how = *device == Device::emulated ? "emulated code of " : "code of ";
  stages.push_back({how + target.facts().name, [lowered, &target, m, d = *device](ProgramMemory& memory) {
                      return lower_and_execute(lowered, target, d, memory, m);
                    }});
  return stages;
}

Result<Verdict> bisect(std::span<const Stage> stages, const ProgramMemory& operands) {
  ProgramMemory expected = operands;
  TRY(stages.front().run(expected));
  for (const Stage& stage : stages.subspan(1)) {
    ProgramMemory actual = operands;
    const auto done = stage.run(actual);
    if (!done) return Verdict{stage.name, done.error().message};
    std::string difference = first_difference(expected, actual);
    if (!difference.empty()) return Verdict{stage.name, std::move(difference)};
  }
  return Verdict{};
}

}  // namespace tilejit::inspect

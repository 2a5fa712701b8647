#include "tools/jitdump/check.h"

#include <fmt/format.h>

#include <optional>

#include "runtime/kernel.h"
#include "tools/inspect/bisect.h"
#include "tools/inspect/program_memory.h"
#include "tools/inspect/run_program.h"

namespace tilejit::jitdump {
namespace {

Result<void> can_run(const Target& target, Device device) {
  if (device == Device::hip)
    return unsupported(
        "jitdump compares code that runs in this process, native or emulated; `tilejit linear --device hip` runs on a "
        "GPU");
  return device == Device::native ? target.can_execute() : target.can_emulate();
}

}  // namespace

Result<CheckResult> run_and_compare(const Dump& dump, Device device, uint64_t seed) {
  const Source& source = dump.source;
  TRY(can_run(*source.target, device));
  const inspect::ProgramMemory operands = TRY(inspect::make_memory(source.program, source.m, seed));
  inspect::ProgramMemory expected = operands;
  inspect::ProgramMemory actual = operands;
  TRY(inspect::interpret(source.program, expected, source.m));
  const auto kernels = TRY(for_device(dump.kernels, *source.target, device));
  TRY(inspect::execute(kernels, actual, source.m));
  const std::string difference = inspect::first_difference(expected, actual);
  const std::string what = fmt::format("run: m={} seed={} target={} device={}: ", source.m, seed,
                                       source.target->facts().name, to_string(device));
  if (!difference.empty()) return CheckResult{false, what + difference};
  const std::string agrees = "every buffer equals the interpreter's, bit for bit";
  // Without machine code, what is left to differ is the program before and after the passes.
  const bool is_interpreter = source.target->facts().name == "ref";
  return CheckResult{true,
                     what + agrees + (is_interpreter ? " (ref is the interpreter: only the passes are compared)" : "")};
}

Result<CheckResult> find_first_wrong_stage(const Source& source, Device device, uint64_t seed) {
  const inspect::ProgramMemory operands = TRY(inspect::make_memory(source.program, source.m, seed));
  const auto runs = can_run(*source.target, device);
  const auto stages = inspect::stages_of(source.program, passes(), *source.target,
                                         runs ? std::optional(device) : std::nullopt, source.m);
  const inspect::Verdict verdict = TRY(inspect::bisect(stages, operands));
  const std::string what = fmt::format("bisect: m={} seed={}: ", source.m, seed);
  if (!verdict.stage.empty())
    return CheckResult{false, what + fmt::format("{} differs first: {}", verdict.stage, verdict.difference)};
  return CheckResult{true, what + fmt::format("all {} stages agree{}", stages.size(),
                                              runs ? device == Device::emulated ? " (the code was emulated)" : ""
                                                   : " (the code was not run: " + runs.error().message + ")")};
}

}  // namespace tilejit::jitdump

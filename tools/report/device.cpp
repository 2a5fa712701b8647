#include "tools/report/device.h"

#include <fmt/format.h>

#include "runtime/gpu_program.h"
#include "targets/targets.h"

namespace tilejit::report {
namespace {

/// By this machine's CPU, or by a GPU of it.
Result<void> runs_here(const Target& target) {
  if (!target.facts().is_gpu) return target.can_execute();
  TRY(find_gpu(target.facts(), 0));
  return {};
}

}  // namespace

Result<Device> choose_device(std::string_view asked, std::string_view target) {
  if (asked == "native") return Device::native;
  if (asked == "emulated") return Device::emulated;
  if (asked == "auto") {
    const std::string device = place_of(target).device;
    return device == "hip" ? Device::hip : device == "emulated" ? Device::emulated : Device::native;
  }
  if (asked == "hip") {
    const TargetFacts& facts = TRY(find_target(target))->facts();
    const auto gpu = find_gpu(facts, 0);
    if (gpu) return Device::hip;
    const std::string hint = facts.is_gpu ? "; --device emulated runs code for " + facts.name + " on any CPU" : "";
    return Error{gpu.error().kind, gpu.error().message + hint};
  }
  return invalid(fmt::format("--device {} is unknown; known: auto, native, emulated, hip", asked));
}

Place place_of(std::string_view asked) {
  const auto target = find_target(asked);
  if (!target) return {"", target.error().message};
  const TargetFacts& facts = (*target)->facts();
  const Result<void> executes = runs_here(**target);
  if (executes) return {facts.is_gpu ? "hip" : "native", ""};
  const auto emulates = (*target)->can_emulate();
  if (emulates) return {"emulated", executes.error().message};
  return {"", executes.error().message + "; " + emulates.error().message};
}

}  // namespace tilejit::report

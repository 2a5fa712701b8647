#include "tools/report/device.h"

#include <fmt/format.h>

#include "runtime/gpu_program.h"
#include "targets/targets.h"

namespace tilejit::report {

Result<Device> choose_device(std::string_view asked, std::string_view target) {
  if (asked == "native") return Device::native;
  if (asked == "emulated") return Device::emulated;
  if (asked == "auto") return place_of(target).device == "emulated" ? Device::emulated : Device::native;
  if (asked == "hip") {
    const Target* asked_target = TRY(find_target(target));
    TRY(find_gpu(asked_target->facts(), 0));
    return Device::hip;
  }
  return invalid(fmt::format("--device {} is unknown; known: auto, native, emulated, hip", asked));
}

Place place_of(std::string_view asked) {
  const auto target = find_target(asked);
  if (!target) return {"", target.error().message};
  const auto executes = (*target)->can_execute();
  if (executes) return {"native", ""};
  const auto emulates = (*target)->can_emulate();
  if (emulates) return {"emulated", executes.error().message};
  return {"", executes.error().message + "; " + emulates.error().message};
}

}  // namespace tilejit::report

// `--device`: what executes a target's code, as the command line names it.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <string>
#include <string_view>

namespace tilejit::report {

/// `auto` is where this machine can execute the target's code, native or hip, else emulated where that is possible; where it is
/// not, native, whose refusal says why. `hip` insists on a GPU; errors are those of find_gpu. `invalid`: what is
/// no device.
Result<Device> choose_device(std::string_view asked, std::string_view target);

/// Where a target's code runs on this machine.
struct Place {
  std::string device;  // native, hip or emulated; empty: nowhere
  std::string reason;  // why neither this CPU nor a GPU runs it
};
Place place_of(std::string_view asked);

}  // namespace tilejit::report

// Whether a kernel has enough loads in flight for the memory of its target: by Little's law, what arrives in a second is what is in
// flight at once for each latency.
#pragma once

#include <optional>

#include "targets/target.h"
#include "tools/inspect/run_program.h"

namespace tilejit::inspect {

inline constexpr double memory_latency_ns = 800;  // assumed: of a load that misses all caches

struct UnitInFlight {
  LoadsInFlight of_wave;  // of the buffer of which most is in flight
  double waves = 0;   // on a compute unit, the mean of all: no more than there are, few tasks leave compute units idle
  double bytes = 0;   // of a compute unit
  double needed = 0;  // likewise, for the latency at the memory's full bandwidth
};

/// None where the target's memory is not known or nothing is loaded.
std::optional<UnitInFlight> unit_in_flight(const FirstTask& task, const TargetFacts& target);

}  // namespace tilejit::inspect

#include "tools/inspect/in_flight.h"

#include <algorithm>

namespace tilejit::inspect {

std::optional<UnitInFlight> unit_in_flight(const FirstTask& task, const TargetFacts& target) {
  if (target.compute_units == 0 || task.profile.in_flight.empty()) return std::nullopt;
  UnitInFlight unit;
  unit.of_wave = *std::ranges::max_element(task.profile.in_flight, {}, &LoadsInFlight::bytes);
  const auto launched = static_cast<double>(task.tasks * task.profile.waves);
  unit.waves = std::min(task.profile.waves_of_unit, launched / target.compute_units);
  unit.bytes = unit.waves * static_cast<double>(unit.of_wave.bytes);
  unit.needed = target.memory_gigabytes * memory_latency_ns / target.compute_units;
  return unit;
}

}  // namespace tilejit::inspect

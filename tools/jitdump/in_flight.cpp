#include "tools/jitdump/in_flight.h"

#include <fmt/format.h>

#include "tools/inspect/in_flight.h"

namespace tilejit::jitdump {

std::string in_flight_text(const inspect::FirstTask& task, const TargetFacts& target) {
  const auto unit = inspect::unit_in_flight(task, target);
  if (!unit) return "";
  const LoadsInFlight& wave = unit->of_wave;
  const double bytes = static_cast<double>(wave.bytes) / static_cast<double>(wave.loads);
  return fmt::format(
      "loads of %{} in flight: {:.2f} waves a compute unit x {} loads x {:.0f} bytes = {:.1f} KB; needed for {:.0f} ns "
      "at "
      "{:.0f} GB/s, of {} compute units each: {:.1f} KB\n",
      wave.buffer, unit->waves, wave.loads, bytes, unit->bytes / 1e3, inspect::memory_latency_ns,
      target.memory_gigabytes, target.compute_units, unit->needed / 1e3);
}

nlohmann::ordered_json in_flight_json(const inspect::FirstTask& task, const TargetFacts& target) {
  const auto unit = inspect::unit_in_flight(task, target);
  if (!unit) return {};
  return {{"buffer", unit->of_wave.buffer},
          {"waves_of_unit", unit->waves},
          {"loads_of_wave", unit->of_wave.loads},
          {"bytes_of_wave", unit->of_wave.bytes},
          {"bytes_of_unit", unit->bytes},
          {"needed_bytes_of_unit", unit->needed},
          {"latency_ns", inspect::memory_latency_ns},
          {"memory_gbps", target.memory_gigabytes},
          {"compute_units", target.compute_units}};
}

}  // namespace tilejit::jitdump

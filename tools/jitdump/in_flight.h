// The loads that a kernel has in flight, beside what the memory of its target needs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tools/inspect/run_program.h"

namespace tilejit::jitdump {

/// Empty where the target's memory is not known or nothing is loaded.
std::string in_flight_text(const inspect::FirstTask& task, const TargetFacts& target);
/// Null there.
nlohmann::ordered_json in_flight_json(const inspect::FirstTask& task, const TargetFacts& target);

}  // namespace tilejit::jitdump

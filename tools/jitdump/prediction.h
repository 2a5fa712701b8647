// What the static model of the target's row, and of the rows it is compared with, says of a kernel.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "jit/compile.h"

namespace tilejit::jitdump {

/// Empty for a kernel without predictions.
std::string prediction_text(const CompiledKernel& kernel, int64_t m);
/// One object for each machine; the key `steady_loop` has the bounds of the loop that takes most of its cycles.
nlohmann::ordered_json prediction_json(const CompiledKernel& kernel, int64_t m);

}  // namespace tilejit::jitdump

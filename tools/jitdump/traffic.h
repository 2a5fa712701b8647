// The bytes that a program moves, by kernel and buffer, as the emulator of the target counts them over all tasks.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "jit/compile.h"
#include "tools/inspect/run_program.h"
#include "tools/jitdump/source.h"

namespace tilejit::jitdump {

/// From seeded operands.
Result<std::vector<inspect::KernelTraffic>> count_traffic(const Source& source,
                                                          const std::vector<CompiledKernel>& kernels, uint64_t seed);
std::string traffic_text(const std::vector<inspect::KernelTraffic>& kernels);
nlohmann::ordered_json traffic_json(const std::vector<inspect::KernelTraffic>& kernels);

}  // namespace tilejit::jitdump

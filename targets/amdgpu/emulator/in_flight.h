// How many bytes of loads a wave has in flight: the way of the first wave through its code, with what is issued and what waits
// leave outstanding. Time is not counted: between the last load that is issued before a wait and that wait a wave has most in
// flight, and a loop that waits for memory moves so much in each latency.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/amdgpu/emulator/program.h"

namespace tilejit::amdgpu::emulator {

/// Of the loads from one memory range.
struct InFlight {
  int32_t range = -1;  // of Launch::memory
  int64_t loads = 0;   // at most, at once
  int64_t bytes = 0;   // likewise; bytes that several lanes of a load ask for count once
};

enum class Path : uint8_t { once, repeated };
/// One entry for each range from which the path loads.
std::vector<InFlight> most_in_flight(const Program& program, const Trace& trace, std::span<const int32_t> path,
                                     Path kind);

}  // namespace tilejit::amdgpu::emulator

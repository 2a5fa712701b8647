// One vector register of a wave: 32 bits for each lane. Waves of 32 lanes use the first 32.
#pragma once

#include <array>
#include <cstdint>

namespace tilejit::amdgpu::emulator {

inline constexpr int most_lanes = 64;
using Lanes = std::array<uint32_t, most_lanes>;

}  // namespace tilejit::amdgpu::emulator

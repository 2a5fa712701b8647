// Which bits of a result are defined when those of the sources are not all. Compilers leave parts of registers undefined
// and mask them away later: moving such bits, or combining them bit by bit, is no use of them, so that these instructions
// report nothing, and what they write is as undefined as it is. All others read defined registers or are reported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "targets/amdgpu/emulator/instr.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {

/// A source word of one lane.
struct Shadow {
  uint32_t value = 0;
  uint32_t defined = 0;  // its bits that are
};
/// The bits of a 32-bit result that are defined.
using DefinedBits = uint32_t (*)(const std::array<Shadow, 3>& in);

/// Null when `mnemonic` uses what it reads.
DefinedBits find_defined_bits(std::string_view mnemonic);

/// Lanes of the result's words that are defined, of those in `enabled`. Call it before the result is written.
std::array<Written16, 2> defined_lanes(const Wave& w, const Instr& i, uint64_t enabled);

}  // namespace tilejit::amdgpu::emulator

// Single instructions on the x86 emulator: code given as hexadecimal text, operands in one block of memory at rdi.
#pragma once

#include <tilejit/result.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "targets/target.h"

namespace tilejit::test {

/// What rdi points at, in dwords.
struct EmulatorMemory {
  alignas(64) std::array<uint32_t, 128> words{};
};

/// ok when this build has the emulator.
Result<void> emulator_here();
/// 64 words of floats of moderate size, any bits, special values and small integers; the rest 0.
EmulatorMemory random_memory(uint64_t seed);
std::vector<uint8_t> bytes_of_hex(std::string_view hex);
/// Equal, or NaNs as f32 on both sides, or NaNs as halves.
bool same_word(uint32_t left, uint32_t right);

/// Runs code with rdi at the memory; an endbr64 is put before it.
Result<void> emulate(const std::vector<uint8_t>& bytes, EmulatorMemory& memory);
/// Likewise, the code as it is.
Result<void> emulate_whole(const std::vector<uint8_t>& bytes, EmulatorMemory& memory);

}  // namespace tilejit::test

// AMDGPU machine code as text, by LLVM's MC layer: one line an instruction.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tilejit::amdgpu::emulator {

struct Line {
  uint64_t address = 0;
  uint32_t bytes = 0;
  uint32_t encoding = 0;  // the first four of them
  std::string text;       // single spaces
};

enum class WaveSize : uint8_t { wave32 = 32, wave64 = 64 };

/// `invalid` at the first bytes that are no instruction of the processor. Halves of registers are written v0.l and v0.h from
/// RDNA3 on. Padding behind the last s_endpgm is not kept.
Result<std::vector<Line>> disassemble(const std::string& processor, WaveSize wave, std::span<const uint8_t> code,
                                      uint64_t address);

}  // namespace tilejit::amdgpu::emulator

// Machine code as text, by LLVM's MC layer: what jitdump prints and what the encoder tests compare with.
//
// Without LLVM (TILEJIT_AMDGPU=OFF) every call is `unsupported`; code is compiled and run all the same.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tilejit {

struct DisassembledInstr {
  int64_t offset = 0;
  std::vector<uint8_t> bytes;
  std::string text;  // x86: Intel syntax; single spaces; branch targets of x86 are offsets into the code
};

/// x86-64 code, from the first byte to the last. A byte that no instruction starts with becomes `.byte 0x..` of its own.
Result<std::vector<DisassembledInstr>> disassemble_x86(std::span<const uint8_t> code);
/// AMDGPU code that lies at `address`, for LLVM's processor and feature string, up to the first bytes that are no instruction.
Result<std::vector<DisassembledInstr>> disassemble_amdgpu(const std::string& processor, const std::string& features,
                                                          std::span<const uint8_t> code, uint64_t address);

}  // namespace tilejit

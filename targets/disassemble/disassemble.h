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
  std::string text;  // Intel syntax, one space between mnemonic and operands; branch targets are offsets into the code
};

/// x86-64 code, from the first byte to the last. A byte that no instruction starts with becomes `.byte 0x..` of its own.
Result<std::vector<DisassembledInstr>> disassemble_x86(std::span<const uint8_t> code);

}  // namespace tilejit

// One line of disassembly as mnemonic, operands and modifiers. Nothing here knows what an instruction does.
#pragma once

#include <tilejit/result.h>

#include <string>
#include <string_view>
#include <vector>

#include "targets/amdgpu/emulator/instr.h"

namespace tilejit::amdgpu::emulator {

struct Parsed {
  std::string mnemonic;  // without _e32, _e64, _dpp, _sdwa and the like
  std::string rest;      // everything after it
  std::vector<Operand> operands;
  Modifiers modifiers;
};

/// `text` holds one instruction; of a pair, one half. `invalid` names the part that is not understood.
Result<Parsed> parse_instruction(std::string_view text);

/// Decimal or 0x-hexadecimal with a sign.
bool parse_integer(std::string_view text, int64_t& value);

}  // namespace tilejit::amdgpu::emulator

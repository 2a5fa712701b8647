// The disassembler's text of one instruction (Intel syntax), taken apart.
#pragma once

#include <tilejit/result.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "targets/x86/emulator/instr.h"

namespace tilejit::x86::emulator {

struct Parsed {
  std::string mnemonic;
  std::array<Operand, 4> operand;
  uint8_t operands = 0;
  uint8_t mask = 0;
  bool zeroing = false;
  bool is_rip_relative = false;
  Memory memory;
  int64_t imm = 0;
};

/// `invalid` names the part that is not understood. Segments, absolute addresses and rounding operands are among these.
Result<Parsed> parse_instruction(std::string_view text);
/// "zmm3", "rbx", "k1": for messages.
std::string register_name(Kind kind, int number);

}  // namespace tilejit::x86::emulator

// Machine code as a program for the emulator: disassembled, looked up in the tables, every operand and jump resolved.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "targets/target.h"
#include "targets/x86/emulator/instr.h"

namespace tilejit::x86::emulator {

struct Program {
  std::vector<Instr> instrs;       // ends with one that no path may reach
  std::vector<std::string> texts;  // of each: offset and disassembly
  std::vector<uint64_t> memory;    // the code and its constants, where rip-relative operands find them
};

Result<Program> decode(const Code& code);
/// "zmm3, rax, the zero flag": for messages.
std::string names_of(State state);

}  // namespace tilejit::x86::emulator

// Parsed text and a table's row become one instruction. Each form checks the operands that its row wants.
#pragma once

#include <tilejit/result.h>

#include "targets/amdgpu/emulator/general_row.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/parse_text.h"
#include "targets/amdgpu/emulator/program.h"
#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {

/// `mnemonic` names no row: unsupported.
Result<void> bind(const Program& program, Parsed parsed, Instr& i);

Result<void> bind_vector(const Program& program, Parsed& parsed, const VectorRow& row, Instr& i);
Result<void> bind_general(const Program& program, const Parsed& parsed, const GeneralRow& row, Instr& i);
Result<void> bind_memory(Family family, Parsed& parsed, const MemoryRow& row, Instr& i);

/// Adds the registers of an operand to what the instruction reads or writes; constants are none.
void add_read(Instr& i, const Operand& o, Half half = Half::whole);
void add_read(Instr& i, const Range& range);
void add_write(Instr& i, const Operand& o);
void add_write(Instr& i, const Range& range);

}  // namespace tilejit::amdgpu::emulator

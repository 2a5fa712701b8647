// Instruction choice for each group of ops. A Selection is what they share; each function appends the vcode of one instruction.
#pragma once

#include <tilejit/result.h>

#include <span>

#include "ir/ir.h"
#include "targets/x86/arch.h"
#include "targets/x86/select_address.h"
#include "targets/x86/select_emit.h"
#include "targets/x86/select_values.h"

namespace tilejit::x86 {

/// u - z of the eight nibbles of every dword of `packed` as signed bytes: nibbles 0, 2, 4, 6 and 1, 3, 5, 7.
struct NibbleDifferences {
  Reg packed, zeros;
  Reg even, odd;
};

/// Every word of `packed` shifted right by `by` bits: nibbles by/4 and by/4 + 4 of each dword lie lowest in its two words.
struct ShiftedWords {
  Reg packed, shifted;
  int by;
};

struct Selection {
  const ir::Kernel& kernel;
  const CpuRow& row;
  Emitter& emit;
  Values& values;
  Addresses& addresses;
  std::vector<NibbleDifferences> differences;  // computed in this straight run and still true
  std::vector<ShiftedWords> shifted_words;     // likewise, the last one of each `packed`

  const ir::TileType& tile(ir::Value v) const { return kernel.value(v).tile; }
};

/// unsupported, naming the instruction.
Error refuse(const Selection& s, const ir::Instr& instr, const std::string& reason);

/// fill, add, sub, mul, fma.
void select_arithmetic(Selection& s, const ir::Instr& instr, std::span<const Reg> dst);
Result<void> select_convert(Selection& s, const ir::Instr& instr, std::span<const Reg> dst);
Result<void> select_dot(Selection& s, const ir::Instr& instr, std::span<const Reg> dst);

/// unpack, unpack_zero.
Result<void> select_unpack(Selection& s, const ir::Instr& instr, std::span<const Reg> dst);
/// To be called when registers get new contents; with none, at loop boundaries, everything is forgotten.
void forget_shared(Selection& s, std::span<const Reg> written);
/// The forms of a zero-point tile that unpack_zero wants, made right after instruction `position` has written it.
void select_zeros(Selection& s, ir::Value zeros, size_t position);

Result<void> select_load(Selection& s, size_t position, std::span<const Reg> dst);
Result<void> select_store(Selection& s, size_t position);
void select_load_index(Selection& s, size_t position);
void select_prefetch(Selection& s, size_t position);

}  // namespace tilejit::x86

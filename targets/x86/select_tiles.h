// Instruction choice for each group of ops. A Selection is what they share; each function appends the vcode of one instruction.
#pragma once

#include <tilejit/result.h>

#include <vector>

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

/// `packed` shifted right by `by` bits. Words of nibbles: nibbles by/4 and by/4 + 4 of each dword lie lowest in its two words.
/// Dwords of bytes, by 16: bytes 2 and 3 take the places of bytes 0 and 1.
struct ShiftedFields {
  Reg packed, shifted;
  int by;
};

/// The bytes 0 and 2, 1 and 3 of every dword of `bytes` as words.
struct ByteWords {
  Reg bytes;
  Reg even, odd;
};

struct Selection {
  const ir::Kernel& kernel;
  const CpuRow& row;
  Emitter& emit;
  Values& values;
  Addresses& addresses;
  std::vector<NibbleDifferences> differences;  // computed in this straight run and still true
  std::vector<ShiftedFields> shifted_fields;   // likewise, the last one of each `packed`
  std::vector<ByteWords> byte_words;           // likewise

  const ir::TileType& tile(ir::Value v) const { return kernel.value(v).tile; }
};

/// unsupported, naming the instruction.
Error refuse(const Selection& s, const ir::Instr& instr, const std::string& reason);

/// f(row, vector, index) over a tile's registers. The operand that changes slowest stays in registers through the inner walk:
/// rows inside columns keep one register a row and one of the columns alive, the other order one a column.
template <typename F>
void for_each_register(const TileLayout& layout, F f) {
  if (layout.rows <= layout.vectors) {
    for (int c = 0; c < layout.vectors; ++c)
      for (int r = 0; r < layout.rows; ++r) f(r, c, layout.index(r, c));
  } else {
    for (int r = 0; r < layout.rows; ++r)
      for (int c = 0; c < layout.vectors; ++c) f(r, c, layout.index(r, c));
  }
}

/// fill and the elementwise ops but convert.
void select_arithmetic(Selection& s, const ir::Instr& instr, Registers dst);
Result<void> select_convert(Selection& s, const ir::Instr& instr, Registers dst);
Result<void> select_dot_bf16(Selection& s, const ir::Instr& instr, Registers dst);
void select_dot_i8(Selection& s, const ir::Instr& instr, Registers dst);
/// reduce_max, reduce_add.
void select_reduce(Selection& s, const ir::Instr& instr, Registers dst);

/// unpack, unpack_zero.
Result<void> select_unpack(Selection& s, const ir::Instr& instr, Registers dst);
/// To be called when registers get new contents; with none, at loop boundaries, everything is forgotten.
void forget_shared(Selection& s, Registers written);
/// The forms of a zero-point tile that unpack_zero wants, made right after instruction `position` has written it.
void select_zeros(Selection& s, ir::Value zeros, size_t position);

Result<void> select_load(Selection& s, size_t position, Registers dst);
Result<void> select_store(Selection& s, size_t position);
void select_load_index(Selection& s, size_t position);
void select_prefetch(Selection& s, size_t position);

}  // namespace tilejit::x86

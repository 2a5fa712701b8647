// Which registers hold a tile. A tile that is written and last read within one straight run of instructions gets new registers
// at that write; one that is carried over a loop's beginning or end keeps its home registers. Instructions that read their own
// result update in place.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <vector>

#include "ir/ir.h"
#include "targets/x86/select_emit.h"

namespace tilejit::x86 {

/// How a tile lies in vector registers: `rows` x `vectors` of them, 16 columns each, or one with all lanes equal (`splat`).
struct TileLayout {
  int rows = 1;
  int vectors = 1;
  bool splat = false;
  int column_bytes = 4;                            // all depth of one column: 4, 2 or 1
  int bytes() const { return 16 * column_bytes; }  // of the register that are used
  int count() const { return rows * vectors; }
  size_t index(int row, int vector) const {
    return static_cast<size_t>(row) * static_cast<size_t>(vectors) + static_cast<size_t>(vector);
  }
};

/// unsupported: columns that are neither 1 nor whole vectors, or columns of fewer than 8 bits.
Result<TileLayout> layout_of(const ir::TileType& tile);

class Values {
 public:
  Values(const ir::Kernel& kernel, Emitter& emit);

  /// Layouts of all tiles that instructions use.
  Result<void> lay_out();
  const TileLayout& layout(ir::Value v) const { return state_[index(v)].layout; }

  /// No byte exceeds 15: every write unpacks u4 to u8, or loads scratch memory that only such tiles are stored to.
  bool holds_nibbles(ir::Value v) const { return !state_[index(v)].has_other_writes; }

  /// The registers that instruction `position` (which writes v) is to write.
  Registers define(ir::Value v, size_t position);
  Registers registers(ir::Value v) const { return state_[index(v)].current; }
  /// The register of (row, vector) with rows and columns broadcast.
  Reg at(ir::Value v, int row, int vector) const;

  /// To be called at each for_loop and end: every tile is in its home registers there.
  void boundary();

  enum class Zeros : uint8_t { f32, bytes };
  bool wants(ir::Value v, Zeros form) const { return state_[index(v)].wants[static_cast<size_t>(form)]; }
  Registers define_zeros(ir::Value v, Zeros form, size_t position);
  Reg zeros_at(ir::Value v, Zeros form, int vector) const;

 private:
  struct State {
    TileLayout layout;
    bool has_other_writes = false;  // than of nibbles as bytes
    Registers home, current;
    bool wants[2] = {false, false};
    Registers zero_home[2], zero_current[2];
  };
  static size_t index(ir::Value v) { return static_cast<size_t>(v); }
  void find_nibbles();
  Registers pick(Registers& home, Registers& current, size_t count, bool carried);

  const ir::Kernel& kernel_;
  Emitter& emit_;
  std::vector<State> state_;
  std::vector<uint8_t> carried_;  // by instruction: its result reaches a loop boundary
};

}  // namespace tilejit::x86

// What the files of instruction choice share: the LLVM function that is being written, and the registers of every tile.
#pragma once

#include <tilejit/result.h>

#include <span>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "ir/ranges.h"
#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/layout.h"
#include "targets/amdgpu/llvm.h"

namespace tilejit::amdgpu {

/// One LLVM value for each register of the layout; empty before the first write.
struct Tile {
  std::vector<llvm::Value*> registers;
  /// Of sums that `dot_i8` makes of shifted weights (select_dot.cpp), a value for each row: 128 times it is still to be added.
  std::vector<llvm::Value*> missing;
};

struct BufferPlace {
  llvm::Value* base = nullptr;        // global memory, or LDS
  llvm::Value* row_stride = nullptr;  // strided buffers: i64, in bytes
  bool is_stored = false;             // somewhere in the kernel
  bool is_loaded = false;
};

/// Writes into the entry block, whose values are seen everywhere.
class InEntry {
 public:
  InEntry(llvm::IRBuilder<>& b, llvm::Function& function) : b_(b), guard_(b) {
    llvm::BasicBlock& entry = function.getEntryBlock();
    if (llvm::Instruction* end = entry.getTerminator())
      b_.SetInsertPoint(end);
    else
      b_.SetInsertPoint(&entry);
  }

 private:
  llvm::IRBuilder<>& b_;
  llvm::IRBuilderBase::InsertPointGuard guard_;
};

struct Selection {
  Selection(const ir::Kernel& the_kernel, const GpuRow& the_row, llvm::Module& the_module)
      : kernel(the_kernel), row(the_row), module(the_module), b(the_module.getContext()), ranges(the_kernel),
        tiles(the_kernel.values.size()), indices(the_kernel.values.size()), buffers(the_kernel.buffers.size()),
        is_serial(the_kernel.values.size()) {}

  const ir::Kernel& kernel;
  const GpuRow& row;
  llvm::Module& module;
  llvm::IRBuilder<> b;
  ir::Ranges ranges;
  std::vector<Layout> layouts;
  std::vector<Tile> tiles;
  std::vector<llvm::Value*> indices;  // i32
  std::vector<BufferPlace> buffers;
  std::vector<bool> is_serial;  // of each value: the variable of a serial loop that is open
  bool has_matrix_steps = false;
  llvm::Function* function = nullptr;
  llvm::Value* lane = nullptr;
  llvm::Value* wave = nullptr;  // its number in the workgroup

  const ir::TileType& type(ir::Value v) const { return kernel.value(v).tile; }
  const Layout& layout(ir::Value v) const { return layouts[static_cast<size_t>(v)]; }
  Tile& tile(ir::Value v) { return tiles[static_cast<size_t>(v)]; }

  /// Of one register of a tile.
  llvm::Type* cell_type(const ir::TileType& tile_type);
  /// The register of `v` that holds what stands at `part` of a tile that it is broadcast to.
  llvm::Value* read(ir::Value v, Coord part);
  void write(ir::Value v, std::vector<llvm::Value*> registers);

  /// Registers as one vector; the vector that they were taken from where there is one.
  llvm::Value* joined(std::span<llvm::Value* const> cells);
  enum class Register : uint8_t { scalar, vector };
  /// A constant that instructions take from a register: so one instruction can take two, which literals would split in two.
  llvm::Value* in_register(uint32_t constant, Register kind);
  /// What the lane adds to a coordinate of this layout, i32; null where lanes add nothing.
  llvm::Value* lane_coord(const Layout& of, Dim dim);
  /// Whether these bits of the lane's number are 0.
  llvm::Value* lane_has_no(uint32_t bits);
  /// An index expression as i32 where its range fits, else as i64.
  llvm::Value* evaluate(const ir::Affine& affine);
  llvm::Value* evaluate64(const ir::Affine& affine);
  llvm::Value* limit(const ir::Bound& bound);

  llvm::Value* i32(int64_t value) { return b.getInt32(static_cast<uint32_t>(value)); }
  llvm::Value* i64(int64_t value) { return b.getInt64(static_cast<uint64_t>(value)); }
  struct LaneCoord {
    std::vector<LaneBit> lanes;
    Dim dim;
    llvm::Value* coord;
  };
  struct LaneCondition {
    uint32_t bits;
    llvm::Value* is_zero;
  };
  struct Constant {
    uint32_t bits;
    Register kind;
    llvm::Value* value;
  };
  std::vector<Constant> constants;
  std::vector<LaneCoord> lane_coords;  // made once, in the entry block
  std::vector<LaneCondition> lane_conditions;

  /// Orders the accesses of a wave's lanes to memory that they exchange; costs no instruction.
  void fence();
};

/// `unsupported`, with the instruction's text.
Error refuse(const Selection& s, const ir::Instr& instr, const std::string& reason);

// Each writes the instruction's result or memory. `select_memory.cpp`, `select_tiles.cpp` and so on define them.
Result<void> select_arithmetic(Selection& s, const ir::Instr& instr);
Result<void> select_convert(Selection& s, const ir::Instr& instr);
Result<void> select_unpack(Selection& s, const ir::Instr& instr);
Result<void> select_reduce(Selection& s, const ir::Instr& instr);
/// Operands of matrix steps: bf16, f16 or i8 of which a register holds several of a column.
Result<void> select_unpack_words(Selection& s, const ir::Instr& instr);
Result<void> select_mma(Selection& s, const ir::Instr& instr);
Result<void> select_dot_i8(Selection& s, const ir::Instr& instr);
Result<void> select_load(Selection& s, const ir::Instr& instr);
Result<void> select_store(Selection& s, const ir::Instr& instr);
Result<void> select_load_index(Selection& s, const ir::Instr& instr);
void select_barrier(Selection& s, int64_t waves);
/// Of a kernel with matrix steps: loads from memory that stand before this place are for later steps; the scheduler must not move
/// them to where they are used.
void keep_loads_early(Selection& s);
/// Nothing passes: what stands before and behind is scheduled apart. The time of scheduling grows faster than what it schedules.
/// Not on RDNA, whose epilogues need the registers that stages leave.
void part_regions(Selection& s);
/// Behind a matrix step: RDNA has no registers for the operands of several, and other waves to run meanwhile. On CDNA where the
/// operands of the next step have been brought: no others, and loads from memory stay where they are.
void keep_steps_apart(Selection& s);
/// The values whose sums may miss something: dot_i8 on a row without unsigned sides accumulates in them.
void prepare_sums(Selection& s);

}  // namespace tilejit::amdgpu

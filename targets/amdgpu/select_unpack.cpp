// Packed weights to u - z. The machine converts any byte of a word to a float, so that nibbles are spread over the bytes of two
// words first, four at once. Fences, which cost nothing, keep LLVM from turning that back into one field and one integer
// subtraction for each weight.
#include <fmt/format.h>

#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

/// The fields of one packed word: field t * lanes + lane is element t.
struct Fields {
  int bits;
  int lanes;
  llvm::Value* variable = nullptr;  // null: `lane` alone
  int lane = 0;
};

class Unpacker {
 public:
  Unpacker(Selection& s, const ir::Instr& instr, Fields fields) : s_(s), b_(s.b), instr_(instr), fields_(fields) {}

  /// zero: i32, or null for the constant of the instruction.
  llvm::Value* field(llvm::Value* word, llvm::Value* zero) {
    word = b_.CreateZExt(word, b_.getInt32Ty());
    const Type to = s_.type(instr_.dst).type;
    if (to == Type::u8) return bytes(word);
    if (fields_.bits == 16) return upper_half(word);
    llvm::Value* u = fields_.bits == 4 && fields_.variable == nullptr ? byte_of_nibbles(word) : field_bits(word);
    return subtracted(b_.CreateUIToFP(u, b_.getFloatTy()), zero);
  }

 private:
  llvm::Value* fenced(llvm::Value* x) { return b_.CreateArithmeticFence(x, b_.getFloatTy()); }
  llvm::Value* number(int64_t value) { return llvm::ConstantFP::get(b_.getFloatTy(), static_cast<double>(value)); }

  llvm::Value* shift() {
    llvm::Value* bits = s_.i32(int64_t{fields_.lane} * fields_.bits);
    return fields_.variable == nullptr ? bits
                                       : b_.CreateAdd(b_.CreateMul(fields_.variable, s_.i32(fields_.bits)), bits);
  }

  llvm::Value* subtracted(llvm::Value* u, llvm::Value* zero) {
    llvm::Value* z = zero == nullptr ? number(instr_.imm) : b_.CreateSIToFP(zero, b_.getFloatTy());
    return zero == nullptr && instr_.imm == 0 ? u : b_.CreateFSub(u, fenced(z));
  }

  llvm::Value* field_bits(llvm::Value* word) {
    return b_.CreateAnd(b_.CreateLShr(word, shift()), (uint64_t{1} << fields_.bits) - 1);
  }

  llvm::Value* byte_of_nibbles(llvm::Value* word) {
    llvm::Value* spread = b_.CreateAnd(b_.CreateLShr(word, 4 * static_cast<uint64_t>(fields_.lane % 2)), 0x0f0f0f0f);
    spread = b_.CreateBitCast(fenced(b_.CreateBitCast(spread, b_.getFloatTy())), b_.getInt32Ty());
    return b_.CreateAnd(b_.CreateLShr(spread, 8 * static_cast<uint64_t>(fields_.lane / 2)), 0xff);
  }

  /// Nibbles 0, 2, 4, 6 or 1, 3, 5, 7 of a word as its bytes; bytes are as they are.
  llvm::Value* bytes(llvm::Value* word) {
    return fields_.bits == 8 ? word : b_.CreateAnd(b_.CreateLShr(word, shift()), 0x0f0f0f0f);
  }

  /// The upper half of an f32 is a bf16.
  llvm::Value* upper_half(llvm::Value* word) {
    llvm::Value* low = b_.CreateShl(b_.CreateLShr(word, shift()), 16);
    return b_.CreateBitCast(low, b_.getFloatTy());
  }

  Selection& s_;
  llvm::IRBuilder<>& b_;
  const ir::Instr& instr_;
  Fields fields_;
};

}  // namespace

Result<void> select_unpack(Selection& s, const ir::Instr& instr) {
  const ir::TileType& from = s.type(instr.args[0]);
  const ir::TileType& to = s.type(instr.dst);
  if (to.type != Type::f32 && to.type != Type::u8) return select_unpack_words(s, instr);
  if (from.shape.rows != 1) return refuse(s, instr, "lanes that share a column's k are for matrix steps");
  const bool has_zeros = instr.op == ir::Op::unpack_zero;
  if (to.type == Type::u8 && (has_zeros || instr.imm != 0))
    return refuse(s, instr, "bytes for dot_i8 have no zero point taken away");
  Fields fields{bits_of(from.type), from.shape.depth / to.shape.depth};
  fields.lane = instr.lane_constant;
  if (instr.lane_var != ir::Value::none) fields.variable = s.indices[static_cast<size_t>(instr.lane_var)];
  if (to.type == Type::u8 && (fields.lanes * fields.bits != 8 && fields.bits != 8))
    return refuse(s, instr, fmt::format("fields of {} bits, {} to a byte", fields.bits, fields.lanes));
  Unpacker unpacker(s, instr, fields);
  const Layout& layout = s.layout(instr.dst);
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < layout.registers(); ++r) {
    const Coord part = layout.register_part(r);
    llvm::Value* cell = unpacker.field(s.read(instr.args[0], part), has_zeros ? s.read(instr.args[1], part) : nullptr);
    registers.push_back(to.type == Type::u8 ? s.b.CreateTrunc(cell, s.cell_type(to)) : cell);
  }
  s.write(instr.dst, std::move(registers));
  return {};
}

}  // namespace tilejit::amdgpu

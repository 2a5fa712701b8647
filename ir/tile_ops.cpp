#include "ir/tile_ops.h"

#include <bit>
#include <string>

namespace tilejit::ir {

Value TileOps::append(Op op, Type type, std::array<Value, 3> args, int64_t imm) {
  Instr& instr = body_.emplace_back();
  instr.op = op;
  instr.dst = kernel_.add_value("t", {type, shape_});
  instr.args = args;
  instr.imm = imm;
  return instr.dst;
}

Value TileOps::constant(Type type, int64_t imm) {
  Instr& instr = body_.emplace_back();
  instr.op = Op::fill;
  instr.dst = kernel_.add_value("c", {type, {}});
  instr.imm = imm;
  return instr.dst;
}

TileOps::F TileOps::f32(float value) { return {constant(Type::f32, std::bit_cast<uint32_t>(value))}; }

TileOps::I TileOps::i32(int32_t value) { return {constant(Type::i32, value)}; }

}  // namespace tilejit::ir

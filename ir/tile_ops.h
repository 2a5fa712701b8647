// The ops of functions.h as instructions: each call appends one to a body and returns its result, a new register. Constants are
// [1,1] tiles, everything else has one shape. For a straight run of instructions: nothing it made is used again elsewhere.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

class TileOps {
 public:
  struct F {
    Value tile;
  };
  struct I {
    Value tile;
  };

  /// Registers are added to `kernel`; `body` may be the kernel's own. Both must outlive this.
  TileOps(Kernel& kernel, std::vector<Instr>& body, Shape shape) : kernel_(kernel), body_(body), shape_(shape) {}

  F f32(float value);
  I i32(int32_t value);
  I bits(F a) { return {append(Op::bitcast, Type::i32, {a.tile, Value::none, Value::none})}; }
  F from_bits(I a) { return {append(Op::bitcast, Type::f32, {a.tile, Value::none, Value::none})}; }

  F add(F a, F b) { return binary(Op::add, a, b); }
  F sub(F a, F b) { return binary(Op::sub, a, b); }
  F mul(F a, F b) { return binary(Op::mul, a, b); }
  F max(F a, F b) { return binary(Op::max, a, b); }
  F min(F a, F b) { return binary(Op::min, a, b); }
  F div(F a, F b) { return binary(Op::div, a, b); }
  F fma(F a, F b, F c) { return {append(Op::fma, Type::f32, {a.tile, b.tile, c.tile})}; }
  I sub(I a, I b) { return binary(Op::sub, a, b); }
  I bit_and(I a, I b) { return binary(Op::bit_and, a, b); }
  I bit_or(I a, I b) { return binary(Op::bit_or, a, b); }
  I shift_left(I a, int64_t n) { return {append(Op::shift_left, Type::i32, {a.tile, Value::none, Value::none}, n)}; }
  I shift_right(I a, int64_t n) { return {append(Op::shift_right, Type::i32, {a.tile, Value::none, Value::none}, n)}; }

  F exp(F x) { return {append(Op::exp, Type::f32, {x.tile, Value::none, Value::none})}; }
  F erf(F x) { return {append(Op::erf, Type::f32, {x.tile, Value::none, Value::none})}; }
  F tanh(F x) { return {append(Op::tanh, Type::f32, {x.tile, Value::none, Value::none})}; }

 private:
  F binary(Op op, F a, F b) { return {append(op, Type::f32, {a.tile, b.tile, Value::none})}; }
  I binary(Op op, I a, I b) { return {append(op, Type::i32, {a.tile, b.tile, Value::none})}; }
  Value constant(Type type, int64_t imm);
  Value append(Op op, Type type, std::array<Value, 3> args, int64_t imm = 0);

  Kernel& kernel_;
  std::vector<Instr>& body_;
  Shape shape_;
};

}  // namespace tilejit::ir

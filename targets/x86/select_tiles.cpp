#include "targets/x86/select_tiles.h"

#include <fmt/format.h>

#include "ir/check.h"
#include "ir/print.h"

namespace tilejit::x86 {
namespace {

struct ArithmeticRow {
  ir::Op op;
  VOp on_f32, on_i32;  // the same where the op takes one type
};
constexpr ArithmeticRow arithmetic_rows[] = {
    {ir::Op::add, VOp::vaddps, VOp::vpaddd},         {ir::Op::sub, VOp::vsubps, VOp::vpsubd},
    {ir::Op::mul, VOp::vmulps, VOp::vpmulld},        {ir::Op::max, VOp::vmaxps, VOp::vpmaxsd},
    {ir::Op::min, VOp::vminps, VOp::vpminsd},        {ir::Op::fma, VOp::fma, VOp::fma},
    {ir::Op::div, VOp::vdivps, VOp::vdivps},         {ir::Op::round, VOp::vrndscaleps, VOp::vrndscaleps},
    {ir::Op::bitcast, VOp::vmov, VOp::vmov},         {ir::Op::bit_and, VOp::vpandd, VOp::vpandd},
    {ir::Op::bit_or, VOp::vpord, VOp::vpord},        {ir::Op::shift_left, VOp::vpslld, VOp::vpslld},
    {ir::Op::shift_right, VOp::vpsrad, VOp::vpsrad},
};

VOp arithmetic_op(ir::Op op, Type type) {
  for (const ArithmeticRow& row : arithmetic_rows)
    if (row.op == op) return type == Type::f32 ? row.on_f32 : row.on_i32;
  CHECK(false, "not an arithmetic op");
}

constexpr int64_t to_nearest_even = 8;  // of vrndscaleps: whole numbers, no inexact exception

constexpr int64_t greater_equal = 0x0d;  // predicates of vcmpps, quiet
constexpr int64_t unordered = 0x03;

Reg compare(Emitter& emit, Reg a, Reg b, int64_t predicate) {
  const Reg mask = emit.mask();
  emit.push(VOp::vcmpps, mask, a, b).imm = predicate;
  return mask;
}

/// dst = mask ? chosen : otherwise
void blend(Emitter& emit, Reg dst, Reg mask, Reg otherwise, Reg chosen) {
  emit.push(VOp::vpblendmd, dst, otherwise, chosen).mask = mask;
}

/// Round to nearest even by integer arithmetic on the bits; NaN becomes quiet, a subnormal the zero of its sign.
void f32_to_bf16_by_integers(Emitter& e, Reg dst, Reg x) {
  const Reg high = e.vector_imm(VOp::vpsrld, x, 16);
  const Reg odd = e.vector(VOp::vpandd, high, e.splat(1));
  const Reg sum = e.vector(VOp::vpaddd, e.vector(VOp::vpaddd, x, e.splat(0x7fff)), odd);
  const Reg is_small = e.mask();
  e.push(VOp::vptestnmd, is_small, x, e.splat(0x7f800000));
  const Reg flushed = e.zmm();
  blend(e, flushed, is_small, e.vector_imm(VOp::vpsrld, sum, 16), e.vector(VOp::vpandd, high, e.splat(0x8000)));
  const Reg quiet = e.zmm();
  blend(e, quiet, compare(e, x, x, unordered), flushed, e.vector(VOp::vpord, high, e.splat(0x40)));
  e.push(VOp::vpmovdw, dst, quiet);
}

/// Saturated: above the range the largest i32, NaN 0; below it the instruction's own 0x80000000 is right.
void f32_to_i32(Emitter& e, Reg dst, Reg x) {
  const Reg rounded = e.vector(VOp::vcvtps2dq, x);
  const Reg is_large = compare(e, x, e.splat(0x4f000000), greater_equal);
  const Reg clamped = e.zmm();
  blend(e, clamped, is_large, rounded, e.splat(0x7fffffff));
  const Reg is_nan = compare(e, x, x, unordered);
  blend(e, dst, is_nan, clamped, e.splat(0));
}

bool widen_to_i32(Emitter& e, Reg dst, Reg x, Type from) {
  if (from == Type::u8) return e.push(VOp::vpmovzxbd, dst, x), true;
  if (from == Type::i8) return e.push(VOp::vpmovsxbd, dst, x), true;
  if (from == Type::i16) return e.push(VOp::vpmovsxwd, dst, x), true;
  return false;
}

bool to_f32(Emitter& e, Reg dst, Reg x, Type from) {
  if (from == Type::bf16) return e.push(VOp::vpslld, dst, e.vector(VOp::vpmovzxwd, x)).imm = 16, true;
  if (from == Type::f16) return e.push(VOp::vcvtph2ps, dst, x), true;
  if (from == Type::i32) return e.push(VOp::vcvtdq2ps, dst, x), true;
  const Reg wide = e.zmm();
  return widen_to_i32(e, wide, x, from) && (e.push(VOp::vcvtdq2ps, dst, wide), true);
}

bool from_i32(Emitter& e, Reg dst, Reg x, Type to) {
  if (to == Type::i16) return e.push(VOp::vpmovsdw, dst, x), true;
  if (to == Type::i8) return e.push(VOp::vpmovsdb, dst, x), true;
  if (to == Type::u8) return e.push(VOp::vpmovusdb, dst, e.vector(VOp::vpmaxsd, x, e.splat(0))), true;
  return false;
}

bool convert(Selection& s, Reg dst, Reg x, Type from, Type to) {
  Emitter& e = s.emit;
  if (from == to) return e.push(VOp::vmov, dst, x), true;
  if (to == Type::f32) return to_f32(e, dst, x, from);
  if (from == Type::f32 && to == Type::f16) return e.push(VOp::vcvtps2ph, dst, x), true;
  if (from == Type::f32 && to == Type::i32) return f32_to_i32(e, dst, x), true;
  if (from == Type::f32 && to == Type::bf16) {
    if (s.row.has(feature::bf16))
      e.push(VOp::vcvtneps2bf16, dst, x);
    else
      f32_to_bf16_by_integers(e, dst, x);
    return true;
  }
  if (to == Type::i32) return widen_to_i32(e, dst, x, from);
  return from == Type::i32 && from_i32(e, dst, x, to);
}

}  // namespace

Error refuse(const Selection& s, const ir::Instr& instr, const std::string& reason) {
  return unsupported(fmt::format("{}: `{}`: {}", s.row.facts.name, ir::print(s.kernel, instr), reason));
}

void select_arithmetic(Selection& s, const ir::Instr& instr, Registers dst) {
  const TileLayout& layout = s.values.layout(instr.dst);
  if (instr.op == ir::Op::fill) {
    for (size_t i = 0; i < dst.size(); ++i) s.emit.fill(dst[i], static_cast<uint32_t>(instr.imm));
    return;
  }
  const VOp op = arithmetic_op(instr.op, s.tile(instr.dst).type);
  const int64_t imm = instr.op == ir::Op::round ? to_nearest_even : instr.imm;
  for_each_register(layout, [&](int r, int c, size_t i) {
    const auto arg = [&](size_t a) {
      return instr.args[a] == ir::Value::none ? Reg::none : s.values.at(instr.args[a], r, c);
    };
    s.emit.push(op, dst[i], arg(0), arg(1), arg(2)).imm = imm;
  });
}

Result<void> select_convert(Selection& s, const ir::Instr& instr, Registers dst) {
  const Type from = s.tile(instr.args[0]).type;
  const Type to = s.tile(instr.dst).type;
  const TileLayout& layout = s.values.layout(instr.dst);
  if (s.tile(instr.dst).shape.depth != 1) return refuse(s, instr, "conversion of tiles with depth");
  bool known = true;
  for_each_register(layout, [&](int r, int c, size_t i) {
    known = known && convert(s, dst[i], s.values.at(instr.args[0], r, c), from, to);
  });
  if (!known) return refuse(s, instr, fmt::format("no conversion from {} to {}", to_string(from), to_string(to)));
  return {};
}

}  // namespace tilejit::x86

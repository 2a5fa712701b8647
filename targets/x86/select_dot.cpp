// Dot steps, and reductions over the columns of a row. Without VNNI the bytes of an integer dot become words first, because
// vpmaddubsw saturates the sum of two products; it cannot when w holds nibbles.
#include "targets/x86/select_tiles.h"

namespace tilejit::x86 {
namespace {

ByteWords split(Emitter& e, Reg bytes, Type type) {
  if (type == Type::u8)
    return {bytes, e.vector(VOp::vpandd, bytes, e.splat(0x00ff00ff)), e.vector_imm(VOp::vpsrlw, bytes, 8)};
  const Reg high = e.vector_imm(VOp::vpsllw, bytes, 8);
  return {bytes, e.vector_imm(VOp::vpsraw, high, 8), e.vector_imm(VOp::vpsraw, bytes, 8)};
}

ByteWords byte_words(Selection& s, Reg bytes, Type type) {
  for (const ByteWords& words : s.byte_words)
    if (words.bytes == bytes) return words;
  s.byte_words.push_back(split(s.emit, bytes, type));
  return s.byte_words.back();
}

/// dst = sum + four products, by sums of two in every word: at most 2 * 15 * 128.
void dot_nibbles(Emitter& e, Reg dst, Reg sum, Reg x, Reg w) {
  const Reg pairs = e.vector(VOp::vpmaddubsw, w, x);
  e.push(VOp::vpaddd, dst, sum, e.vector(VOp::vpmaddwd, pairs, e.splat(0x00010001)));
}

void dot_bytes(Emitter& e, Reg dst, Reg sum, const ByteWords& x, const ByteWords& w) {
  const Reg even = e.vector(VOp::vpaddd, sum, e.vector(VOp::vpmaddwd, x.even, w.even));
  e.push(VOp::vpaddd, dst, even, e.vector(VOp::vpmaddwd, x.odd, w.odd));
}

/// Every lane becomes the result over all 16: halves, quarters, pairs and neighbours change places.
void combine_lanes(Emitter& e, VOp op, Reg dst, Reg x) {
  constexpr int64_t swap_pairs = 0x4e;
  constexpr int64_t swap_neighbours = 0xb1;
  x = e.vector(op, x, e.vector_imm(VOp::vshufi32x4, x, swap_pairs));
  x = e.vector(op, x, e.vector_imm(VOp::vshufi32x4, x, swap_neighbours));
  x = e.vector(op, x, e.vector_imm(VOp::vpshufd, x, swap_pairs));
  e.push(op, dst, x, e.vector_imm(VOp::vpshufd, x, swap_neighbours));
}

}  // namespace

Result<void> select_dot_bf16(Selection& s, const ir::Instr& instr, Registers dst) {
  if (!s.row.has(feature::bf16)) return refuse(s, instr, "this CPU row has no BF16 dot; dot=fma works on it");
  for_each_register(s.values.layout(instr.dst), [&](int r, int c, size_t i) {
    const auto arg = [&](size_t a) { return s.values.at(instr.args[a], r, c); };
    s.emit.push(VOp::dpbf16, dst[i], arg(2), arg(0), arg(1));
  });
  return {};
}

void select_dot_i8(Selection& s, const ir::Instr& instr, Registers dst) {
  const bool has_nibbles = s.values.holds_nibbles(instr.args[1]);
  for_each_register(s.values.layout(instr.dst), [&](int r, int c, size_t i) {
    const Reg x = s.values.at(instr.args[0], r, c);
    const Reg w = s.values.at(instr.args[1], r, c);
    const Reg sum = s.values.at(instr.args[2], r, c);
    if (s.row.has(feature::vnni))
      s.emit.push(VOp::dpbusd, dst[i], sum, w, x);
    else if (has_nibbles)
      dot_nibbles(s.emit, dst[i], sum, x, w);
    else
      dot_bytes(s.emit, dst[i], sum, byte_words(s, x, Type::i8), byte_words(s, w, Type::u8));
  });
}

void select_reduce(Selection& s, const ir::Instr& instr, Registers dst) {
  const VOp op = instr.op == ir::Op::reduce_max ? VOp::vpmaxsd : VOp::vpaddd;
  const TileLayout& from = s.values.layout(instr.args[0]);
  for (int r = 0; r < from.rows; ++r) {
    const Reg to = dst[static_cast<size_t>(r)];
    Reg x = s.values.at(instr.args[0], r, 0);
    for (int c = 1; c < from.vectors; ++c) x = s.emit.vector(op, x, s.values.at(instr.args[0], r, c));
    if (from.splat)
      s.emit.push(VOp::vmov, to, x);
    else
      combine_lanes(s.emit, op, to, x);
  }
}

}  // namespace tilejit::x86

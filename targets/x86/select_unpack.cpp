// Packed weights to u - z. Four-bit fields become table lookups: a permute reads only the low bits of each lane as its index,
// so that one shift brings a nibble into place and no mask is needed. A byte under the exponent of a power of two is a float
// without a conversion: one blend puts the two together.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "targets/x86/select_tiles.h"

namespace tilejit::x86 {
namespace {

uint32_t f32_bits(int64_t value) { return std::bit_cast<uint32_t>(static_cast<float>(value)); }
uint32_t bf16_bits(int64_t value) { return f32_bits(value) >> 16; }  // exact up to 256

/// entry[i] of the 16 lanes of vpermps, of the 32 words of vpermw.
template <typename F>
std::array<uint32_t, 16> dword_table(F entry) {
  std::array<uint32_t, 16> t{};
  for (uint32_t i = 0; i < 16; ++i) t[i] = entry(i);
  return t;
}
template <typename F>
std::array<uint32_t, 16> word_table(F entry) {
  return dword_table([&](uint32_t i) { return entry(2 * i) | entry(2 * i + 1) << 16; });
}

/// The fields of one packed column: `lanes` per t, of `bits` each; field t * lanes + lane is element t.
struct Fields {
  int bits;
  int lanes;
  int lane;
};

Reg shifted(Emitter& e, VOp op, Reg x, int by) { return by == 0 ? x : e.vector_imm(op, x, by); }

class Unpacker {
 public:
  Unpacker(Selection& s, const ir::Instr& instr, Fields fields)
      : s_(s), e_(s.emit), instr_(instr), fields_(fields), has_zeros_(instr.op == ir::Op::unpack_zero) {}

  void column(Reg dst, Reg packed, int vector) {
    const Type to = s_.tile(instr_.dst).type;
    if (fields_.bits == 16) return bf16_to_f32(dst, packed);
    if (to == Type::u8) return nibbles_or_bytes(dst, packed);
    if (fields_.bits == 8 && to == Type::f32) return byte_to_f32(dst, packed, fields_.lane, vector);
    if (fields_.bits == 8) return bytes_to_bf16(dst, packed, vector);
    if (to == Type::f32) return nibbles_to_f32(dst, packed, vector);
    if (has_zeros_) return nibbles_minus_zeros(dst, packed, vector);
    nibbles_to_bf16(dst, packed);
  }

 private:
  /// The upper half of an f32 is a bf16.
  void bf16_to_f32(Reg dst, Reg packed) {
    if (fields_.lane == 0)
      e_.push(VOp::vpslld, dst, packed).imm = 16;
    else
      e_.push(VOp::vpandd, dst, packed, e_.splat(0xffff0000));
  }

  /// Nibbles 0, 2, 4, 6 or 1, 3, 5, 7 of every dword as its bytes; bytes are as they are.
  void nibbles_or_bytes(Reg dst, Reg packed) {
    if (fields_.bits == 8)
      e_.push(VOp::vmov, dst, packed);
    else
      e_.push(VOp::vpandd, dst, shifted(e_, VOp::vpsrlw, packed, 4 * fields_.lane), e_.splat(0x0f0f0f0f));
  }

  void nibbles_to_bf16(Reg dst, Reg packed) {
    const Reg table = e_.table(word_table([&](uint32_t i) { return bf16_bits(int64_t{i & 15} - instr_.imm); }));
    e_.push(VOp::vpermw, dst, shifted(e_, VOp::vpsrlw, packed, 4 * fields_.lane), table);
  }

  /// The difference lies in -16..15: its low five bits are the index. Four lanes share the two subtractions.
  void nibbles_minus_zeros(Reg dst, Reg packed, int vector) {
    const NibbleDifferences d = differences(packed, s_.values.zeros_at(instr_.args[1], Values::Zeros::bytes, vector));
    const Reg table = e_.table(word_table([](uint32_t i) { return bf16_bits(i < 16 ? i : int64_t{i} - 32); }));
    const Reg bytes = fields_.lane % 2 == 0 ? d.even : d.odd;
    e_.push(VOp::vpermw, dst, shifted(e_, VOp::vpsrlw, bytes, fields_.lane / 2 * 8), table);
  }

  NibbleDifferences differences(Reg packed, Reg zeros) {
    for (const NibbleDifferences& d : s_.differences)
      if (d.packed == packed && d.zeros == zeros) return d;
    const Reg mask = e_.splat(0x0f0f0f0f);
    const Reg even = e_.vector(VOp::vpsubb, e_.vector(VOp::vpandd, packed, mask), zeros);
    const Reg high = e_.vector_imm(VOp::vpsrlw, packed, 4);
    const Reg odd = e_.vector(VOp::vpsubb, e_.vector(VOp::vpandd, high, mask), zeros);
    s_.differences.push_back({packed, zeros, even, odd});
    return s_.differences.back();
  }

  /// Nibble l lies in the low word of its dword, nibble l + 4 at the same place in the high word: the two share a shift of
  /// words. The low one indexes a table of f32; the high one a table of bf16, which is the upper half of the same f32.
  void nibbles_to_f32(Reg dst, Reg packed, int vector) {
    const int64_t zero = has_zeros_ ? 0 : instr_.imm;
    const Reg index = shared_shift(VOp::vpsrlw, packed, fields_.lane % 4 * 4);
    const Reg u = has_zeros_ ? e_.zmm() : dst;
    if (fields_.lane < 4) {
      e_.push(VOp::vpermps, u, index, e_.table(dword_table([&](uint32_t i) { return f32_bits(int64_t{i} - zero); })));
    } else {
      const Reg table = e_.table(word_table([&](uint32_t i) { return bf16_bits(int64_t{i & 15} - zero); }));
      const Reg high_words = e_.lane_mask(0xaaaaaaaa);
      e_.push(VOp::vpermw, u, index, table).mask = high_words;
    }
    if (has_zeros_) subtract_zero(dst, u, vector);
  }

  Reg shared_shift(VOp op, Reg packed, int by) {
    if (by == 0) return packed;
    for (ShiftedFields& s : s_.shifted_fields)
      if (s.packed == packed) {
        if (s.by != by) s = {packed, e_.vector_imm(op, packed, by), by};
        return s.shifted;
      }
    s_.shifted_fields.push_back({packed, e_.vector_imm(op, packed, by), by});
    return s_.shifted_fields.back().shifted;
  }

  void subtract_zero(Reg dst, Reg u, int vector) {
    const Reg zero =
        has_zeros_ ? s_.values.zeros_at(instr_.args[1], Values::Zeros::f32, vector) : e_.splat(f32_bits(instr_.imm));
    e_.push(VOp::vsubps, dst, u, zero);
  }

  /// Byte 0 of a dword in the lowest bits of 2^23 is 2^23 + u, byte 1 in its place in 2^15 is 2^15 + u; one shift brings bytes 2
  /// and 3 there. A constant zero goes together with the power when their sum is an f32.
  void byte_to_f32(Reg dst, Reg packed, int byte, int vector) {
    const bool is_odd = byte % 2 != 0;
    const int64_t power = is_odd ? 1 << 15 : 1 << 23;
    const Reg place = shared_shift(VOp::vpsrld, packed, byte / 2 * 16);
    const Reg biased = e_.zmm();
    const Reg powers = e_.table(dword_table([&](uint32_t) { return f32_bits(power); }));
    e_.push(VOp::vpblendmb, biased, place, powers).mask = e_.lane_mask(is_odd ? 0xdddddddd : 0xeeeeeeee);
    const int64_t bias = power + (has_zeros_ ? 0 : instr_.imm);
    if (!has_zeros_ && static_cast<int64_t>(static_cast<float>(bias)) == bias) {
      e_.push(VOp::vsubps, dst, biased, e_.splat(f32_bits(bias)));
      return;
    }
    subtract_zero(dst, e_.vector(VOp::vsubps, biased, e_.splat(f32_bits(power))), vector);
  }

  /// Two exact f32 differences; the upper halves of their bits are the pair.
  void bytes_to_bf16(Reg dst, Reg packed, int vector) {
    const Reg low = e_.zmm();
    byte_to_f32(low, packed, fields_.lane, vector);
    const Reg high = e_.zmm();
    byte_to_f32(high, packed, fields_.lanes + fields_.lane, vector);
    const Reg upper_half = e_.table(dword_table([](uint32_t i) { return (4 * (i % 4) + 2) | (4 * (i % 4) + 3) << 8; }));
    e_.push(VOp::shuffle_into, dst, high, low, upper_half).mask = e_.lane_mask(0x33333333);
  }

  Selection& s_;
  Emitter& e_;
  const ir::Instr& instr_;
  Fields fields_;
  bool has_zeros_;
};

}  // namespace

Result<void> select_unpack(Selection& s, const ir::Instr& instr, Registers dst) {
  const ir::TileType& from = s.tile(instr.args[0]);
  const ir::TileType& to = s.tile(instr.dst);
  if (instr.lane_var != ir::Value::none) return refuse(s, instr, "the lane is a variable; unroll its loop");
  if (from.shape.rows != 1) return refuse(s, instr, "lanes that share a column's k are for GPUs");
  if (to.type == Type::f16 || to.type == Type::i8 || from.type == Type::f16 ||
      (from.type == Type::bf16 && to.type == Type::bf16))
    return refuse(s, instr, "weights of matrix steps; f32, bf16 pairs and bytes work");
  const TileLayout& layout = s.values.layout(instr.args[0]);
  const bool from_bytes = layout.column_bytes == 1 && to.type == Type::f32;
  if (layout.column_bytes != 4 && !from_bytes)
    return refuse(s, instr, fmt::format("packed columns of {} bits; 32 work", 8 * layout.column_bytes));
  Unpacker unpacker(s, instr, {bits_of(from.type), from.shape.depth / to.shape.depth, instr.lane_constant});
  for (int c = 0; c < s.values.layout(instr.dst).vectors; ++c) {
    Reg packed = s.values.at(instr.args[0], 0, c);
    if (from_bytes) packed = s.emit.vector(VOp::vpmovzxbd, packed);
    unpacker.column(dst[static_cast<size_t>(c)], packed, c);
  }
  return {};
}

void forget_shared(Selection& s, Registers written) {
  if (written.empty()) {
    s.differences.clear();
    s.shifted_fields.clear();
    s.byte_words.clear();
    return;
  }
  const auto is_written = [&](Reg reg) { return written.contains(reg); };
  std::erase_if(s.differences, [&](const NibbleDifferences& d) { return is_written(d.packed) || is_written(d.zeros); });
  std::erase_if(s.shifted_fields, [&](const ShiftedFields& f) { return is_written(f.packed); });
  std::erase_if(s.byte_words, [&](const ByteWords& w) { return is_written(w.bytes); });
}

void select_zeros(Selection& s, ir::Value zeros, size_t position) {
  for (const Values::Zeros form : {Values::Zeros::f32, Values::Zeros::bytes}) {
    if (!s.values.wants(zeros, form)) continue;
    const Registers dst = s.values.define_zeros(zeros, form, position);
    for (size_t c = 0; c < dst.size(); ++c) {
      const Reg z = s.values.at(zeros, 0, static_cast<int>(c));
      if (form == Values::Zeros::f32) {
        s.emit.push(VOp::vcvtdq2ps, dst[c], z);
        continue;
      }
      const Reg words = s.emit.vector(VOp::vpord, z, s.emit.vector_imm(VOp::vpslld, z, 16));
      s.emit.push(VOp::vpord, dst[c], words, s.emit.vector_imm(VOp::vpslld, words, 8));
    }
    forget_shared(s, dst);
  }
}

}  // namespace tilejit::x86

#include <fmt/format.h>

#include <bit>

#include "targets/amdgpu/emulator/bind.h"
#include "targets/amdgpu/emulator/defined.h"
#include "targets/amdgpu/emulator/half.h"

namespace tilejit::amdgpu::emulator {
namespace {

Operand scalar_operand(uint16_t first, uint8_t words) {
  Operand o;
  o.kind = Kind::sgpr;
  o.first = first;
  o.words = words;
  return o;
}

/// What an inline constant or a literal is for an operand of this type.
Result<uint64_t> constant_of(const Operand& o, Value value) {
  if (o.written == Written::real) {
    switch (value) {
      case Value::f64:
      case Value::b64: return std::bit_cast<uint64_t>(o.real);
      case Value::f32:
      case Value::b32:
      case Value::f32x2: return uint64_t{std::bit_cast<uint32_t>(static_cast<float>(o.real))};
      case Value::f16:
      case Value::f16x2: return uint64_t{to_f16(static_cast<float>(o.real))};
      case Value::bf16:
      case Value::bf16x2: return uint64_t{to_bf16(static_cast<float>(o.real))};
      case Value::none:
      case Value::mixed:
      case Value::b16:
      case Value::mask:
      case Value::i16x2:
      case Value::wide: return invalid("the emulator does not know a float constant here");
    }
  }
  // A literal is the high half of a double.
  if (value == Value::f64 && o.written == Written::literal && o.value >> 32 == 0) return o.value << 32;
  return words_of(value) == 2 && value != Value::f32x2 ? o.value : uint64_t{static_cast<uint32_t>(o.value)};
}

bool is_float(Value v) {
  return v == Value::f16 || v == Value::bf16 || v == Value::f32 || v == Value::f64 || v == Value::b32 ||
         v == Value::mixed;
}

bool is_constant(const Operand& o) { return o.kind == Kind::constant && o.written != Written::real; }

/// The half of a 32-bit source that can reach the result, where the instruction's constants say so: what loads of 8 and 16 bits
/// leave undefined in the other half does not matter then. `o` are the sources.
Half used_half(const VectorRow& row, const Modifiers& m, const Operand* o, size_t n) {
  const std::string_view name = row.mnemonic;
  const bool low = (m.op_sel >> n & 1) == 0;
  const bool high_from_low = m.has_op_sel_hi && (m.op_sel_hi >> n & 1) == 0;
  const Value value = row.source[n];
  if (m.sdwa && n < 2 && m.src_sel[n] != Select::dword)
    return m.src_sel[n] == Select::byte_2 || m.src_sel[n] == Select::byte_3 || m.src_sel[n] == Select::word_1
               ? Half::high
               : Half::low;
  if (value == Value::mixed) return (m.op_sel_hi >> n & 1) == 0 ? Half::whole : low ? Half::low : Half::high;
  if (value == Value::f16x2 || value == Value::bf16x2 || value == Value::i16x2)
    return low && high_from_low ? Half::low : !low && !high_from_low ? Half::high : Half::whole;
  if (name == "v_lshl_add_u32" && n == 0) return is_constant(o[1]) && (o[1].value & 31) >= 16 ? Half::low : Half::whole;
  if (name.starts_with("v_bfe_") && n == 0 && is_constant(o[1]) && is_constant(o[2]))
    return (o[1].value & 31) + (o[2].value & 31) <= 16 ? Half::low : Half::whole;
  if (name == "v_cvt_f32_ubyte0" || name == "v_cvt_f32_ubyte1" || name == "v_cvt_off_f32_i4") return Half::low;
  return Half::whole;
}

Result<void> bind_source(const Program& program, const VectorRow& row, size_t n, Operand& o, Instr& i) {
  const Value value = row.source[n];
  const Modifiers& m = i.modifiers;
  if (is_16_bits(value) && !row.has(vector_flag::packed) && ((m.op_sel >> n) & 1) != 0) o.half = Half::high;
  if (value == Value::mask) {
    if (o.kind != Kind::sgpr || (o.words != program.wave / 32 && o.first != scalar::null))
      return invalid(fmt::format("the emulator knows source {} as a mask of {} lanes", n, program.wave));
    add_read(i, o);
    i.reads[i.read_ranges - 1U].copied = false;  // it chooses
    return {};
  }
  if ((o.negate || o.magnitude) && !is_float(value))
    return invalid(fmt::format("the emulator knows no sign modifier of source {}", n));
  switch (o.kind) {
    case Kind::constant: {
      const Value plain = ((m.op_sel_hi >> n) & 1) != 0 ? Value::f16 : Value::f32;
      o.value = TRY(constant_of(o, value == Value::mixed ? plain : value));
      return {};
    }
    case Kind::sgpr:
    case Kind::vgpr: {
      if (value != Value::wide && o.words != words_of(value) && o.first != scalar::null)
        return invalid(fmt::format("the emulator knows source {} with {} words", n, words_of(value)));
      // Compilers add 32-bit products by 64-bit instructions and leave the addend's high word undefined: it reaches the high
      // word of the result only.
      if (n == 2 && row.mnemonic.starts_with("v_mad_") && value == Value::b64 && o.kind == Kind::vgpr) {
        add_read(i, Range{o.first, 1, true, Half::whole});
        Range high{static_cast<uint16_t>(o.first + 1), 1, true, Half::whole};
        high.copied = true;
        add_read(i, high);
        return {};
      }
      // Both results may take one register of a pair; the other one is not read then.
      const bool of_low = (m.op_sel >> n & 1) != 0;
      const bool of_high = !m.has_op_sel_hi || (m.op_sel_hi >> n & 1) != 0;
      if (value == Value::f32x2 && !row.has(vector_flag::copies) && of_low == of_high) {
        add_read(i, Range{static_cast<uint16_t>(o.first + (of_low ? 1 : 0)), 1, o.kind == Kind::vgpr, Half::whole});
        return {};
      }
      const bool is_narrow = is_16_bits(value) && !m.sdwa;
      const Half half = is_narrow ? (o.half == Half::high ? Half::high : Half::low) : used_half(row, m, &o - n, n);
      add_read(i, o, half);
      return {};
    }
    case Kind::none:
    case Kind::off: break;
  }
  return invalid(fmt::format("the emulator does not know source {}", n));
}

/// Operands that the text leaves out: the mask that v_cmpx writes, VCC as the last source, the accumulator.
void complete(const Program& program, const VectorRow& row, size_t results, std::vector<Operand>& operands) {
  const auto words = static_cast<uint8_t>(program.wave / 32);
  if (row.has(vector_flag::writes_exec) && operands.size() == row.sources)
    operands.insert(operands.begin(), scalar_operand(scalar::exec, words));
  if (row.has(vector_flag::accumulates) && !operands.empty()) {
    Operand old = operands[0];
    operands.push_back(old);
  }
  const bool wants_mask = row.sources > 0 && row.source[row.sources - 1U] == Value::mask;
  if (wants_mask && operands.size() + 1 == results + row.sources)
    operands.push_back(scalar_operand(scalar::vcc, words));
}

Result<void> check_modifiers(const VectorRow& row, const Modifiers& m) {
  const bool is_packed = row.has(vector_flag::packed);
  if (m.clamp && !row.has(vector_flag::saturates) && row.result != Value::f32 && row.result != Value::f16)
    return unsupported("the emulator does not know clamp here");
  if (m.omod != 1) return unsupported("the emulator does not know output modifiers");
  if ((m.neg_lo != 0 || m.neg_hi != 0 || m.has_op_sel_hi) && !is_packed)
    return unsupported("the emulator does not know packed modifiers here");
  if (m.op_sel != 0 && !is_packed) {
    bool is_known = true;
    for (size_t n = 0; n < row.sources; ++n) is_known &= ((m.op_sel >> n) & 1) == 0 || is_16_bits(row.source[n]);
    if ((m.op_sel >> row.sources) != 0) is_known &= is_16_bits(row.result);
    if (!is_known) return unsupported("the emulator does not know op_sel here");
  }
  if (m.lds || m.offen || m.idxen || m.offset != 0) return invalid("memory modifiers on a vector instruction");
  return {};
}

}  // namespace

Result<void> bind_vector(const Program& program, Parsed& parsed, const VectorRow& row, Instr& i) {
  i.vector = &row;
  i.run = run_vector;
  i.kind = Class::valu;
  i.modifiers = parsed.modifiers;
  const Modifiers& m = i.modifiers;
  const bool stays = m.dpp == Lanewise::none;  // else lanes move
  i.defined_bits = stays && (!m.sdwa || m.dst_sel == Select::dword) ? find_defined_bits(row.mnemonic) : nullptr;
  i.copies = i.defined_bits != nullptr || (stays && !m.sdwa && row.has(vector_flag::copies));
  i.whole_wave = row.has(vector_flag::whole_wave);
  i.row_index = row.index;
  TRY(check_modifiers(row, i.modifiers));
  const size_t results = (row.result == Value::none ? 0U : 1U) + (row.gives_mask ? 1U : 0U);
  complete(program, row, results, parsed.operands);
  if (parsed.operands.size() != results + row.sources || parsed.operands.size() > i.operand.size())
    return invalid(fmt::format("the emulator knows {} with {} operands", row.mnemonic, results + row.sources));
  std::copy(parsed.operands.begin(), parsed.operands.end(), i.operand.begin());
  i.operands = static_cast<uint8_t>(parsed.operands.size());
  for (size_t n = 0; n < row.sources; ++n) TRY(bind_source(program, row, n, i.operand[results + n], i));
  if (row.result != Value::none) {
    Operand& to = i.operand[0];
    if (to.kind != Kind::vgpr || (row.result != Value::wide && to.words != words_of(row.result)))
      return invalid(fmt::format("the emulator knows a destination of {} words", words_of(row.result)));
    if (is_16_bits(row.result) && !row.has(vector_flag::packed) && ((i.modifiers.op_sel >> row.sources) & 1) != 0)
      to.half = Half::high;
    add_write(i, to);
  }
  if (row.gives_mask) {
    const Operand& to = i.operand[results - 1];
    if (to.kind != Kind::sgpr) return invalid("the emulator knows a mask as a scalar register");
    add_write(i, to);
    if (row.has(vector_flag::writes_exec) && to.first != scalar::exec)
      add_write(i, scalar_operand(scalar::exec, to.words));
  }
  return {};
}

}  // namespace tilejit::amdgpu::emulator

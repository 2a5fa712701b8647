#include "targets/amdgpu/emulator/defined.h"

#include <algorithm>
#include <bit>

#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

constexpr Written16 everywhere = {~uint64_t{0}, ~uint64_t{0}};
using In = std::array<Shadow, 3>;

// A bit that is defined and 0 decides an `and`, one that is 1 an `or`.
Shadow both(const Shadow& a, const Shadow& b) {
  return {a.value & b.value, (a.defined & b.defined) | (a.defined & ~a.value) | (b.defined & ~b.value)};
}
Shadow either(const Shadow& a, const Shadow& b) {
  return {a.value | b.value, (a.defined & b.defined) | (a.defined & a.value) | (b.defined & b.value)};
}
Shadow inverted(const Shadow& a) { return {~a.value, a.defined}; }
/// Bits n to n + 31 of two words; zeros come in.
Shadow shifted(const Shadow& high, const Shadow& low, const Shadow& by, uint32_t n) {
  if ((by.defined & 31) != 31) return {};
  const auto at = [&](uint32_t h, uint32_t l) { return static_cast<uint32_t>((uint64_t{h} << 32 | l) >> n); };
  return {at(high.value, low.value), at(high.defined, low.defined)};
}
constexpr Shadow zeros = {0, ~uint32_t{0}};
Shadow shifted_left(const Shadow& a, const Shadow& by) {
  const uint32_t n = by.value & 31;
  return n == 0 ? shifted(zeros, a, by, 0) : shifted(a, zeros, by, 32 - n);
}

/// Selectors 0 to 7 are bytes of the low (second) and then the high source, 8 to 11 the signs of their halves, all others
/// constants.
uint32_t permuted(const In& in) {
  const uint64_t bits = uint64_t{in[0].defined} << 32 | in[1].defined;
  uint32_t defined = 0;
  for (uint32_t n = 0; n < 32; n += 8) {
    const uint32_t s = in[2].value >> n & 0xff;
    if ((in[2].defined >> n & 0xff) != 0xff) continue;
    if (s < 8) defined |= static_cast<uint32_t>(bits >> (8 * s) & 0xff) << n;
    if (s >= 12 || (s >= 8 && (bits >> (16 * (s - 8) + 15) & 1) != 0)) defined |= uint32_t{0xff} << n;
  }
  return defined;
}
uint32_t chosen(const In& in) { return in[2].value != 0 ? in[1].defined : in[0].defined; }

struct Row {
  std::string_view mnemonic;
  DefinedBits defined;
};
constexpr Row rows[] = {
    {"v_and_b32", [](const In& in) { return both(in[0], in[1]).defined; }},
    {"v_or_b32", [](const In& in) { return either(in[0], in[1]).defined; }},
    {"v_xor_b32", [](const In& in) { return in[0].defined & in[1].defined; }},
    {"v_not_b32", [](const In& in) { return in[0].defined; }},
    {"v_and_or_b32", [](const In& in) { return either(both(in[0], in[1]), in[2]).defined; }},
    {"v_or3_b32", [](const In& in) { return either(either(in[0], in[1]), in[2]).defined; }},
    {"v_bfi_b32", [](const In& in) { return either(both(in[0], in[1]), both(inverted(in[0]), in[2])).defined; }},
    {"v_lshlrev_b32", [](const In& in) { return shifted_left(in[1], in[0]).defined; }},
    {"v_lshrrev_b32", [](const In& in) { return shifted(zeros, in[1], in[0], in[0].value & 31).defined; }},
    {"v_lshl_or_b32", [](const In& in) { return either(shifted_left(in[0], in[1]), in[2]).defined; }},
    {"v_alignbit_b32", [](const In& in) { return shifted(in[0], in[1], in[2], in[2].value & 31).defined; }},
    {"v_alignbyte_b32", [](const In& in) { return shifted(in[0], in[1], in[2], 8 * (in[2].value & 3)).defined; }},
    {"v_perm_b32", permuted},
    {"v_cndmask_b32", chosen},
};

Written16 defined_of(const Wave& w, const Operand& from, size_t word) {
  if (from.kind == Kind::vgpr) return w.vgpr_written[from.first + word];
  const bool is_defined = from.kind != Kind::sgpr || from.first == scalar::null || w.sgpr_written[from.first + word];
  return is_defined ? everywhere : Written16{};
}

Shadow shadow_of(const Wave& w, const Operand& from, Value value, size_t lane) {
  if (value == Value::mask) return {static_cast<uint32_t>(w.mask(from.first) >> lane & 1), ~uint32_t{0}};
  const Written16 written = defined_of(w, from, 0);
  const uint32_t defined =
      ((written.low >> lane & 1) != 0 ? 0xffffU : 0) | ((written.high >> lane & 1) != 0 ? 0xffff0000U : 0);
  return {from.kind == Kind::vgpr ? w.vgpr[from.first][lane] : w.word(from), defined};
}

/// SDWA's byte or half of a source, zeros or its sign above it.
Shadow selected(const Shadow& s, Select which, bool sign_extend) {
  if (which == Select::dword) return s;
  const bool is_byte = which <= Select::byte_3;
  const int at = is_byte ? 8 * static_cast<int>(which) : which == Select::word_1 ? 16 : 0;
  const uint32_t mask = is_byte ? 0xffU : 0xffffU, sign = (mask >> 1) + 1;
  Shadow part{s.value >> at & mask, s.defined >> at & mask};
  if (sign_extend && (part.value & sign) != 0) part.value |= ~mask;
  if (!sign_extend || (part.defined & sign) != 0) part.defined |= ~mask;
  return part;
}

/// Copies of one word or two, of a half, or (v_pk_mov_b32) of a word of each source.
std::array<Written16, 2> moved(const Wave& w, const Instr& i) {
  std::array<Written16, 2> defined = {everywhere, everywhere};
  const bool has_two = i.vector->sources == 2;
  for (size_t n = 0; n < i.operand[0].words; ++n)
    defined[n] =
        has_two ? defined_of(w, i.operand[n + 1], i.modifiers.op_sel >> n & 1) : defined_of(w, i.operand[1], n);
  if (!is_16_bits(i.vector->result)) return defined;
  const uint64_t half = i.operand[1].half == Half::high ? defined[0].high : defined[0].low;
  defined[0] = i.operand[0].half == Half::high ? Written16{~uint64_t{0}, half} : Written16{half, ~uint64_t{0}};
  return defined;
}

bool are_all_defined(const Wave& w, const Instr& i, uint64_t enabled) {
  for (size_t n = 1; n <= i.vector->sources; ++n) {
    const Operand& from = i.operand[n];
    if (from.kind != Kind::vgpr && from.kind != Kind::sgpr) continue;
    for (size_t word = 0; word < from.words; ++word) {
      const Written16 written = defined_of(w, from, word);
      if ((enabled & ~(written.low & written.high)) != 0) return false;
    }
  }
  return true;
}

}  // namespace

DefinedBits find_defined_bits(std::string_view mnemonic) {
  const auto* found = std::ranges::find(rows, mnemonic, &Row::mnemonic);
  return found == std::end(rows) ? nullptr : found->defined;
}

std::array<Written16, 2> defined_lanes(const Wave& w, const Instr& i, uint64_t enabled) {
  std::array<Written16, 2> defined = {everywhere, everywhere};
  if (are_all_defined(w, i, enabled)) return defined;
  if (i.defined_bits == nullptr) return moved(w, i);
  for (uint64_t left = enabled; left != 0; left &= left - 1) {
    const auto lane = static_cast<size_t>(std::countr_zero(left));
    In in;
    for (size_t n = 0; n < i.vector->sources; ++n) {
      in[n] = shadow_of(w, i.operand[n + 1], i.vector->source[n], lane);
      if (i.modifiers.sdwa && n < 2) in[n] = selected(in[n], i.modifiers.src_sel[n], i.operand[n + 1].sign_extend);
    }
    const uint32_t bits = i.defined_bits(in);
    if ((bits & 0xffff) != 0xffff) defined[0].low &= ~(uint64_t{1} << lane);
    if (bits >> 16 != 0xffff) defined[0].high &= ~(uint64_t{1} << lane);
  }
  return defined;
}

}  // namespace tilejit::amdgpu::emulator

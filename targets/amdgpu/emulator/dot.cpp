#include "targets/amdgpu/emulator/dot.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "targets/amdgpu/emulator/matrix_numerics.h"

namespace tilejit::amdgpu::emulator {
namespace {

using enum DotType;
using enum DotSource;

constexpr DotOp ops[] = {
    {"v_dot4_i32_i8", i8, three},
    {"v_dot4_u32_u8", u8, three},
    {"v_dot4_i32_iu8", iu8, three},
    {"v_dot8_i32_i4", i4, three},
    {"v_dot8_u32_u4", u4, three},
    {"v_dot8_i32_iu4", iu4, three},
    {"v_dot4c_i32_i8", i8, destination},
    {"v_dot8c_i32_i4", i4, destination},
    {"v_dot2_f32_f16", f16, three},
    {"v_dot2_f32_bf16", bf16, three},
    {"v_dot2acc_f32_f16", f16, destination},
    {"v_dual_dot2acc_f32_f16", f16, destination},
    {"v_dual_dot2acc_f32_bf16", bf16, destination},
};

constexpr uint32_t sign_bit = 0x80000000;

bool is_set(uint8_t mask, int bit) { return (mask >> bit & 1) != 0; }
bool is_float_dot(const DotOp& op) { return op.type == f16 || op.type == bf16; }

int bits_of(DotType type) {
  switch (type) {
    case i8:
    case u8:
    case iu8: return 8;
    case i4:
    case u4:
    case iu4: return 4;
    case f16:
    case bf16: return 16;
  }
  return 0;
}

bool is_signed(DotType type, const DotModifiers& m, int operand) {
  switch (type) {
    case i8:
    case i4: return true;
    case iu8:
    case iu4: return is_set(m.neg_lo, operand);
    case u8:
    case u4:
    case f16:
    case bf16: return false;
  }
  return false;
}

int64_t element(uint32_t word, int index, int bits, bool with_sign) {
  const int unused = 32 - bits;
  const uint32_t top = word << (unused - index * bits);
  return with_sign ? static_cast<int32_t>(top) >> unused : static_cast<int64_t>(top >> unused);
}

uint32_t dot_integers(const DotOp& op, uint32_t a, uint32_t b, uint32_t c, const DotModifiers& m) {
  const int bits = bits_of(op.type);
  const bool is_unsigned = op.type == u8 || op.type == u4;
  int64_t sum = is_unsigned ? int64_t{c} : static_cast<int32_t>(c);
  for (int i = 0; i < 32 / bits; ++i)
    sum += element(a, i, bits, is_signed(op.type, m, 0)) * element(b, i, bits, is_signed(op.type, m, 1));
  if (m.clamp && is_unsigned) sum = std::min<int64_t>(sum, std::numeric_limits<uint32_t>::max());
  if (m.clamp && !is_unsigned)
    sum = std::clamp<int64_t>(sum, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
  return static_cast<uint32_t>(sum);
}

std::array<Factor, 2> factors(FloatType type, uint32_t word, int operand, const DotModifiers& m) {
  const auto half = [&](uint8_t select, uint8_t negate) {
    const uint32_t bits = is_set(select, operand) ? word >> 16 : word & 0xffff;
    return factor(Numerics::rdna, type, static_cast<uint16_t>(bits ^ (is_set(negate, operand) ? 0x8000u : 0u)));
  };
  return {half(m.op_sel, m.neg_lo), half(m.op_sel_hi, m.neg_hi)};
}

uint32_t dot_floats(const DotOp& op, uint32_t a, uint32_t b, uint32_t c, const DotModifiers& m) {
  const FloatType type = op.type == f16 ? FloatType::f16 : FloatType::bf16;
  if (is_set(m.neg_hi, 2)) c &= ~sign_bit;
  if (is_set(m.neg_lo, 2)) c ^= sign_bit;
  const uint32_t d = accumulate(Numerics::rdna, type, factors(type, a, 0, m), factors(type, b, 1, m), c);
  if (!m.clamp) return d;
  const float value = std::bit_cast<float>(d);
  return std::isnan(value) ? 0 : std::bit_cast<uint32_t>(std::clamp(value, 0.0f, 1.0f));
}

}  // namespace

const DotOp* find_dot_op(Family family, std::string_view mnemonic) {
  for (const DotOp& op : ops)
    if (op.mnemonic == mnemonic)
      return is_float_dot(op) && family != Family::rdna3 && family != Family::rdna4 ? nullptr : &op;
  return nullptr;
}

Result<void> check(const DotOp& op, const DotModifiers& modifiers) {
  const std::string name(op.mnemonic);
  if (is_float_dot(op)) return {};
  if (modifiers.neg_hi != 0 || modifiers.op_sel != 0 || modifiers.op_sel_hi != 7)
    return invalid(name + " has no neg_hi, op_sel or op_sel_hi");
  const bool has_signs = op.type == iu8 || op.type == iu4;
  if ((modifiers.neg_lo & ~(has_signs ? 3 : 0)) != 0)
    return invalid(name + (has_signs ? " has no neg_lo of its third operand" : " has no neg_lo"));
  return {};
}

uint32_t dot(const DotOp& op, uint32_t a, uint32_t b, uint32_t c, const DotModifiers& modifiers) {
  return is_float_dot(op) ? dot_floats(op, a, b, c, modifiers) : dot_integers(op, a, b, c, modifiers);
}

}  // namespace tilejit::amdgpu::emulator

// VOP3P: two 16-bit or two f32 computations in one instruction, each half choosing halves of its sources; and the f32 fma
// whose sources may be f16.
#include <algorithm>
#include <cmath>

#include "targets/amdgpu/emulator/half.h"
#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace vector_flag;
using u16 = uint16_t;
using i16 = int16_t;

struct Chosen {
  unsigned op_sel, op_sel_hi, neg_lo, neg_hi;
};
Chosen chosen(const Instr& i) {
  const Modifiers& m = i.modifiers;
  return {m.op_sel, m.has_op_sel_hi ? m.op_sel_hi : 7U, m.neg_lo, m.neg_hi};
}

/// Source n of the low or the high result.
u16 half_of(const Call& c, const Chosen& s, size_t n, size_t lane, bool high) {
  const uint32_t word = (*c.in[n])[lane];
  const bool upper = (((high ? s.op_sel_hi : s.op_sel) >> n) & 1) != 0;
  const bool negate = (((high ? s.neg_hi : s.neg_lo) >> n) & 1) != 0;
  return static_cast<u16>((upper ? word >> 16 : word) ^ (negate ? 0x8000U : 0U));
}

template <auto f, typename R, typename... A, size_t... n>
void both_halves(Call& c, R (*)(A...), std::index_sequence<n...>) {
  const Chosen s = chosen(*c.instr);
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const auto low = std::bit_cast<u16>(f(std::bit_cast<A>(half_of(c, s, n, lane, false))...));
    const auto high = std::bit_cast<u16>(f(std::bit_cast<A>(half_of(c, s, n, lane, true))...));
    c.out[0][lane] = low | uint32_t{high} << 16;
  }
}
template <auto f, typename R, typename... A>
constexpr VectorRow pair_row_of(std::string_view mnemonic, R (*)(A...)) {
  constexpr Value value = std::is_same_v<R, F16>    ? Value::f16x2
                          : std::is_same_v<R, Bf16> ? Value::bf16x2
                                                    : Value::i16x2;
  VectorRow r;
  r.mnemonic = mnemonic;
  r.compute = [](Call& c) { both_halves<f>(c, +f, std::index_sequence_for<A...>{}); };
  r.result = value;
  r.sources = sizeof...(A);
  for (size_t n = 0; n < sizeof...(A); ++n) r.source[n] = value;
  r.flags = packed;
  return r;
}
template <auto f>
constexpr VectorRow pair_row(std::string_view mnemonic) {
  return pair_row_of<f>(mnemonic, +f);
}

double wide(F16 x) { return from_f16(x.bits); }
F16 narrow(double x) { return {to_f16(x)}; }
bool is_nan(F16 x) { return (x.bits & 0x7fffU) > 0x7c00U; }
F16 smaller(F16 a, F16 b) {
  if (is_nan(a) || is_nan(b)) return is_nan(a) ? b : a;
  return wide(a) < wide(b) || (wide(a) == wide(b) && (a.bits & 0x8000U) != 0) ? a : b;
}
F16 larger(F16 a, F16 b) {
  if (is_nan(a) || is_nan(b)) return is_nan(a) ? b : a;
  return wide(a) > wide(b) || (wide(a) == wide(b) && (a.bits & 0x8000U) == 0) ? a : b;
}

/// f32 pairs: a half is a register of the pair.
float word_of(const Call& c, const Chosen& s, size_t n, size_t lane, bool high) {
  const bool upper = (((high ? s.op_sel_hi : s.op_sel) >> n) & 1) != 0;
  const bool negate = (((high ? s.neg_hi : s.neg_lo) >> n) & 1) != 0;
  return std::bit_cast<float>(c.in[n][upper ? 1 : 0][lane] ^ (negate ? 0x80000000U : 0U));
}
template <auto f, int sources>
void both_words(Call& c) {
  const Chosen s = chosen(*c.instr);
  for (size_t lane = 0; lane < most_lanes; ++lane)
    for (const bool high : {false, true}) {
      float x[3] = {};
      for (size_t n = 0; n < sources; ++n) x[n] = word_of(c, s, n, lane, high);
      c.out[high ? 1 : 0][lane] = std::bit_cast<uint32_t>(f(x[0], x[1], x[2]));
    }
}
void move_words(Call& c) {
  const Chosen s = chosen(*c.instr);
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    // The low result comes from the first source, the high one from the second.
    c.out[0][lane] = c.in[0][s.op_sel & 1][lane];
    c.out[1][lane] = c.in[1][(s.op_sel >> 1) & 1][lane];
  }
}

/// op_sel_hi says which sources are f16 (the half by op_sel); neg_hi is |x|, then neg_lo is -x.
float mixed(const Call& c, size_t n, size_t lane) {
  const Modifiers& m = c.instr->modifiers;
  const uint32_t word = (*c.in[n])[lane];
  const bool is_half = ((m.op_sel_hi >> n) & 1) != 0;
  const auto half = static_cast<u16>(((m.op_sel >> n) & 1) != 0 ? word >> 16 : word);
  float x = is_half ? from_f16(half) : std::bit_cast<float>(word);
  const Operand& o = c.instr->operand[n + 1];
  if (((m.neg_hi >> n) & 1) != 0 || o.magnitude) x = std::fabs(x);
  if (((m.neg_lo >> n) & 1) != 0 || o.negate) x = -x;
  return x;
}
template <typename T>
void mix(Call& c) {
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const float a = mixed(c, 0, lane);
    const float b = mixed(c, 1, lane);
    const float d = mixed(c, 2, lane);
    if constexpr (std::is_same_v<T, float>)
      c.out[0][lane] = std::bit_cast<uint32_t>(std::fma(a, b, d));
    else
      c.out[0][lane] = to_f16(std::fma(a, b, d));
  }
}

constexpr std::array<Value, 4> pairs2 = {Value::f32x2, Value::f32x2};
constexpr std::array<Value, 4> pairs3 = {Value::f32x2, Value::f32x2, Value::f32x2};
constexpr std::array<Value, 4> mixes = {Value::mixed, Value::mixed, Value::mixed};
float add_f32(float a, float b, float) { return a + b; }
float mul_f32(float a, float b, float) { return a * b; }
float fma_f32(float a, float b, float c) { return std::fma(a, b, c); }

constexpr VectorRow rows[] = {
    pair_row<[](F16 a, F16 b) { return narrow(wide(a) + wide(b)); }>("v_pk_add_f16"),
    pair_row<[](F16 a, F16 b) { return narrow(wide(a) * wide(b)); }>("v_pk_mul_f16"),
    pair_row<[](F16 a, F16 b, F16 c) { return narrow(wide(a) * wide(b) + wide(c)); }>("v_pk_fma_f16"),
    pair_row<smaller>("v_pk_min_f16"),
    pair_row<larger>("v_pk_max_f16"),
    pair_row<smaller>("v_pk_min_num_f16"),
    pair_row<larger>("v_pk_max_num_f16"),
    pair_row<[](u16 a, u16 b) { return static_cast<u16>(a + b); }>("v_pk_add_u16"),
    pair_row<[](u16 a, u16 b) { return static_cast<u16>(a - b); }>("v_pk_sub_u16"),
    pair_row<[](u16 a, u16 b) { return static_cast<u16>(a + b); }>("v_pk_add_i16"),
    pair_row<[](u16 a, u16 b) { return static_cast<u16>(a - b); }>("v_pk_sub_i16"),
    pair_row<[](u16 a, u16 b) { return static_cast<u16>(uint32_t{a} * b); }>("v_pk_mul_lo_u16"),
    pair_row<[](u16 a, u16 b, u16 c) { return static_cast<u16>(uint32_t{a} * b + c); }>("v_pk_mad_u16"),
    pair_row<[](u16 a, u16 b, u16 c) { return static_cast<u16>(uint32_t{a} * b + c); }>("v_pk_mad_i16"),
    pair_row<[](u16 n, u16 x) { return static_cast<u16>(x << (n & 15)); }>("v_pk_lshlrev_b16"),
    pair_row<[](u16 n, u16 x) { return (static_cast<u16>(x >> (n & 15))); }>("v_pk_lshrrev_b16"),
    pair_row<[](u16 n, i16 x) { return (static_cast<i16>(x >> (n & 15))); }>("v_pk_ashrrev_i16"),
    pair_row<[](i16 a, i16 b) { return std::min(a, b); }>("v_pk_min_i16"),
    pair_row<[](i16 a, i16 b) { return std::max(a, b); }>("v_pk_max_i16"),
    pair_row<[](u16 a, u16 b) { return std::min(a, b); }>("v_pk_min_u16"),
    pair_row<[](u16 a, u16 b) { return std::max(a, b); }>("v_pk_max_u16"),
    whole("v_pk_add_f32", both_words<add_f32, 2>, Value::f32x2, pairs2, packed),
    whole("v_pk_mul_f32", both_words<mul_f32, 2>, Value::f32x2, pairs2, packed),
    whole("v_pk_fma_f32", both_words<fma_f32, 3>, Value::f32x2, pairs3, packed),
    whole("v_pk_mov_b32", move_words, Value::f32x2, pairs2, packed | copies),
    whole("v_fma_mix_f32", mix<float>, Value::f32, mixes, packed),
    whole("v_fma_mixlo_f16", mix<F16>, Value::f16, mixes, packed | keeps_high),
    whole("v_fma_mixhi_f16", mix<F16>, Value::f16, mixes, packed | keeps_high | high_result),
};

}  // namespace

std::span<const VectorRow> packed_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

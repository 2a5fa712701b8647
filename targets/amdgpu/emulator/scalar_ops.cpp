// Scalar arithmetic: SOP1, SOP2, SOPC, SOPK.
#include <algorithm>
#include <array>
#include <bit>

#include "targets/amdgpu/emulator/general_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace general_flag;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;
using S32 = WithScc<uint32_t>;
using S64 = WithScc<uint64_t>;

S32 nonzero(u32 x) { return {x, x != 0}; }
S64 nonzero64(u64 x) { return {x, x != 0}; }
S32 add_unsigned(u32 a, u32 b) { return {a + b, a + b < a}; }
S32 subtract_unsigned(u32 a, u32 b) { return {a - b, b > a}; }
template <typename T>
WithScc<T> larger(T a, T b) {
  return {std::max(a, b), a > b};
}
template <typename T>
WithScc<T> smaller(T a, T b) {
  return {std::min(a, b), a < b};
}
S32 add_signed(u32 a, u32 b) { return {a + b, ((~(a ^ b) & (a ^ (a + b))) >> 31) != 0}; }
S32 subtract_signed(u32 a, u32 b) { return {a - b, (((a ^ b) & (a ^ (a - b))) >> 31) != 0}; }
S32 add_carry(u32 a, u32 b, bool c) {
  const u64 sum = u64{a} + b + (c ? 1 : 0);
  return {static_cast<u32>(sum), sum >> 32 != 0};
}
S32 subtract_borrow(u32 a, u32 b, bool c) { return {a - b - (c ? 1 : 0), u64{b} + (c ? 1 : 0) > a}; }
template <int shift>
S32 shift_add(u32 a, u32 b) {
  const u64 sum = (u64{a} << shift) + b;
  return {static_cast<u32>(sum), sum >> 32 != 0};
}
/// The field of `width` bits at `offset`; the second operand holds both.
template <typename T>
T field(T x, u32 control, u32 offset_mask) {
  constexpr u32 bits = sizeof(T) * 8;
  const u32 offset = control & offset_mask;
  const u32 width = (control >> 16) & 0x7f;
  if (width == 0) return 0;
  const T moved = static_cast<T>(x >> offset);  // arithmetic for signed types
  if (width >= bits) return moved;
  using U = std::make_unsigned_t<T>;
  return static_cast<T>(static_cast<T>(static_cast<U>(moved) << (bits - width)) >> (bits - width));
}
u32 first_bit(u32 x) { return x == 0 ? ~u32{0} : static_cast<u32>(std::countr_zero(x)); }
u32 first_bit64(u64 x) { return x == 0 ? ~u32{0} : static_cast<u32>(std::countr_zero(x)); }
u32 leading(u32 x) { return x == 0 ? ~u32{0} : static_cast<u32>(std::countl_zero(x)); }
u32 leading64(u64 x) { return x == 0 ? ~u32{0} : static_cast<u32>(std::countl_zero(x)); }
u32 leading_sign(i32 x) {
  const u32 y = static_cast<u32>(x < 0 ? ~x : x);
  return y == 0 ? ~u32{0} : static_cast<u32>(std::countl_zero(y));
}
u32 reversed(u32 x) {
  u32 r = 0;
  for (int n = 0; n < 32; ++n) r |= ((x >> n) & 1) << (31 - n);
  return r;
}

/// A copy of what is undefined is.
template <uint16_t words>
void move(Wave& w, const Instr& i) {
  const Operand& from = i.operand[1];
  const uint16_t to = i.operand[0].first;
  std::array<bool, words> is_written;
  for (uint16_t n = 0; n < words; ++n)
    is_written[n] = from.kind != Kind::sgpr || from.first == scalar::null || w.sgpr_written[size_t{from.first} + n];
  if constexpr (words == 2)
    w.set_pair(to, w.words(from));
  else
    w.set_scalar(to, w.word(from));
  for (uint16_t n = 0; n < words && to != scalar::null; ++n)
    if (!is_written[n]) w.sgpr_written.reset(size_t{to} + n);
}

constexpr GeneralRow rows[] = {
    {"s_mov_b32", move<1>, Class::salu, 2, 1, copies, {1, 1}},
    {"s_mov_b64", move<2>, Class::salu, 2, 1, copies, {2, 2}},
    scalar_row<[](int16_t a) { return static_cast<i32>(a); }>("s_movk_i32"),
    scalar_row<[](u32 a) { return nonzero(~a); }>("s_not_b32"),
    scalar_row<[](u64 a) { return nonzero64(~a); }>("s_not_b64"),
    scalar_row<reversed>("s_brev_b32"),
    scalar_row<[](u32 a) { return nonzero(static_cast<u32>(std::popcount(a))); }>("s_bcnt1_i32_b32"),
    scalar_row<[](u64 a) { return nonzero(static_cast<u32>(std::popcount(a))); }>("s_bcnt1_i32_b64"),
    scalar_row<first_bit>("s_ff1_i32_b32"),
    scalar_row<first_bit64>("s_ff1_i32_b64"),
    scalar_row<first_bit>("s_ctz_i32_b32"),
    scalar_row<first_bit64>("s_ctz_i32_b64"),
    scalar_row<leading>("s_flbit_i32_b32"),
    scalar_row<leading64>("s_flbit_i32_b64"),
    scalar_row<leading>("s_clz_i32_u32"),
    scalar_row<leading64>("s_clz_i32_u64"),
    scalar_row<leading_sign>("s_flbit_i32"),
    scalar_row<leading_sign>("s_cls_i32"),
    scalar_row<[](u32 a) { return static_cast<u32>(static_cast<i32>(static_cast<int8_t>(a))); }>("s_sext_i32_i8"),
    scalar_row<[](u32 a) { return static_cast<u32>(static_cast<i32>(static_cast<int16_t>(a))); }>("s_sext_i32_i16"),
    scalar_row<[](u32 a) { return nonzero(static_cast<i32>(a) < 0 ? 0 - a : a); }>("s_abs_i32"),
    scalar_row<add_unsigned>("s_add_u32"),
    scalar_row<add_unsigned>("s_add_co_u32"),
    scalar_row<subtract_unsigned>("s_sub_u32"),
    scalar_row<subtract_unsigned>("s_sub_co_u32"),
    scalar_row<add_signed>("s_add_i32"),
    scalar_row<add_signed>("s_add_co_i32"),
    scalar_row<subtract_signed>("s_sub_i32"),
    scalar_row<subtract_signed>("s_sub_co_i32"),
    scalar_row<add_carry>("s_addc_u32"),
    scalar_row<add_carry>("s_add_co_ci_u32"),
    scalar_row<subtract_borrow>("s_subb_u32"),
    scalar_row<subtract_borrow>("s_sub_co_ci_u32"),
    scalar_row<[](u64 a, u64 b) { return a + b; }>("s_add_nc_u64"),
    scalar_row<[](u64 a, u64 b) { return a - b; }>("s_sub_nc_u64"),
    scalar_row<[](u64 a, u64 b) { return a * b; }>("s_mul_u64"),
    scalar_row<[](u32 a, u32 b) { return a * b; }>("s_mul_i32"),
    scalar_row<[](u32 a, u32 b) { return static_cast<u32>((u64{a} * b) >> 32); }>("s_mul_hi_u32"),
    scalar_row<[](i32 a, i32 b) { return static_cast<u32>((i64{a} * b) >> 32); }>("s_mul_hi_i32"),
    scalar_row<smaller<i32>>("s_min_i32"),
    scalar_row<larger<i32>>("s_max_i32"),
    scalar_row<smaller<u32>>("s_min_u32"),
    scalar_row<larger<u32>>("s_max_u32"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a & b); }>("s_and_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a & b); }>("s_and_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a | b); }>("s_or_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a | b); }>("s_or_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a ^ b); }>("s_xor_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a ^ b); }>("s_xor_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a & ~b); }>("s_andn2_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a & ~b); }>("s_andn2_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a & ~b); }>("s_and_not1_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a & ~b); }>("s_and_not1_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a | ~b); }>("s_orn2_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a | ~b); }>("s_orn2_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a | ~b); }>("s_or_not1_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(a | ~b); }>("s_or_not1_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(~(a & b)); }>("s_nand_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(~(a & b)); }>("s_nand_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(~(a | b)); }>("s_nor_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(~(a | b)); }>("s_nor_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(~(a ^ b)); }>("s_xnor_b32"),
    scalar_row<[](u64 a, u64 b) { return nonzero64(~(a ^ b)); }>("s_xnor_b64"),
    scalar_row<[](u32 a, u32 b) { return nonzero(a << (b & 31)); }>("s_lshl_b32"),
    scalar_row<[](u64 a, u32 b) { return nonzero64(a << (b & 63)); }>("s_lshl_b64"),
    scalar_row<[](u32 a, u32 b) { return (nonzero(a >> (b & 31))); }>("s_lshr_b32"),
    scalar_row<[](u64 a, u32 b) { return (nonzero64(a >> (b & 63))); }>("s_lshr_b64"),
    scalar_row<[](i32 a, u32 b) { return (nonzero(static_cast<u32>(a >> (b & 31)))); }>("s_ashr_i32"),
    scalar_row<[](i64 a, u32 b) { return (nonzero64(static_cast<u64>(a >> (b & 63)))); }>("s_ashr_i64"),
    scalar_row<shift_add<1>>("s_lshl1_add_u32"),
    scalar_row<shift_add<2>>("s_lshl2_add_u32"),
    scalar_row<shift_add<3>>("s_lshl3_add_u32"),
    scalar_row<shift_add<4>>("s_lshl4_add_u32"),
    scalar_row<[](u32 a, u32 b) { return ((u32{1} << (a & 31)) - 1) << (b & 31); }>("s_bfm_b32"),
    scalar_row<[](u32 a, u32 b) { return ((u64{1} << (a & 63)) - 1) << (b & 63); }>("s_bfm_b64"),
    scalar_row<[](u32 a, u32 b) { return (nonzero(field<u32>(a, b, 31))); }>("s_bfe_u32"),
    scalar_row<[](i32 a, u32 b) { return nonzero(static_cast<u32>(field<i32>(a, b, 31))); }>("s_bfe_i32"),
    scalar_row<[](u64 a, u32 b) { return (nonzero64(field<u64>(a, b, 63))); }>("s_bfe_u64"),
    scalar_row<[](i64 a, u32 b) { return nonzero64(static_cast<u64>(field<i64>(a, b, 63))); }>("s_bfe_i64"),
    scalar_row<[](u32 a, u32 b) { return (a & 0xffff) | b << 16; }>("s_pack_ll_b32_b16"),
    scalar_row<[](u32 a, u32 b) { return (a & 0xffff) | (b & 0xffff0000U); }>("s_pack_lh_b32_b16"),
    scalar_row<[](u32 a, u32 b) { return (a >> 16 | (b & 0xffff0000U)); }>("s_pack_hh_b32_b16"),
    scalar_row<[](u32 a, u32 b) { return (a >> 16 | b << 16); }>("s_pack_hl_b32_b16"),
    scalar_row<[](u32 a, u32 b, bool scc) { return scc ? a : b; }>("s_cselect_b32"),
    scalar_row<[](u64 a, u64 b, bool scc) { return scc ? a : b; }>("s_cselect_b64"),
    scalar_row<[](u32 a, int16_t b) { return add_signed(a, static_cast<u32>(b)); }, true>("s_addk_i32"),
    scalar_row<[](u32 a, int16_t b) { return add_signed(a, static_cast<u32>(b)); }, true>("s_addk_co_i32"),
    scalar_row<[](u32 a, int16_t b) { return a * static_cast<u32>(b); }, true>("s_mulk_i32"),
    scalar_row<[](u32 a, u32 b) { return a == b; }>("s_cmp_eq_u32"),
    scalar_row<[](u32 a, u32 b) { return a != b; }>("s_cmp_lg_u32"),
    scalar_row<[](u32 a, u32 b) { return a < b; }>("s_cmp_lt_u32"),
    scalar_row<[](u32 a, u32 b) { return a <= b; }>("s_cmp_le_u32"),
    scalar_row<[](u32 a, u32 b) { return (a > b); }>("s_cmp_gt_u32"),
    scalar_row<[](u32 a, u32 b) { return (a >= b); }>("s_cmp_ge_u32"),
    scalar_row<[](u32 a, u32 b) { return a == b; }>("s_cmp_eq_i32"),
    scalar_row<[](u32 a, u32 b) { return a != b; }>("s_cmp_lg_i32"),
    scalar_row<[](i32 a, i32 b) { return a < b; }>("s_cmp_lt_i32"),
    scalar_row<[](i32 a, i32 b) { return a <= b; }>("s_cmp_le_i32"),
    scalar_row<[](i32 a, i32 b) { return (a > b); }>("s_cmp_gt_i32"),
    scalar_row<[](i32 a, i32 b) { return (a >= b); }>("s_cmp_ge_i32"),
    scalar_row<[](u64 a, u64 b) { return a == b; }>("s_cmp_eq_u64"),
    scalar_row<[](u64 a, u64 b) { return a != b; }>("s_cmp_lg_u64"),
    scalar_row<[](u32 a, uint16_t b) { return a == b; }>("s_cmpk_eq_u32"),
    scalar_row<[](u32 a, uint16_t b) { return a != b; }>("s_cmpk_lg_u32"),
    scalar_row<[](u32 a, uint16_t b) { return a < b; }>("s_cmpk_lt_u32"),
    scalar_row<[](u32 a, uint16_t b) { return a <= b; }>("s_cmpk_le_u32"),
    scalar_row<[](u32 a, uint16_t b) { return (a > b); }>("s_cmpk_gt_u32"),
    scalar_row<[](u32 a, uint16_t b) { return (a >= b); }>("s_cmpk_ge_u32"),
    scalar_row<[](i32 a, int16_t b) { return a == b; }>("s_cmpk_eq_i32"),
    scalar_row<[](i32 a, int16_t b) { return a != b; }>("s_cmpk_lg_i32"),
    scalar_row<[](i32 a, int16_t b) { return a < b; }>("s_cmpk_lt_i32"),
    scalar_row<[](i32 a, int16_t b) { return a <= b; }>("s_cmpk_le_i32"),
    scalar_row<[](i32 a, int16_t b) { return (a > b); }>("s_cmpk_gt_i32"),
    scalar_row<[](i32 a, int16_t b) { return (a >= b); }>("s_cmpk_ge_i32"),
    scalar_row<[](u32 a, u32 b) { return (((a >> (b & 31)) & 1) == 0); }>("s_bitcmp0_b32"),
    scalar_row<[](u32 a, u32 b) { return (((a >> (b & 31)) & 1) != 0); }>("s_bitcmp1_b32"),
    scalar_row<[](u64 a, u32 b) { return (((a >> (b & 63)) & 1) == 0); }>("s_bitcmp0_b64"),
    scalar_row<[](u64 a, u32 b) { return (((a >> (b & 63)) & 1) != 0); }>("s_bitcmp1_b64"),
    scalar_row<[](u32 a, u32 b) { return a & ~(u32{1} << (b & 31)); }, true>("s_bitset0_b32"),
    scalar_row<[](u32 a, u32 b) { return a | u32{1} << (b & 31); }, true>("s_bitset1_b32"),
};

}  // namespace

std::span<const GeneralRow> scalar_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

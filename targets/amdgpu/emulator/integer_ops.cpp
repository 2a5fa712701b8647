// Vector integer arithmetic and bits.
#include <algorithm>
#include <bit>

#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace vector_flag;
using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;
using u16 = uint16_t;
using i16 = int16_t;

i32 low24(i32 x) { return static_cast<i32>(static_cast<u32>(x) << 8) >> 8; }
u32 low24(u32 x) { return x & 0xffffffU; }

u32 add(u32 a, u32 b) { return a + b; }
u32 sub(u32 a, u32 b) { return a - b; }
u32 subrev(u32 a, u32 b) { return b - a; }
u16 add16(u16 a, u16 b) { return static_cast<u16>(a + b); }
u16 sub16(u16 a, u16 b) { return static_cast<u16>(a - b); }
u16 subrev16(u16 a, u16 b) { return static_cast<u16>(b - a); }
u32 mul_lo(u32 a, u32 b) { return a * b; }
u32 mul_hi(u32 a, u32 b) { return static_cast<u32>((u64{a} * b) >> 32); }
i32 mul_hi_signed(i32 a, i32 b) { return static_cast<i32>((i64{a} * b) >> 32); }
u32 mul24(u32 a, u32 b) { return low24(a) * low24(b); }
u32 mul_hi24(u32 a, u32 b) { return static_cast<u32>((u64{low24(a)} * low24(b)) >> 32); }
u32 mul24_signed(i32 a, i32 b) { return static_cast<u32>(i64{low24(a)} * low24(b)); }
u32 mad24(u32 a, u32 b, u32 c) { return low24(a) * low24(b) + c; }
u32 mad24_signed(i32 a, i32 b, u32 c) { return static_cast<u32>(i64{low24(a)} * low24(b)) + c; }
u16 mad16(u16 a, u16 b, u16 c) { return static_cast<u16>(u32{a} * b + c); }
u32 mad32_16(u16 a, u16 b, u32 c) { return u32{a} * b + c; }
u32 mad32_16_signed(i16 a, i16 b, u32 c) { return static_cast<u32>(i32{a} * b) + c; }

u32 shift_left(u32 n, u32 x) { return x << (n & 31); }
u32 shift_right(u32 n, u32 x) { return x >> (n & 31); }
i32 shift_sign(u32 n, i32 x) { return x >> (n & 31); }
u16 shift_left16(u16 n, u16 x) { return static_cast<u16>(x << (n & 15)); }
u16 shift_right16(u16 n, u16 x) { return static_cast<u16>(x >> (n & 15)); }
i16 shift_sign16(u16 n, i16 x) { return static_cast<i16>(x >> (n & 15)); }
u64 shift_left64(u32 n, u64 x) { return x << (n & 63); }
u64 shift_right64(u32 n, u64 x) { return x >> (n & 63); }
i64 shift_sign64(u32 n, i64 x) { return x >> (n & 63); }

u32 reversed(u32 x) {
  x = (x >> 16) | (x << 16);
  x = ((x >> 8) & 0x00ff00ffU) | ((x & 0x00ff00ffU) << 8);
  x = ((x >> 4) & 0x0f0f0f0fU) | ((x & 0x0f0f0f0fU) << 4);
  x = ((x >> 2) & 0x33333333U) | ((x & 0x33333333U) << 2);
  return ((x >> 1) & 0x55555555U) | ((x & 0x55555555U) << 1);
}
u32 leading(u32 x) { return x == 0 ? ~u32{0} : static_cast<u32>(std::countl_zero(x)); }
u32 trailing(u32 x) { return x == 0 ? ~u32{0} : static_cast<u32>(std::countr_zero(x)); }
u32 leading_sign(i32 x) { return leading(static_cast<u32>(x < 0 ? ~x : x)); }
u32 count_bits(u32 x, u32 y) { return static_cast<u32>(std::popcount(x)) + y; }

u32 field(u32 x, u32 offset, u32 width) { return (x >> (offset & 31)) & ((u32{1} << (width & 31)) - 1); }
i32 field_signed(i32 x, u32 offset, u32 width) {
  const u32 bits = width & 31;
  if (bits == 0) return 0;
  // What lies above the word is its sign.
  const i64 moved = i64{x} >> (offset & 31);
  return static_cast<i32>(static_cast<i64>(static_cast<u64>(moved) << (64 - bits)) >> (64 - bits));
}
u32 insert(u32 mask, u32 x, u32 y) { return (mask & x) | (~mask & y); }
u32 mask_of(u32 width, u32 offset) { return ((u32{1} << (width & 31)) - 1) << (offset & 31); }
u32 align_bit(u32 high, u32 low, u32 n) { return static_cast<u32>((u64{high} << 32 | low) >> (n & 31)); }
u32 align_byte(u32 high, u32 low, u32 n) { return static_cast<u32>((u64{high} << 32 | low) >> (8 * (n & 3))); }

/// One byte of {high, low} that a selector names: 0 to 7 a byte, 8 to 11 the sign of a word's half, 12 zero, above ones.
u32 pick_byte(u64 both, u32 selector) {
  if (selector >= 13) return 0xff;
  if (selector == 12) return 0;
  if (selector >= 8) return ((both >> (16 * (selector - 8) + 15)) & 1) != 0 ? 0xffU : 0U;
  return static_cast<u32>(both >> (8 * selector)) & 0xffU;
}
u32 permute(u32 high, u32 low, u32 selectors) {
  const u64 both = u64{high} << 32 | low;
  u32 r = 0;
  for (u32 n = 0; n < 4; ++n) r |= pick_byte(both, (selectors >> (8 * n)) & 0xff) << (8 * n);
  return r;
}

/// Bit by bit, the entry 4 * a + 2 * b + c of a table of eight.
u32 by_table(u32 a, u32 b, u32 c, u32 table) {
  u32 r = 0;
  for (u32 n = 0; n < 8; ++n)
    if (((table >> n) & 1) != 0) r |= ((n & 4) != 0 ? a : ~a) & ((n & 2) != 0 ? b : ~b) & ((n & 1) != 0 ? c : ~c);
  return r;
}
void bit_operation(Call& c) {
  const u32 table = c.instr->modifiers.bitop3;
  for (size_t lane = 0; lane < most_lanes; ++lane)
    c.out[0][lane] = by_table((*c.in[0])[lane], (*c.in[1])[lane], (*c.in[2])[lane], table);
}

template <typename T>
T smaller(T a, T b) {
  return std::min(a, b);
}
template <typename T>
T larger(T a, T b) {
  return std::max(a, b);
}
template <typename T>
T smallest(T a, T b, T c) {
  return std::min(std::min(a, b), c);
}
template <typename T>
T largest(T a, T b, T c) {
  return std::max(std::max(a, b), c);
}
template <typename T>
T middle(T a, T b, T c) {
  return std::max(std::min(a, b), std::min(std::max(a, b), c));
}
template <typename T>
T min_of_max(T a, T b, T c) {
  return std::min(std::max(a, b), c);
}
template <typename T>
T max_of_min(T a, T b, T c) {
  return std::max(std::min(a, b), c);
}

/// `clamp` on integer arithmetic saturates.
template <auto wrap, auto saturate>
void saturating(Call& c) {
  const bool clamp = c.instr->modifiers.clamp;
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const u32 a = (*c.in[0])[lane];
    const u32 b = (*c.in[1])[lane];
    c.out[0][lane] = clamp ? saturate(a, b) : wrap(a, b);
  }
}
u32 signed_limit(i64 x) { return static_cast<u32>(static_cast<i32>(std::clamp<i64>(x, INT32_MIN, INT32_MAX))); }
u32 add_saturated(u32 a, u32 b) { return a + b < a ? ~u32{0} : a + b; }
u32 sub_saturated(u32 a, u32 b) { return a < b ? 0 : a - b; }
u32 subrev_saturated(u32 a, u32 b) { return sub_saturated(b, a); }
u32 add_signed(u32 a, u32 b) { return signed_limit(i64{static_cast<i32>(a)} + static_cast<i32>(b)); }
u32 sub_signed(u32 a, u32 b) { return signed_limit(i64{static_cast<i32>(a)} - static_cast<i32>(b)); }
template <auto wrap, auto saturate>
constexpr VectorRow saturates_row(std::string_view mnemonic) {
  return whole(mnemonic, saturating<wrap, saturate>, Value::b32, {Value::b32, Value::b32}, saturates);
}

constexpr VectorRow rows[] = {
    lanewise<[](u32 a) { return a; }>("v_mov_b32", copies),
    lanewise<[](u64 a) { return a; }>("v_mov_b64", copies),
    lanewise<[](u16 a) { return a; }>("v_mov_b16", copies),
    lanewise<[](u32 a) { return a; }>("v_accvgpr_read_b32", copies),
    lanewise<[](u32 a) { return a; }>("v_accvgpr_write_b32", copies),
    lanewise<[](u32 a) { return a; }>("v_accvgpr_mov_b32", copies),
    lanewise<[](u32 a, u32 b, bool c) { return c ? b : a; }>("v_cndmask_b32"),
    lanewise<[](u16 a, u16 b, bool c) { return c ? b : a; }>("v_cndmask_b16"),
    saturates_row<add, add_saturated>("v_add_u32"),
    saturates_row<add, add_saturated>("v_add_nc_u32"),
    saturates_row<sub, sub_saturated>("v_sub_u32"),
    saturates_row<sub, sub_saturated>("v_sub_nc_u32"),
    saturates_row<subrev, subrev_saturated>("v_subrev_u32"),
    saturates_row<subrev, subrev_saturated>("v_subrev_nc_u32"),
    saturates_row<add, add_signed>("v_add_i32"),
    saturates_row<add, add_signed>("v_add_nc_i32"),
    saturates_row<sub, sub_signed>("v_sub_i32"),
    saturates_row<sub, sub_signed>("v_sub_nc_i32"),
    lanewise<add16>("v_add_u16"),
    lanewise<add16>("v_add_nc_u16"),
    lanewise<add16>("v_add_i16"),
    lanewise<add16>("v_add_nc_i16"),
    lanewise<sub16>("v_sub_u16"),
    lanewise<sub16>("v_sub_nc_u16"),
    lanewise<sub16>("v_sub_i16"),
    lanewise<sub16>("v_sub_nc_i16"),
    lanewise<subrev16>("v_subrev_u16"),
    lanewise<mul_lo>("v_mul_lo_u32"),
    lanewise<mul_hi>("v_mul_hi_u32"),
    lanewise<mul_hi_signed>("v_mul_hi_i32"),
    lanewise<mul24>("v_mul_u32_u24"),
    lanewise<mul_hi24>("v_mul_hi_u32_u24"),
    lanewise<mul24_signed>("v_mul_i32_i24"),
    lanewise<[](u16 a, u16 b) { return static_cast<u16>(u32{a} * b); }>("v_mul_lo_u16"),
    lanewise<mad24>("v_mad_u32_u24"),
    lanewise<mad24_signed>("v_mad_i32_i24"),
    lanewise<mad16>("v_mad_u16", keeps_high),
    lanewise<mad16>("v_mad_i16", keeps_high),
    lanewise<mad32_16>("v_mad_u32_u16"),
    lanewise<mad32_16_signed>("v_mad_i32_i16"),
    lanewise<[](u32 a, u32 b) { return a & b; }>("v_and_b32"),
    lanewise<[](u32 a, u32 b) { return a | b; }>("v_or_b32"),
    lanewise<[](u32 a, u32 b) { return a ^ b; }>("v_xor_b32"),
    lanewise<[](u32 a, u32 b) { return ~(a ^ b); }>("v_xnor_b32"),
    lanewise<[](u32 a) { return ~a; }>("v_not_b32"),
    lanewise<[](u16 a, u16 b) { return static_cast<u16>(a & b); }>("v_and_b16"),
    lanewise<[](u16 a, u16 b) { return static_cast<u16>(a | b); }>("v_or_b16"),
    lanewise<[](u16 a, u16 b) { return static_cast<u16>(a ^ b); }>("v_xor_b16"),
    lanewise<[](u16 a) { return static_cast<u16>(~a); }>("v_not_b16"),
    lanewise<[](u32 a, u32 b, u32 c) { return a + b + c; }>("v_add3_u32"),
    lanewise<[](u32 a, u32 n, u32 c) { return (a << (n & 31)) + c; }>("v_lshl_add_u32"),
    lanewise<[](u64 a, u32 n, u64 c) { return (a << (n & 7)) + c; }>("v_lshl_add_u64"),
    lanewise<[](u32 a, u32 b, u32 n) { return (a + b) << (n & 31); }>("v_add_lshl_u32"),
    lanewise<[](u32 a, u32 n, u32 c) { return a << (n & 31) | c; }>("v_lshl_or_b32"),
    lanewise<[](u32 a, u32 b, u32 c) { return (a & b) | c; }>("v_and_or_b32"),
    lanewise<[](u32 a, u32 b, u32 c) { return a | b | c; }>("v_or3_b32"),
    lanewise<[](u32 a, u32 b, u32 c) { return a ^ b ^ c; }>("v_xor3_b32"),
    lanewise<[](u32 a, u32 b, u32 c) { return (a ^ b) + c; }>("v_xad_u32"),
    whole("v_bitop3_b32", bit_operation, Value::b32, {Value::b32, Value::b32, Value::b32}),
    whole("v_bitop3_b16", bit_operation, Value::b16, {Value::b16, Value::b16, Value::b16}),
    lanewise<shift_left>("v_lshlrev_b32"),
    lanewise<shift_right>("v_lshrrev_b32"),
    lanewise<shift_sign>("v_ashrrev_i32"),
    lanewise<shift_left16>("v_lshlrev_b16"),
    lanewise<shift_right16>("v_lshrrev_b16"),
    lanewise<shift_sign16>("v_ashrrev_i16"),
    lanewise<shift_left64>("v_lshlrev_b64"),
    lanewise<shift_right64>("v_lshrrev_b64"),
    lanewise<shift_sign64>("v_ashrrev_i64"),
    lanewise<reversed>("v_bfrev_b32"),
    lanewise<leading>("v_ffbh_u32"),
    lanewise<leading>("v_clz_i32_u32"),
    lanewise<trailing>("v_ffbl_b32"),
    lanewise<trailing>("v_ctz_i32_b32"),
    lanewise<leading_sign>("v_ffbh_i32"),
    lanewise<leading_sign>("v_cls_i32"),
    lanewise<count_bits>("v_bcnt_u32_b32"),
    lanewise<field>("v_bfe_u32"),
    lanewise<field_signed>("v_bfe_i32"),
    lanewise<insert>("v_bfi_b32"),
    lanewise<mask_of>("v_bfm_b32"),
    lanewise<align_bit>("v_alignbit_b32"),
    lanewise<align_byte>("v_alignbyte_b32"),
    lanewise<permute>("v_perm_b32"),
    lanewise<smaller<i32>>("v_min_i32"),
    lanewise<larger<i32>>("v_max_i32"),
    lanewise<smaller<u32>>("v_min_u32"),
    lanewise<larger<u32>>("v_max_u32"),
    lanewise<smaller<i16>>("v_min_i16"),
    lanewise<larger<i16>>("v_max_i16"),
    lanewise<smaller<u16>>("v_min_u16"),
    lanewise<larger<u16>>("v_max_u16"),
    lanewise<smallest<i32>>("v_min3_i32"),
    lanewise<largest<i32>>("v_max3_i32"),
    lanewise<middle<i32>>("v_med3_i32"),
    lanewise<smallest<u32>>("v_min3_u32"),
    lanewise<largest<u32>>("v_max3_u32"),
    lanewise<middle<u32>>("v_med3_u32"),
    lanewise<smallest<i16>>("v_min3_i16", keeps_high),
    lanewise<largest<i16>>("v_max3_i16", keeps_high),
    lanewise<middle<i16>>("v_med3_i16", keeps_high),
    lanewise<smallest<u16>>("v_min3_u16", keeps_high),
    lanewise<largest<u16>>("v_max3_u16", keeps_high),
    lanewise<middle<u16>>("v_med3_u16", keeps_high),
    lanewise<min_of_max<u32>>("v_maxmin_u32"),
    lanewise<max_of_min<u32>>("v_minmax_u32"),
    lanewise<min_of_max<i32>>("v_maxmin_i32"),
    lanewise<max_of_min<i32>>("v_minmax_i32"),
    lanewise<[](u16 a, u16 b) { return u32{a} | u32{b} << 16; }>("v_pack_b32_f16"),
};

}  // namespace

std::span<const VectorRow> integer_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

// Vector arithmetic that gives or takes a bit of each lane.
#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using u32 = uint32_t;
using i32 = int32_t;
using u64 = uint64_t;
using i64 = int64_t;
using C32 = WithMask<uint32_t>;

C32 add(u32 a, u32 b) { return {a + b, a + b < a}; }
C32 sub(u32 a, u32 b) { return {a - b, a < b}; }
C32 subrev(u32 a, u32 b) { return sub(b, a); }
C32 add_carry(u32 a, u32 b, bool c) {
  const u64 sum = u64{a} + b + (c ? 1U : 0U);
  return {static_cast<u32>(sum), (sum >> 32) != 0};
}
C32 sub_borrow(u32 a, u32 b, bool c) {
  const u64 less = u64{b} + (c ? 1U : 0U);
  return {static_cast<u32>(a - less), a < less};
}
C32 subrev_borrow(u32 a, u32 b, bool c) { return sub_borrow(b, a, c); }
WithMask<u64> mad(u32 a, u32 b, u64 c) {
  const u64 product = u64{a} * b;
  return {product + c, product + c < product};
}
WithMask<u64> mad_signed(i32 a, i32 b, i64 c) {
  i64 sum = 0;
  const bool overflows = __builtin_add_overflow(i64{a} * b, c, &sum);
  return {static_cast<u64>(sum), overflows};
}

constexpr VectorRow rows[] = {
    lanewise<add>("v_add_co_u32"),
    lanewise<sub>("v_sub_co_u32"),
    lanewise<subrev>("v_subrev_co_u32"),
    lanewise<add_carry>("v_addc_co_u32"),
    lanewise<add_carry>("v_add_co_ci_u32"),
    lanewise<sub_borrow>("v_subb_co_u32"),
    lanewise<sub_borrow>("v_sub_co_ci_u32"),
    lanewise<subrev_borrow>("v_subbrev_co_u32"),
    lanewise<subrev_borrow>("v_subrev_co_ci_u32"),
    lanewise<mad>("v_mad_u64_u32"),
    lanewise<mad_signed>("v_mad_i64_i32"),
    lanewise<mad>("v_mad_co_u64_u32"),
    lanewise<mad_signed>("v_mad_co_i64_i32"),
};

}  // namespace

std::span<const VectorRow> carry_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

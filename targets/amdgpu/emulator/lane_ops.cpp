// Vector instructions whose lanes look at other lanes or at their own number.
#include <bit>

#include "targets/amdgpu/emulator/vector_row.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// How many of the mask's bits below this lane are set; `first` is the lane of the mask's bit 0.
template <int first>
void count_below(Call& c) {
  for (int lane = 0; lane < most_lanes; ++lane) {
    const auto l = static_cast<size_t>(lane);
    const uint64_t below = lane <= first ? 0 : lane - first >= 32 ? 0xffffffffU : (uint64_t{1} << (lane - first)) - 1;
    c.out[0][l] = static_cast<uint32_t>(std::popcount((*c.in[0])[l] & static_cast<uint32_t>(below))) + (*c.in[1])[l];
  }
}

/// Within rows of 16 lanes (`cross`: from the other row of a pair), lane n reads the one that its nibble names.
template <bool cross>
void permute_rows(Call& c) {
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const size_t in_row = lane & 15;
    const uint32_t selectors = (*c.in[in_row < 8 ? 1 : 2])[lane];
    const size_t from = (((lane & ~size_t{15}) ^ (cross ? 16U : 0U)) | ((selectors >> (4 * (in_row & 7))) & 15));
    c.out[0][lane] = (*c.in[0])[from];
  }
}
template <bool cross>
void permute_rows_by_lane(Call& c) {
  for (size_t lane = 0; lane < most_lanes; ++lane)
    c.out[0][lane] = (*c.in[0])[((lane & ~size_t{15}) ^ (cross ? 16U : 0U)) | ((*c.in[1])[lane] & 15)];
}
void swap_halves(Call& c) {
  for (size_t lane = 0; lane < most_lanes; ++lane) c.out[0][lane] = (*c.in[0])[lane ^ (c.wave->lanes == 64 ? 32U : 0U)];
}

constexpr std::array<Value, 4> two = {Value::b32, Value::b32};
constexpr std::array<Value, 4> three = {Value::b32, Value::b32, Value::b32};
constexpr VectorRow rows[] = {
    whole("v_mbcnt_lo_u32_b32", count_below<0>, Value::b32, two),
    whole("v_mbcnt_hi_u32_b32", count_below<32>, Value::b32, two),
    whole("v_permlane16_b32", permute_rows<false>, Value::b32, three),
    whole("v_permlanex16_b32", permute_rows<true>, Value::b32, three),
    whole("v_permlane16_var_b32", permute_rows_by_lane<false>, Value::b32, two),
    whole("v_permlanex16_var_b32", permute_rows_by_lane<true>, Value::b32, two),
    whole("v_permlane64_b32", swap_halves, Value::b32, {Value::b32}),
};

}  // namespace

std::span<const VectorRow> lane_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

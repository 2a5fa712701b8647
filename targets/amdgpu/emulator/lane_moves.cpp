// Single lanes between vector and scalar registers, and what does not fit a function of one lane.
#include <bit>

#include "targets/amdgpu/emulator/general_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace general_flag;

uint32_t lane_of(const Wave& w, const Operand& o) { return w.word(o) & static_cast<uint32_t>(w.lanes - 1); }

/// A copy of what is undefined is.
void read_from(Wave& w, const Instr& i, size_t lane) {
  const Operand& from = i.operand[1];
  if (from.kind == Kind::vgpr) {
    const Written16& written = w.vgpr_written[from.first];
    w.set_scalar(i.operand[0].first, w.vgpr[from.first][lane]);
    if ((written.low & written.high & uint64_t{1} << lane) == 0) w.sgpr_written.reset(i.operand[0].first);
  } else {
    const bool is_written = from.kind != Kind::sgpr || w.sgpr_written[from.first];
    w.set_scalar(i.operand[0].first, w.word(from));
    if (!is_written) w.sgpr_written.reset(i.operand[0].first);
  }
}
void read_first_lane(Wave& w, const Instr& i) {
  const uint64_t exec = w.exec();
  read_from(w, i, exec == 0 ? 0 : static_cast<size_t>(std::countr_zero(exec)));
}
void read_lane(Wave& w, const Instr& i) { read_from(w, i, lane_of(w, i.operand[2])); }
void write_lane(Wave& w, const Instr& i) {
  const uint32_t lane = lane_of(w, i.operand[2]);
  w.vgpr[i.operand[0].first][lane] = w.word(i.operand[1]);
  w.vgpr_written[i.operand[0].first].low |= uint64_t{1} << lane;
  w.vgpr_written[i.operand[0].first].high |= uint64_t{1} << lane;
}

void swap(Wave& w, const Instr& i) {
  const uint16_t x = i.operand[0].first;
  const uint16_t y = i.operand[1].first;
  const uint64_t exec = w.exec();
  for (size_t lane = 0; lane < most_lanes; ++lane)
    if (((exec >> lane) & 1) != 0) std::swap(w.vgpr[x][lane], w.vgpr[y][lane]);
}
/// Odd rows of 16 (or of 32) lanes of the first with the even ones of the second.
template <size_t width>
void swap_rows(Wave& w, const Instr& i) {
  Lanes& x = w.vgpr[i.operand[0].first];
  Lanes& y = w.vgpr[i.operand[1].first];
  for (size_t lane = 0; lane < static_cast<size_t>(w.lanes); ++lane)
    if ((lane & width) != 0) std::swap(x[lane], y[lane - width]);
}

constexpr GeneralRow rows[] = {
    {"v_readfirstlane_b32", read_first_lane, Class::valu, 2, 1, copies, {1, 1}},
    {"v_readlane_b32", read_lane, Class::valu, 3, 1, copies, {1, 1, 1}},
    {"v_writelane_b32", write_lane, Class::valu, 3, 1, copies, {1, 1, 1}},
    {"v_swap_b32", swap, Class::valu, 2, 2, updates_first, {1, 1}},
    {"v_permlane16_swap_b32", swap_rows<16>, Class::valu, 2, 2, updates_first, {1, 1}},
    {"v_permlane32_swap_b32", swap_rows<32>, Class::valu, 2, 2, updates_first, {1, 1}},
    {"v_nop", [](Wave&, const Instr&) {}, Class::valu},
};

}  // namespace

std::span<const GeneralRow> lane_move_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator

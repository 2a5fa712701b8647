#include "targets/amdgpu/emulator/hazards_table.h"

namespace tilejit::amdgpu::emulator {
namespace {

using enum Touch;

constexpr uint16_t legacy = bit(Unit::valu) | bit(Unit::trans);  // "VALU" of the documents' tables of MFMA
constexpr uint16_t vector = legacy | bit(Unit::dot);
constexpr uint16_t matrix = bit(Unit::matrix);
constexpr uint16_t dots = bit(Unit::dot);
constexpr uint16_t vmem = bit(Unit::buffer) | bit(Unit::flat);
constexpr uint16_t memory = vmem | bit(Unit::lds);
constexpr uint16_t scalar = bit(Unit::salu);
constexpr uint8_t v = bit(RegisterFile::vgpr), va = v | bit(RegisterFile::agpr);
constexpr uint8_t s = bit(RegisterFile::sgpr) | bit(RegisterFile::vcc);
constexpr uint8_t role_ab = bit(Role::a) | bit(Role::b);
constexpr uint8_t role_c = bit(Role::c);

// clang-format off
constexpr HazardRow rows[] = {
    // Matrix instructions: what they write is there after their passes.
    {.what = "is read after a matrix instruction wrote it", .states = {3, 3, 4}, .per_pass = 1,
     .first_units = matrix, .files = va, .second_units = vector | memory},
    {.what = "is overwritten after a matrix instruction wrote it", .states = {3, 3, 4}, .per_pass = 1,
     .first_units = matrix, .files = va, .second_units = vector | memory, .second_touch = writes},
    {.what = "is overwritten after a matrix instruction read it as C", .states = {-1, -1, -1}, .per_pass = 1,
     .first_units = matrix, .first_touch = reads, .files = va,
     .second_units = vector | memory, .second_touch = writes,
     .first_roles = role_c},
    {.what = "is A or B after a matrix instruction wrote it", .states = {3, 3, 4}, .per_pass = 1,
     .first_units = matrix, .files = va, .second_units = matrix, .second_roles = role_ab},
    {.what = "is part of C after a matrix instruction wrote it as part of another D",
     .states = {0, 1, 2}, .per_pass = 1,
     .first_units = matrix, .files = va, .second_units = matrix, .second_roles = role_c, .same = Same::not_the_range},
    {.what = "is read by a matrix instruction after VALU wrote it", .states = {2, 2, 2},
     .first_units = legacy, .files = va, .second_units = matrix},
    {.what = "is in use by a matrix instruction after VALU wrote it", .states = {4, 4, 4},
     .first_units = vector, .files = bit(RegisterFile::exec), .second_units = matrix, .second_touch = none},
    // Dots: only a chain of the same operation forwards, through C.
    {.what = "is read by another instruction after a dot wrote it", .states = {3, 3, 3},
     .first_units = dots, .files = v, .second_units = vector | memory, .same = Same::other_opcode},
    {.what = "is overwritten by another instruction after a dot wrote it", .states = {3, 3, 3},
     .first_units = dots, .files = v, .second_units = vector | memory, .second_touch = writes,
     .same = Same::other_opcode},
    {.what = "is a factor of a dot after the same operation wrote it", .states = {3, 3, 3},
     .first_units = dots, .files = v, .second_units = dots, .second_roles = role_ab, .same = Same::opcode},
    // Lanes that meet.
    {.what = "is read by DPP after VALU wrote it", .states = {2, 2, 2},
     .first_units = vector, .files = v, .second_units = vector, .second_traits = dpp},
    {.what = "is in use by DPP after VALU wrote it", .states = {5, 5, 5},
     .first_units = vector, .files = bit(RegisterFile::exec), .second_units = vector, .second_touch = none,
     .second_traits = dpp},
    {.what = "is in use by a lane access after VALU wrote it", .states = {no_hazard, 4, 4},
     .first_units = vector, .files = bit(RegisterFile::exec), .second_units = vector, .second_touch = none,
     .second_traits = lane_access},
    {.what = "is read by a lane access after VALU wrote it", .states = {no_hazard, 1, 1},
     .first_units = vector, .files = v, .second_units = vector, .second_traits = lane_access},
    {.what = "selects a lane after VALU wrote it", .states = {4, 4, 4},
     .first_units = vector, .files = s, .second_units = vector, .second_roles = bit(Role::lane_select)},
    {.what = "is swapped between lanes after VALU wrote it", .states = {no_hazard, no_hazard, 2},
     .first_units = vector, .files = v, .second_units = vector, .second_traits = lane_swap},
    // Scalars that VALU writes.
    {.what = "is read by a memory instruction after VALU wrote it", .states = {5, 5, 5},
     .first_units = vector, .files = s, .second_units = vmem},
    {.what = "is read by VALU after VALU wrote it", .states = {no_hazard, 2, 2},
     .first_units = vector, .files = s, .second_units = vector},
    {.what = "is read by v_div_fmas after VALU wrote it", .states = {4, 4, 4},
     .first_units = vector, .files = bit(RegisterFile::vcc), .second_units = vector, .second_traits = div_fmas},
    // Results that are not forwarded.
    {.what = "is read by VALU after a transcendental instruction wrote it", .states = {no_hazard, 1, 1},
     .first_units = bit(Unit::trans), .files = v, .second_units = bit(Unit::valu) | dots},
    {.what = "is read by VALU after half of it was written", .states = {no_hazard, 1, 1},
     .first_units = vector, .files = v, .second_units = vector, .first_traits = half_write},
    // Sources that are fetched late.
    {.what = "is overwritten by VALU while a wide store still reads it", .states = {1, 2, 2},
     .first_units = vmem, .first_touch = reads, .files = v, .second_units = vector | matrix, .second_touch = writes,
     .first_traits = wide_store, .first_roles = bit(Role::store_data)},
    {.what = "is read after SALU wrote it", .states = {1, 1, 1},
     .first_units = scalar, .files = bit(RegisterFile::m0), .second_units = memory | scalar,
     .second_traits = reads_m0_late},
    {.what = "is read by s_getreg after s_setreg wrote it", .states = {2, 2, 2},
     .first_units = scalar, .files = bit(RegisterFile::mode), .second_units = scalar},
    {.what = "is written again by s_setreg", .states = {2, 2, 2},
     .first_units = scalar, .files = bit(RegisterFile::mode), .second_units = scalar, .second_touch = writes},
};
// clang-format on
static_assert(std::size(rows) <= 64);

}  // namespace

std::span<const HazardRow> hazard_rows() { return rows; }

bool overlap(const RegisterRange& x, const RegisterRange& y) {
  return x.file == y.file && x.first < y.first + y.count && y.first < x.first + x.count;
}

bool same_range(const RegisterRange& x, const RegisterRange& y) {
  return x.file == y.file && x.first == y.first && x.count == y.count;
}

}  // namespace tilejit::amdgpu::emulator

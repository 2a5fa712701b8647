// The rows of wait states that hazards.h names: a first instruction, a second one that shares a register with it, a
// distance.
#pragma once

#include <cstdint>
#include <span>

#include "targets/amdgpu/emulator/hazards.h"

namespace tilejit::amdgpu::emulator {

enum class Touch : uint8_t { none, reads, writes };
enum class Same : uint8_t { any, opcode, other_opcode, not_the_range };

constexpr int no_hazard = -100;

struct HazardRow {
  const char* what;          // "... n wait states later"
  int states[3];             // CDNA 2, 3, 4
  int per_pass = 0;          // of the first instruction, added to states
  uint16_t first_units = 0;  // bits of Unit
  Touch first_touch = Touch::writes;
  uint8_t files = 0;  // bits of RegisterFile: of the register that both access
  uint16_t second_units = 0;
  Touch second_touch = Touch::reads;
  uint16_t first_traits = 0;  // any of them, if not 0
  uint16_t second_traits = 0;
  uint8_t first_roles = 0xff;  // bits of Role
  uint8_t second_roles = 0xff;
  Same same = Same::any;  // not_the_range: they overlap, but differ
};

std::span<const HazardRow> hazard_rows();

constexpr uint16_t bit(Unit unit) { return static_cast<uint16_t>(1 << static_cast<int>(unit)); }
constexpr uint8_t bit(RegisterFile file) { return static_cast<uint8_t>(1 << static_cast<int>(file)); }
constexpr uint8_t bit(Role role) { return static_cast<uint8_t>(1 << static_cast<int>(role)); }
bool overlap(const RegisterRange& x, const RegisterRange& y);
bool same_range(const RegisterRange& x, const RegisterRange& y);

}  // namespace tilejit::amdgpu::emulator

// Ways to alter a kernel's code, one instruction at a time: what may be deleted, counters that wait for less, flipped bits.
#pragma once

#ifdef TILEJIT_HAVE_AMDGPU

#include <tilejit/result.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "targets/amdgpu/emulator/program.h"
#include "tests/unit/amdgpu_subject.h"

namespace tilejit::testing {

/// What a sound kernel needs and no result shows.
enum class Guard : uint8_t { wait, nop, alu_wait, barrier };
inline constexpr int guards = 4;
std::string_view to_string(Guard guard);
/// Nothing for instructions that compute, branch or only advise.
std::optional<Guard> guard_of(const amdgpu::emulator::Program& program, size_t instruction);

/// Without _e32, _e64, _dpp and _sdwa.
std::string_view mnemonic_of(std::string_view text);
uint32_t bytes_of(const amdgpu::emulator::Program& program, size_t instruction);

struct Changed {
  std::string text;  // of the instruction now
  std::vector<uint8_t> bytes;
};
/// The wait with one counter one higher, for each counter; a shorter s_nop.
std::vector<Changed> loosened(const Subject& subject, const amdgpu::emulator::Program& program, size_t instruction);
/// One bit flipped: nothing when the result is no instruction.
std::optional<Changed> flipped(const Subject& subject, const amdgpu::emulator::Program& program, size_t instruction,
                               uint32_t bit);

/// The kernel with these bytes in place of the instruction's.
Result<amdgpu::emulator::Emulator> load_changed(const Subject& subject, const amdgpu::emulator::Program& program,
                                                size_t instruction, const Changed& changed);

}  // namespace tilejit::testing

#endif

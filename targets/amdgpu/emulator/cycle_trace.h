// From a decoded kernel to the cycle estimate (cycles.h): its steady loop as steps, and how many waves a SIMD holds.
#pragma once

#include <optional>
#include <vector>

#include "targets/amdgpu/emulator/cycles.h"
#include "targets/amdgpu/emulator/program.h"

namespace tilejit::amdgpu::emulator {

/// Instructions first .. last, the last one branches back to the first.
struct LoopRange {
  size_t first = 0, last = 0;
  bool operator==(const LoopRange&) const = default;
};

/// The innermost loop with the most matrix instructions, of these the longest; none when no branch goes back.
std::optional<LoopRange> steady_loop(const Program& program);

/// One step for each instruction of the loop; `lds_passes` of its LDS instructions: 1 without bank conflicts.
std::vector<Step> cycle_trace(const Program& program, const CycleModel& model, const LoopRange& loop,
                              int64_t lds_passes = 1);

/// As many waves of workgroups of `waves` as registers, LDS and slots allow.
Residency residency_of(const Program& program, int waves);

}  // namespace tilejit::amdgpu::emulator

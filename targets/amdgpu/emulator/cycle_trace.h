// From an executed kernel to the cycle estimate (cycles.h): which loop is the steady one, the way of a wave through one of
// its iterations as steps, and how many waves a SIMD holds.
//
// A loop is what a jump back of wave 0 encloses. The steady loop is found from outside in: of all loops the
// one that executes most instructions; then the loop inside it that executes most, as long as that is at least half of
// what the enclosing one does. Its iteration is the middle one of those that wave 0 makes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "targets/amdgpu/emulator/cycles.h"
#include "targets/amdgpu/emulator/emulator.h"
#include "targets/amdgpu/emulator/program.h"

namespace tilejit::amdgpu::emulator {

/// Instructions first .. last, the last one jumps back to the first.
struct LoopRange {
  size_t first = 0, last = 0;
  bool operator==(const LoopRange&) const = default;
  bool encloses(const LoopRange& o) const { return *this != o && first <= o.first && o.last <= last; }
  bool contains(int32_t instr) const {
    return static_cast<size_t>(instr) >= first && static_cast<size_t>(instr) <= last;
  }
};

/// None when wave 0 never went back.
std::optional<LoopRange> steady_loop(const Trace& trace);
/// The instructions of the middle iteration, in order.
std::vector<int32_t> iteration_path(const Trace& trace, const LoopRange& loop);

/// One step for each instruction of a path that is repeated. LDS instructions take the bank conflicts that they had.
std::vector<Step> cycle_trace(const Program& program, const CycleModel& model, std::span<const int32_t> path,
                              const Trace& trace);

/// As many waves of workgroups of `waves` as registers, LDS and slots allow.
struct KernelNeeds {
  int vector_registers = 0;  // AGPRs included
  int scalar_registers = 0;
  int64_t lds_bytes = 0;
  int waves = 1;  // of a workgroup
};
Residency residency_of(const GpuRow& row, const KernelNeeds& needs);

}  // namespace tilejit::amdgpu::emulator

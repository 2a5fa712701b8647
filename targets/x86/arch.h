// The CPU models as rows of facts. Instruction choice reads a row, never this machine; a row of another machine compiles too.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>

#include "targets/target.h"

namespace tilejit::x86 {

/// Instruction-set extensions beyond AVX-512 F+BW+DQ+VL (and BMI2, FMA), which every row has.
namespace feature {
inline constexpr uint32_t base = 1;  // F, BW, DQ, VL, FMA, F16C, BMI1, BMI2 with the system's support for zmm
inline constexpr uint32_t vnni = 2;
inline constexpr uint32_t bf16 = 4;
inline constexpr uint32_t vbmi = 8;
}  // namespace feature

struct CpuRow {
  TargetFacts facts;
  uint32_t features = 0;
  bool has(uint32_t wanted) const { return (features & wanted) == wanted; }
};

std::span<const CpuRow> cpu_rows();

/// What cpuid and xgetbv say of this machine.
struct Machine {
  uint32_t features = 0;
  bool is_amd = false;
  bool is_intel = false;
  int family = 0;
};
const Machine& this_machine();

/// The row of a machine: vendor and family first, since feature bits alone do not tell which dot is fast.
Result<const CpuRow*> row_of(const Machine& machine);
/// ok when `machine` has every feature of the row, else the missing ones.
Result<void> can_execute(const CpuRow& row, const Machine& machine);

}  // namespace tilejit::x86

// A decoded kernel: what all waves of all workgroups share.
#pragma once

#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/emulator/code_object.h"
#include "targets/amdgpu/emulator/hazards.h"
#include "targets/amdgpu/emulator/instr.h"

namespace tilejit::amdgpu::emulator {

struct Program {
  const GpuRow* row = nullptr;
  Kernel kernel;
  int wave = 64;
  uint32_t vgprs = 0;  // of one wave, by the descriptor
  uint32_t agprs = 0;
  uint32_t sgprs = 0;
  std::vector<Instr> instrs;
  std::vector<Instr> duals;  // second halves of pairs
  std::vector<uint64_t> addresses;
  std::vector<std::string> texts;
  std::vector<Issue> issues;  // what hazards.h wants to know of each instruction
};

}  // namespace tilejit::amdgpu::emulator

// The instructions of a program as the tracker of missing wait states wants to be told of them (hazards.h).
#pragma once

#include <vector>

#include "targets/amdgpu/emulator/hazards.h"
#include "targets/amdgpu/emulator/program.h"

namespace tilejit::amdgpu::emulator {

/// One for each instruction, prepared.
std::vector<Issue> hazard_issues(const Program& program);

}  // namespace tilejit::amdgpu::emulator

// A kernel's code as a program for the emulator: disassembled, each line looked up in the tables, every operand, constant and
// branch resolved. What no table knows is an error with its address and text.
#pragma once

#include <tilejit/result.h>

#include <memory>

#include "targets/amdgpu/emulator/program.h"

namespace tilejit::amdgpu::emulator {

Result<std::unique_ptr<Program>> decode(const GpuRow& row, Kernel kernel);

}  // namespace tilejit::amdgpu::emulator

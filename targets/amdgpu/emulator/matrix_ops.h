// Binds matrix and dot instructions, whose arithmetic is in matrix.h and dot.h.
#pragma once

#include <tilejit/result.h>

#include "targets/amdgpu/emulator/dot.h"
#include "targets/amdgpu/emulator/matrix.h"
#include "targets/amdgpu/emulator/parse_text.h"
#include "targets/amdgpu/emulator/program.h"

namespace tilejit::amdgpu::emulator {

Result<void> bind_matrix(const Program& program, const Parsed& parsed, const MatrixOp& op, Instr& i);
Result<void> bind_dot(const Program& program, Parsed& parsed, const DotOp& op, Instr& i);

}  // namespace tilejit::amdgpu::emulator

// The words that follow an instruction's operands: `offset:16`, `op_sel:[0,1]`, `row_shr:1`, `clamp`.
#pragma once

#include <tilejit/result.h>

#include <string_view>

#include "targets/amdgpu/emulator/instr.h"

namespace tilejit::amdgpu::emulator {

/// A word that names none is `invalid` and named: nothing that could change a result is passed over.
Result<void> parse_modifier(std::string_view word, Modifiers& m);

}  // namespace tilejit::amdgpu::emulator

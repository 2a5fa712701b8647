// Assembly text becomes a code object, by LLVM's assembler and the linker of link.h: what tests and experiments write by hand.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "targets/amdgpu/arch.h"

namespace tilejit::amdgpu {

/// A whole file: sections, symbols, .amdhsa_kernel and .amdgpu_metadata are the text's own. `features` as LLVM's -mattr.
/// `invalid` carries the assembler's words.
Result<std::vector<uint8_t>> assemble(const GpuRow& row, std::string_view text, const std::string& features = "");

}  // namespace tilejit::amdgpu

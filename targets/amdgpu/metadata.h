// Reads what a code object says of its one kernel: the metadata note and the size of its code.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>

#include "targets/amdgpu/codegen.h"

namespace tilejit::amdgpu {

Result<GpuResources> read_resources(std::span<const uint8_t> bytes);

}  // namespace tilejit::amdgpu

// The layout of every tile register of a kernel.
//
// Matrix steps demand the layouts of their instruction's operands; elementwise ops and broadcasts pass a demand on to the
// registers that they read and write. A lane holds neighbours of what goes between memory and shared memory as it is. What nobody
// demands has its columns over the lanes (columns_layout).
#pragma once

#include <tilejit/result.h>

#include <vector>

#include "ir/ir.h"
#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/layout.h"

namespace tilejit::amdgpu {

/// One layout for each value; an empty one for indices.
Result<std::vector<Layout>> infer(const ir::Kernel& kernel, const GpuRow& row);

}  // namespace tilejit::amdgpu

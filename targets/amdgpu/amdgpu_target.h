// The GPU rows as targets: Code::bytes is an ELF code object with one kernel, launched as kernel_arguments.h says.
#pragma once

#include <memory>
#include <vector>

#include "targets/target.h"

namespace tilejit {

/// One for each row of gpu_rows(), in that order.
const std::vector<std::unique_ptr<Target>>& amdgpu_targets();

}  // namespace tilejit

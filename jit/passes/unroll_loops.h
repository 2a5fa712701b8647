// unroll_loops: every `unrolled` loop becomes one copy of its body for each value of its variable.
#pragma once

#include "ir/ir.h"

namespace tilejit {

bool unroll_loops(ir::Kernel& kernel);

}  // namespace tilejit

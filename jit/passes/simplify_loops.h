// simplify_loops: a serial loop that runs never disappears; one that runs once becomes its body.
#pragma once

#include "ir/ir.h"

namespace tilejit {

bool simplify_loops(ir::Kernel& kernel);

}  // namespace tilejit

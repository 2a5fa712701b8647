// hoist_invariants: a load, convert or fill that gives the same tile in every iteration moves before its serial loop, when the
// loop has constant bounds, surely runs, and nothing in it could tell the difference.
#pragma once

#include "ir/ir.h"

namespace tilejit {

bool hoist_invariants(ir::Kernel& kernel);

}  // namespace tilejit

// expand_functions: every exp, erf and tanh becomes its sequence of ops (ir/functions.h), so that targets never see one.
// It follows hoist_invariants, which would keep the constants of a function in registers around the loops beside it.
#pragma once

#include "ir/ir.h"

namespace tilejit {

bool expand_functions(ir::Kernel& kernel);

}  // namespace tilejit

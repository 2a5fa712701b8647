// remove_dead: instructions whose result nobody reads, and loops with nothing in them, disappear.
#pragma once

#include "ir/ir.h"

namespace tilejit {

bool remove_dead(ir::Kernel& kernel);

}  // namespace tilejit

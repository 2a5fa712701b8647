// k in blocks: a block of k is used for all rows of a task before the next one, so that its weights stay in L1 or L2. Between
// blocks the sums of the rows wait in scratch. expand=panel unpacks a block once, into a scratch panel; expand=inplace
// unpacks it in every register tile.
#pragma once

#include "jit/linear/epilogue.h"
#include "jit/linear/nest.h"

namespace tilejit {

/// Inside the task loops of panels and of row blocks.
void build_blocked(Nest& nest, EpilogueBuilder& epilogue);

}  // namespace tilejit

// How often the loops of a kernel run, from their bounds alone.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

/// For every instruction that is a for_loop, how many iterations it runs in one launch with `m` rows: over all tasks, and over
/// all iterations of the loops around it. 0 for the rest. No bound may read an index that `load_index` has loaded.
std::vector<int64_t> count_iterations(const Kernel& kernel, int64_t m);

}  // namespace tilejit::ir

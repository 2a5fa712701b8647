// Where the bytes that a kernel loads come from. A load whose address does not change with a loop around it meets its
// bytes again in that loop's next iteration: they come from the smallest cache that holds all that one iteration
// touches. What no loop meets again comes from where it was left: scratch, workspace and activations from L2 where it
// holds them, weights (global buffers whose sizes do not depend on m) from memory, since other layers are read between
// two calls.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

struct CacheSizes {
  int64_t l1_bytes = 0;
  int64_t l2_bytes = 0;
};

struct LoadedBytes {
  double l1 = 0;
  double l2 = 0;
  double memory = 0;
};

/// For every instruction that is a for_loop, what one iteration of it loads, inner loops excluded, in a launch with `m`
/// rows; zeros for the rest. Loops are taken as their first iteration is, and loaded indices as 0.
std::vector<LoadedBytes> find_sources(const Kernel& kernel, int64_t m, CacheSizes caches);

}  // namespace tilejit::ir

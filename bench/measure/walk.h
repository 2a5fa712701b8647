// How to read weights from memory and not from a cache: as in a model, walk many copies of a layer in turn.
#pragma once

#include <cstdint>

namespace tilejit::measure {

/// How many copies of `bytes` together are larger than any cache. A tiny layer gets no more than a few thousand: it is in a
/// cache in any model.
int64_t walk_copies(int64_t bytes);

}  // namespace tilejit::measure

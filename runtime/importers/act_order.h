// act-order (desc_act): g_idx gives the group of each k. Rows are sorted by group once, here, by a permutation; activations
// are gathered by it, and the inner loop never sees it.
#pragma once

#include <tilejit/checkpoint.h>

#include "runtime/safetensors.h"

namespace tilejit {

/// Sets weights.perm and group_of_k, and appends "+act_order" to the format, unless g_idx is k / group already. `invalid`: a
/// wrong type, shape or group index; `unsupported`: groups that have not exactly `group` members each (the last may be short).
Result<void> apply_g_idx(const StoredTensor& g_idx, Layer& layer);

}  // namespace tilejit

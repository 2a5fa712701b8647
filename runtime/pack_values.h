// What a packed panel has for each group and channel, scales, offsets and zero points: `s`, `c` and `z` of pack.h.
#pragma once

#include <tilejit/weights.h>

#include <cstddef>
#include <cstdint>

#include "jit/build_linear.h"
#include "runtime/pack_words.h"

namespace tilejit {

/// [groups, panel] of one panel; null where the problem has none.
struct PanelValues {
  std::byte* scales;
  std::byte* offsets;
  std::byte* zeros;
};

/// Scales or offsets lie in the blocks of ggml formats, from which a channel is read as a whole.
bool has_block_floats(const Weights& weights);

/// `row` has a float for each group where has_block_floats.
void pack_values(const Weights& weights, const PackedShape& shape, PanelChannels channels, const PanelValues& to,
                 uint32_t* row);

}  // namespace tilejit

// The words of one packed panel, from the rows of a checkpoint: where `w` of pack.h gets its bits.
#pragma once

#include <tilejit/weights.h>

#include <cstddef>
#include <cstdint>

#include "jit/build_linear.h"

namespace tilejit {

/// The rows of the weights that a packed panel, or several, hold in their first columns; the others are padding.
struct PanelChannels {
  int64_t first;
  int64_t count;
};
PanelChannels channels_of(const PackedShape& shape, int64_t n, int64_t panel);

/// Panels that are packed together: a checkpoint's rows are read where they lie side by side, 64 channels or more at a time.
/// With swiglu they are of one half, every second panel.
int64_t panels_together(const PackedShape& shape);

/// Bytes of scratch that a thread needs for pack_integers and pack_matrix_integers.
int64_t tile_bytes(const PackedShape& shape);

/// Words of matrix steps: a block has one of `kk` weights, of any length, for each lane and channel.
void pack_matrix_integers(const Weights& weights, const PackedShape& shape, PanelChannels channels, int kk,
                          std::byte* words, uint8_t* tile);
void pack_matrix_floats(const Weights& weights, const PackedShape& shape, PanelChannels channels, int kk,
                        std::byte* words);

/// Weights of 4 or 8 bits: `kk` to a 32-bit word, of `panels` panels (at most panels_together) whose channels follow one
/// another. `words` are the first panel's, and zero where they are padding; `tile` has tile_bytes of the thread's own.
void pack_integers(const Weights& weights, const PackedShape& shape, PanelChannels channels, int64_t panels, int kk,
                   std::byte* words, uint8_t* tile);

/// Dense weights: two of bf16 or one of any type to a word.
void pack_dense(const Weights& weights, const PackedShape& shape, PanelChannels channels, int kk, std::byte* words);

}  // namespace tilejit

// Where the bits of one weight lie: the part of `read_tile` and `validate` that depends on the packing, as data; and the
// readers of scales and zero points for whole rows of them.
#pragma once

#include <tilejit/weights.h>

#include <cstdint>

namespace tilejit {

/// Consecutive k of one channel in one 32-bit word: weight i is (word >> (shift + i * step)) & mask, then ^ flip.
struct WordRun {
  int64_t offset = 0;  // of the word, in bytes from the start of its row
  int bytes = 4;       // of the word that lie inside the row; the others are never read
  int count = 0;
  int shift = 0;
  int step = 0;
};

/// The run that starts at stored position k (at least one weight). For k_words, `offset` is from the start of column 0.
WordRun word_run(const Weights& weights, int64_t k);

/// Bytes between the rows of consecutive channels (row packings), of words (k_words), or of k (n_words_awq).
int64_t row_bytes(const Weights& weights);
/// Bytes that `data` must have, -1 when n and k do not fit the packing (see `row_bytes`).
int64_t data_bytes(const Weights& weights);
/// Bytes that `zeros` must have, -1 when n does not fit the packing.
int64_t zeros_bytes(const Weights& weights);

/// Scales or offsets of ggml formats, which lie at the head of their blocks.
enum class BlockFloat : uint8_t { scale, offset };
/// What read_scale or read_offset give for every group of channel n, one after another, finding each block once.
void read_block_floats(const Weights& weights, BlockFloat which, int64_t n, uint32_t* bits);

/// The low eight bits of what read_zero gives for n_count channels from n0, a word at a time.
void read_zeros(const Weights& weights, int64_t group, int64_t n0, int64_t n_count, uint8_t* z);

}  // namespace tilejit

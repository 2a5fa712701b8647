// Where the bits of one weight lie: the part of `read_tile` and `validate` that depends on the packing, as data.
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

/// Byte 0 of the block that holds group `group` of channel `n` (ggml formats).
const std::byte* block_of(const Weights& weights, int64_t group, int64_t n);

}  // namespace tilejit

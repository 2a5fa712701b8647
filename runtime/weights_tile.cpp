// read_tile: the integers of a tile, k-major, from any packing.
//
// Every packing but AWQ's is one thing in three steps: find the words that hold a run of k (word_run), bring the words of
// 64 channels side by side (they already lie so in k_words, elsewhere they are gathered from 64 rows), shift and mask. The
// last step is the hot loop; it has a fixed length so that the compiler turns it into vector instructions without a tail.
#include <tilejit/weights.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "ir/quant.h"
#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

constexpr int64_t lanes = 64;              // channels of one pass
constexpr int64_t runs_ahead = 16;         // how far read_k_words_tile prefetches
constexpr int64_t awq_rows_ahead = 48;     // how far read_awq_tile does: a row of 64 channels is half a cache line
constexpr int64_t rows_ahead_bytes = 128;  // how far gather_rows prefetches in each row
using WordBlock = std::array<std::byte, lanes * 4>;

/// How an extracted field becomes u.
struct Field {
  uint32_t mask;
  uint32_t flip;
};

Field field_of(const Weights& w) {
  return {.mask = (1u << w.bits) - 1, .flip = quant_format_of(w.packing).is_signed ? 1u << (w.bits - 1) : 0u};
}

uint32_t load_word(const std::byte* p) {
  uint32_t word = 0;
  std::memcpy(&word, p, sizeof word);
  return word;
}

/// u[i * stride + lane] of `run.count` weights of 64 words that lie side by side.
__attribute__((target_clones("arch=x86-64-v4", "avx2", "default"))) void unpack_words(const std::byte* __restrict words,
                                                                                      int count, int shift, int step,
                                                                                      Field field,
                                                                                      uint8_t* __restrict u,
                                                                                      int64_t stride) {
  for (int i = 0; i < count; ++i, shift += step, u += stride)
    for (int64_t lane = 0; lane < lanes; ++lane)
      u[lane] = static_cast<uint8_t>(((load_word(words + 4 * lane) >> shift) & field.mask) ^ field.flip);
}

/// The 64 channels of 8 AWQ words. Nibbles 0..3 of a word are its channels 0,2,4,6 and nibbles 4..7 are 1,3,5,7: each half is
/// spread to every second byte.
__attribute__((target_clones("arch=x86-64-v4", "avx2", "default"))) void unpack_awq(const std::byte* __restrict words,
                                                                                    uint8_t* __restrict u) {
  for (int64_t i = 0; i < lanes / 8; ++i) {
    const uint64_t word = load_word(words + 4 * i);
    uint64_t even = word & 0xffff;
    uint64_t odd = word >> 16;
    even = (even | even << 24) & 0x000000ff000000ffu;
    odd = (odd | odd << 24) & 0x000000ff000000ffu;
    even = (even | even << 12) & 0x000f000f000f000fu;
    odd = (odd | odd << 12) & 0x000f000f000f000fu;
    const uint64_t channels = even | odd << 8;
    std::memcpy(u + 8 * i, &channels, sizeof channels);
  }
}

/// Words [word][lane] of up to 64 channels, for a few runs: two runs share a word where its nibbles lie apart in k. All
/// words of a row are read before the next row is, because rows a power of two apart share their cache sets and push one
/// another out.
constexpr size_t max_runs = 16;
struct Gathered {
  std::array<WordRun, max_runs> runs;
  std::array<size_t, max_runs> word_of_run;
  size_t run_count = 0;
  std::array<int64_t, max_runs> offsets;
  size_t word_count = 0;
  int last_bytes = 4;  // of the last word that lie inside the row; all others are whole
  std::array<WordBlock, max_runs> words;
};

/// False when a word that is cut short by the end of its row (or by an unaligned chunk) must come last in another batch.
bool add_run(Gathered& g, const WordRun& run) {
  if (g.run_count == max_runs || g.last_bytes != 4) return false;
  const auto end = g.offsets.begin() + static_cast<int64_t>(g.word_count);
  const auto found = std::find(g.offsets.begin(), end, run.offset);
  g.word_of_run[g.run_count] = static_cast<size_t>(found - g.offsets.begin());
  g.runs[g.run_count++] = run;
  if (found != end) return true;
  g.last_bytes = run.bytes;
  g.offsets[g.word_count++] = run.offset;
  return true;
}

void gather_rows(const std::byte* first, int64_t row, int64_t n_count, Gathered& g) {
  const size_t whole = g.last_bytes == 4 ? g.word_count : g.word_count - 1;
  for (int64_t lane = 0; lane < n_count; ++lane, first += row) {
    std::byte* word = g.words[0].data() + 4 * lane;
    for (size_t i = 0; i < whole; ++i, word += sizeof(WordBlock)) std::memcpy(word, first + g.offsets[i], 4);
    // The rest of this word would be the next row's, or for the last row beyond the file.
    if (whole != g.word_count) std::memcpy(word, first + g.offsets[whole], static_cast<size_t>(g.last_bytes));
    __builtin_prefetch(first + g.offsets[0] + rows_ahead_bytes);
  }
}

/// Unpacks 64 words into the tile; a narrower tile goes through a buffer, so that nothing beyond it is written.
void unpack_into(const std::byte* words, const WordRun& run, Field field, int64_t n_count, uint8_t* u, int64_t stride) {
  if (n_count == lanes) return unpack_words(words, run.count, run.shift, run.step, field, u, stride);
  std::array<uint8_t, 8 * lanes> buffer;
  unpack_words(words, run.count, run.shift, run.step, field, buffer.data(), lanes);
  for (int i = 0; i < run.count; ++i)
    std::memcpy(u + i * stride, buffer.data() + i * lanes, static_cast<size_t>(n_count));
}

/// Up to 64 channels of a run of k_words, whose words lie side by side already.
void read_k_words(const Weights& w, const WordRun& run, Field field, int64_t n0, int64_t n_count, uint8_t* u,
                  int64_t stride) {
  const std::byte* words = w.data.data() + run.offset + n0 * 4;
  if (n_count == lanes) return unpack_words(words, run.count, run.shift, run.step, field, u, stride);
  WordBlock copy{};
  std::memcpy(copy.data(), words, static_cast<size_t>(n_count) * 4);
  unpack_into(copy.data(), run, field, n_count, u, stride);
}

/// Up to 64 channels of one k, the first of them n0 % 8 channels into the word at `row`.
void read_awq(const std::byte* row, int64_t skipped, int64_t n_count, uint8_t* u) {
  if (n_count == lanes && skipped == 0) return unpack_awq(row, u);
  std::array<std::byte, (lanes / 8 + 1) * 4> words{};
  std::array<uint8_t, 2 * lanes> channels;
  std::memcpy(words.data(), row, static_cast<size_t>((skipped + n_count + 7) / 8 * 4));
  unpack_awq(words.data(), channels.data());
  if (skipped + n_count > lanes)
    unpack_awq(words.data() + 4, channels.data() + 8);  // writes 56 channels again, and 8 more
  std::memcpy(u, channels.data() + skipped, static_cast<size_t>(n_count));
}

/// Positions from kk that are also consecutive in the file, at most `limit`.
int64_t consecutive(const Weights& w, int64_t position, int64_t limit) {
  if (w.perm.empty()) return limit;
  int64_t count = 1;
  const auto at = [&](int64_t i) { return w.perm[static_cast<size_t>(position + i)]; };
  while (count < limit && at(count) == at(0) + count) ++count;
  return count;
}

/// The run at tile position kk, cut to the tile and to what the permutation leaves together.
WordRun run_at(const Weights& w, int64_t k0, int64_t kk, int64_t k_count) {
  WordRun run = word_run(w, w.perm.empty() ? k0 + kk : w.perm[static_cast<size_t>(k0 + kk)]);
  run.count = static_cast<int>(consecutive(w, k0 + kk, std::min<int64_t>(run.count, k_count - kk)));
  return run;
}

/// Asks for the cache lines that a later run of k_words or AWQ needs: consecutive k are pages apart, where no hardware
/// prefetcher follows.
void prefetch_lines(const std::byte* first, int64_t bytes) {
  for (int64_t byte = 0; byte < bytes; byte += 64) __builtin_prefetch(first + byte);
  __builtin_prefetch(first + bytes - 1);  // nothing in a file is aligned: there may be a line more
}

int64_t stored_k(const Weights& w, int64_t position) {
  return w.perm.empty() ? position : w.perm[static_cast<size_t>(position)];
}

void read_awq_tile(const Weights& w, int64_t k0, int64_t k_count, int64_t n0, int64_t n_count, uint8_t* u,
                   int64_t stride) {
  const int64_t row = row_bytes(w);
  const std::byte* column = w.data.data() + n0 / 8 * 4;
  for (int64_t kk = 0; kk < k_count; ++kk, u += stride) {
    const int64_t ahead = k0 + kk + awq_rows_ahead;
    if (ahead < w.k) prefetch_lines(column + stored_k(w, ahead) * row, n_count / 2);
    const std::byte* words = column + stored_k(w, k0 + kk) * row;
    for (int64_t nn = 0; nn < n_count; nn += lanes)
      read_awq(words + nn / 2, n0 % 8, std::min(lanes, n_count - nn), u + nn);
  }
}

void read_k_words_tile(const Weights& w, int64_t k0, int64_t k_count, int64_t n0, int64_t n_count, uint8_t* u,
                       int64_t stride) {
  const Field field = field_of(w);
  for (int64_t kk = 0; kk < k_count;) {
    const WordRun run = run_at(w, k0, kk, k_count);
    const int64_t ahead = k0 + kk + runs_ahead * run.count;
    if (ahead < w.k) prefetch_lines(w.data.data() + word_run(w, stored_k(w, ahead)).offset + n0 * 4, n_count * 4);
    for (int64_t nn = 0; nn < n_count; nn += lanes)
      read_k_words(w, run, field, n0 + nn, std::min(lanes, n_count - nn), u + kk * stride + nn, stride);
    kk += run.count;
  }
}

/// Packings with one row for each channel.
void read_rows_tile(const Weights& w, int64_t k0, int64_t k_count, int64_t n0, int64_t n_count, uint8_t* u,
                    int64_t stride) {
  const Field field = field_of(w);
  const int64_t row = row_bytes(w);
  Gathered g;
  for (int64_t kk = 0; kk < k_count;) {
    const int64_t first = kk;
    g.run_count = g.word_count = 0;
    g.last_bytes = 4;
    while (kk < k_count) {
      const WordRun run = run_at(w, k0, kk, k_count);
      if (!add_run(g, run)) break;
      kk += run.count;
    }
    for (int64_t nn = 0; nn < n_count; nn += lanes) {
      const int64_t width = std::min(lanes, n_count - nn);
      gather_rows(w.data.data() + (n0 + nn) * row, row, width, g);
      uint8_t* tile = u + first * stride + nn;
      for (size_t r = 0; r < g.run_count; tile += g.runs[r].count * stride, ++r)
        unpack_into(g.words[g.word_of_run[r]].data(), g.runs[r], field, width, tile, stride);
    }
  }
}

}  // namespace

void read_tile(const Weights& w, int64_t k0, int64_t k_count, int64_t n0, int64_t n_count, uint8_t* u, int64_t stride) {
  if (w.packing == Packing::n_words_awq) return read_awq_tile(w, k0, k_count, n0, n_count, u, stride);
  if (w.packing == Packing::k_words) return read_k_words_tile(w, k0, k_count, n0, n_count, u, stride);
  return read_rows_tile(w, k0, k_count, n0, n_count, u, stride);
}

}  // namespace tilejit

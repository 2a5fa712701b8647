#include "runtime/weights_layout.h"

#include <algorithm>

#include "ir/check.h"
#include "ir/quant.h"

namespace tilejit {
namespace {

/// Runs of packings whose words hold consecutive k, low bits first.
WordRun plain_words(const Weights& w, int64_t k, int64_t bytes_between_words) {
  const int per_word = 32 / w.bits;
  const int first = static_cast<int>(k % per_word);
  return {.offset = k / per_word * bytes_between_words,
          .bytes = 4,
          .count = per_word - first,
          .shift = first * w.bits,
          .step = w.bits};
}

/// Runs of packings whose bytes hold one weight, or two that lie `chunk_bytes` apart.
WordRun bytes_run(const Weights& w, int64_t k, const BlockLayout& block) {
  const int64_t chunk_k = block.chunk_bytes * (8 / w.bits);
  const int64_t in_block = k % block.k;
  const int64_t in_chunk = in_block % chunk_k;
  const int64_t byte = in_chunk % block.chunk_bytes;
  const auto count = static_cast<int>(std::min<int64_t>(4, block.chunk_bytes - byte));
  return {.offset = k / block.k * block.bytes + block.header + in_block / chunk_k * block.chunk_bytes + byte,
          .bytes = count,
          .count = count,
          .shift = in_chunk < block.chunk_bytes ? 0 : 4,
          .step = 8};
}

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

WordRun word_run(const Weights& w, int64_t k) {
  switch (w.packing) {
    case Packing::k_words: return plain_words(w, k, row_bytes(w));
    case Packing::row_words: return plain_words(w, k, 4);
    case Packing::n_words_awq: return {.offset = k * row_bytes(w), .bytes = 4, .count = 1, .shift = 0, .step = 0};
    case Packing::row_bytes: {
      const auto count = static_cast<int>(std::min<int64_t>(4, w.k - k));
      return {.offset = k, .bytes = count, .count = count, .shift = 0, .step = 8};
    }
    case Packing::q4_0:
    case Packing::q4_1:
    case Packing::q8_0:
    case Packing::q4_k: return bytes_run(w, k, quant_format_of(w.packing).block);
    case Packing::row_floats: CHECK(false, "dense weights are floats: they have no integers to read");
  }
  return {};
}

int64_t row_bytes(const Weights& w) {
  switch (w.packing) {
    case Packing::k_words: return w.n * 4;
    case Packing::n_words_awq: return w.n / 8 * 4;
    case Packing::row_words: return ceil_div(w.k * w.bits, 32) * 4;
    case Packing::row_bytes: return w.k;
    case Packing::row_floats: return bytes_of(w.data_type, w.k);
    case Packing::q4_0:
    case Packing::q4_1:
    case Packing::q8_0:
    case Packing::q4_k: {
      const BlockLayout& block = quant_format_of(w.packing).block;
      return w.k / block.k * block.bytes;
    }
  }
  return 0;
}

int64_t data_bytes(const Weights& w) {
  switch (w.packing) {
    case Packing::k_words: return w.k * w.bits % 32 == 0 ? w.k * w.bits / 32 * row_bytes(w) : -1;
    case Packing::n_words_awq: return w.n % 8 == 0 ? w.k * row_bytes(w) : -1;
    case Packing::row_words:
    case Packing::row_bytes:
    case Packing::row_floats: return w.n * row_bytes(w);
    case Packing::q4_0:
    case Packing::q4_1:
    case Packing::q8_0:
    case Packing::q4_k: return w.k % quant_format_of(w.packing).block.k == 0 ? w.n * row_bytes(w) : -1;
  }
  return -1;
}

int64_t zeros_bytes(const Weights& w) {
  switch (w.zero_packing) {
    case ZeroPacking::none: return 0;
    case ZeroPacking::n_words:
    case ZeroPacking::n_words_minus_one:
    case ZeroPacking::n_words_awq: return w.n * w.bits % 32 == 0 ? w.groups() * (w.n * w.bits / 32) * 4 : -1;
    case ZeroPacking::n_words_transposed: return ceil_div(w.n * w.bits, 32) * w.groups() * 4;
  }
  return -1;
}

}  // namespace tilejit

#include <tilejit/weights.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "ir/quant.h"
#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

template <typename T>
T load(const std::byte* p) {
  T value{};
  std::memcpy(&value, p, sizeof value);
  return value;
}

/// The words that hold the stored zero points of one group, and where the fields lie in each of them.
struct ZeroWords {
  const std::byte* first = nullptr;
  int64_t stride = 4;  // bytes between words
  int per_word = 8;
  uint32_t mask = 15;
  uint32_t plus = 0;  // z - stored
  std::array<int, 8> shifts{};

  uint32_t word(int64_t n) const { return load<uint32_t>(first + n / per_word * stride); }
  uint32_t field(uint32_t word, int64_t i) const { return ((word >> shifts[static_cast<size_t>(i)]) & mask) + plus; }
};

ZeroWords zero_words(const Weights& w, int64_t group) {
  ZeroWords z{.per_word = 32 / w.bits, .mask = (1u << w.bits) - 1};
  const bool awq = w.zero_packing == ZeroPacking::n_words_awq;
  for (int i = 0; i < z.per_word; ++i) z.shifts[static_cast<size_t>(i)] = awq ? i / 2 * 4 + i % 2 * 16 : i * w.bits;
  if (w.zero_packing == ZeroPacking::n_words_minus_one) z.plus = 1;
  const bool transposed = w.zero_packing == ZeroPacking::n_words_transposed;
  if (transposed) z.stride = 4 * w.groups();
  z.first = w.zeros.data() + 4 * (transposed ? group : group * (w.n / z.per_word));
  return z;
}

uint32_t float_bits(const FloatMatrix& matrix, int64_t group, int64_t n) {
  const int64_t index = group * matrix.group_stride + n * matrix.channel_stride;
  if (matrix.type == Type::f32) return load<uint32_t>(matrix.data + 4 * index);
  return load<uint16_t>(matrix.data + 2 * index);
}

constexpr size_t q4_k_groups = 8;  // of a block

int64_t offset_in_block(BlockFloat which) { return which == BlockFloat::scale ? 0 : 2; }

/// The scales or offsets of a Q4_K block. Twelve bytes after the two halves hold six bits of each group, scales and minimums
/// alike: those of groups 0..3 lie in a word of their own; those of groups 4..7 in nibbles of the third word and in the two
/// bits that the first four leave over.
void read_q4_k(const std::byte* block, BlockFloat which, uint32_t* bits) {
  const bool scale = which == BlockFloat::scale;
  const auto own = load<uint32_t>(block + (scale ? 4 : 8));
  const uint32_t nibbles = (load<uint32_t>(block + 12) >> (scale ? 0 : 4)) & 0x0f0f0f0fu;
  const uint64_t sixes = (own & 0x3f3f3f3fu) | uint64_t{nibbles | ((own >> 2) & 0x30303030u)} << 32;
  // The product of a half and six bits is exact in f32.
  const float half = f16_to_f32(load<uint16_t>(block + offset_in_block(which)));
  const float factor = scale ? half : -half;
  for (size_t j = 0; j < q4_k_groups; ++j)
    bits[j] = std::bit_cast<uint32_t>(factor * static_cast<float>(static_cast<int>(sixes >> (8 * j) & 63)));
}

uint32_t block_float(const Weights& w, BlockFloat which, int64_t group, int64_t n) {
  const BlockLayout& block = quant_format_of(w.packing).block;
  const int64_t block_groups = block.k / w.group;
  const std::byte* at = w.data.data() + n * row_bytes(w) + group / block_groups * block.bytes;
  if (w.packing != Packing::q4_k) return load<uint16_t>(at + offset_in_block(which));
  std::array<uint32_t, q4_k_groups> bits;
  read_q4_k(at, which, bits.data());
  return bits[static_cast<size_t>(group) % q4_k_groups];
}

}  // namespace

Type Weights::scale_type() const { return quant_format_of(packing).scale_type.value_or(scales.type); }

int read_zero(const Weights& w, int64_t group, int64_t n) {
  if (w.zero_packing == ZeroPacking::none) return w.zero;
  const ZeroWords words = zero_words(w, group);
  return static_cast<int>(words.field(words.word(n), n % words.per_word));
}

void read_zeros(const Weights& w, int64_t group, int64_t n0, int64_t n_count, uint8_t* z) {
  if (w.zero_packing == ZeroPacking::none) {
    std::memset(z, w.zero, static_cast<size_t>(n_count));
    return;
  }
  const ZeroWords words = zero_words(w, group);
  for (int64_t n = n0; n < n0 + n_count;) {
    const uint32_t word = words.word(n);
    const int64_t first = n % words.per_word;
    const int64_t end = std::min<int64_t>(words.per_word, first + n0 + n_count - n);
    for (int64_t i = first; i < end; ++i) *z++ = static_cast<uint8_t>(words.field(word, i));
    n += end - first;
  }
}

uint32_t read_scale(const Weights& w, int64_t group, int64_t n) {
  const bool in_blocks = quant_format_of(w.packing).scales == ScaleLayout::in_blocks;
  return in_blocks ? block_float(w, BlockFloat::scale, group, n) : float_bits(w.scales, group, n);
}

uint32_t read_offset(const Weights& w, int64_t group, int64_t n) {
  const bool in_blocks = w.offsets.data == nullptr;
  return in_blocks ? block_float(w, BlockFloat::offset, group, n) : float_bits(w.offsets, group, n);
}

void read_block_floats(const Weights& w, BlockFloat which, int64_t n, uint32_t* bits) {
  const BlockLayout& block = quant_format_of(w.packing).block;
  const std::byte* at = w.data.data() + n * row_bytes(w);
  const uint32_t* const end = bits + w.groups();
  if (w.packing == Packing::q4_k) {
    for (; bits != end; bits += q4_k_groups, at += block.bytes) read_q4_k(at, which, bits);
    return;
  }
  for (at += offset_in_block(which); bits != end; ++bits, at += block.bytes) *bits = load<uint16_t>(at);
}

}  // namespace tilejit

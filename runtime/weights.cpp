#include <tilejit/weights.h>

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

int field_at(const std::byte* words, int64_t word, int64_t shift, int bits) {
  return static_cast<int>((load<uint32_t>(words + 4 * word) >> shift) & ((1u << bits) - 1));
}

/// Where AWQ keeps channel n of the eight in a word.
constexpr int awq_shift(int64_t n) { return static_cast<int>(n % 8 / 2 * 4 + n % 2 * 16); }

uint32_t float_bits(const FloatMatrix& matrix, int64_t group, int64_t n) {
  const int64_t index = group * matrix.group_stride + n * matrix.channel_stride;
  if (matrix.type == Type::f32) return load<uint32_t>(matrix.data + 4 * index);
  return load<uint16_t>(matrix.data + 2 * index);
}

/// The 6-bit scale and minimum of sub-block j of a Q4_K block: twelve bytes after d and dmin.
struct SubBlock {
  int scale;
  int minimum;
};

SubBlock q4_k_sub_block(const std::byte* block, int64_t j) {
  const auto byte = [&](int64_t i) { return std::to_integer<int>(block[4 + i]); };
  if (j < 4) return {.scale = byte(j) & 63, .minimum = byte(j + 4) & 63};
  return {.scale = (byte(j + 4) & 15) | (byte(j - 4) >> 6 << 4), .minimum = (byte(j + 4) >> 4) | (byte(j) >> 6 << 4)};
}

float f16_at(const std::byte* p) { return f16_to_f32(load<uint16_t>(p)); }

}  // namespace

Type Weights::scale_type() const { return quant_format_of(packing).scale_type.value_or(scales.type); }

int read_zero(const Weights& w, int64_t group, int64_t n) {
  const int64_t per_word = 32 / w.bits;
  const int64_t word = group * (w.n / per_word) + n / per_word;
  const int64_t shift = n % per_word * w.bits;
  switch (w.zero_packing) {
    case ZeroPacking::none: return w.zero;
    case ZeroPacking::n_words: return field_at(w.zeros.data(), word, shift, w.bits);
    case ZeroPacking::n_words_minus_one: return field_at(w.zeros.data(), word, shift, w.bits) + 1;
    case ZeroPacking::n_words_awq: return field_at(w.zeros.data(), word, awq_shift(n), w.bits);
    case ZeroPacking::n_words_transposed:
      return field_at(w.zeros.data(), n / per_word * w.groups() + group, shift, w.bits);
  }
  return w.zero;
}

uint32_t read_scale(const Weights& w, int64_t group, int64_t n) {
  if (quant_format_of(w.packing).scales != ScaleLayout::in_blocks) return float_bits(w.scales, group, n);
  const std::byte* block = block_of(w, group, n);
  if (w.packing != Packing::q4_k) return load<uint16_t>(block);
  return std::bit_cast<uint32_t>(f16_at(block) * static_cast<float>(q4_k_sub_block(block, group % 8).scale));
}

uint32_t read_offset(const Weights& w, int64_t group, int64_t n) {
  if (w.offsets.data != nullptr) return float_bits(w.offsets, group, n);
  const std::byte* block = block_of(w, group, n);
  if (w.packing != Packing::q4_k) return load<uint16_t>(block + 2);
  // The product of a half and six bits is exact in f32.
  return std::bit_cast<uint32_t>(-(f16_at(block + 2) * static_cast<float>(q4_k_sub_block(block, group % 8).minimum)));
}

}  // namespace tilejit

#include "ir/quant.h"

#include <array>

namespace tilejit {
namespace {

constexpr QuantFormat word_format(std::string_view name, Packing packing, ZeroPacking zeros, bool has_8_bits,
                                  ScaleLayout scales) {
  return {.name = name,
          .packing = packing,
          .zeros = zeros,
          .has_4_bits = true,
          .has_8_bits = has_8_bits,
          .is_dense = false,
          .is_signed = packing == Packing::row_bytes,
          .has_centre_zero = true,
          .has_offsets = false,
          .scales = scales,
          .scale_type = std::nullopt,
          .group = 0,
          .block = {}};
}

constexpr QuantFormat block_format(std::string_view name, Packing packing, int bits, bool has_offsets, Type scale_type,
                                   BlockLayout block) {
  return {.name = name,
          .packing = packing,
          .zeros = ZeroPacking::none,
          .has_4_bits = bits == 4,
          .has_8_bits = bits == 8,
          .is_dense = false,
          .is_signed = bits == 8,
          .has_centre_zero = !has_offsets,
          .has_offsets = has_offsets,
          .scales = ScaleLayout::in_blocks,
          .scale_type = scale_type,
          .group = 32,
          .block = block};
}

constexpr QuantFormat dense_format(std::string_view name, Packing packing) {
  return {.name = name,
          .packing = packing,
          .zeros = ZeroPacking::none,
          .has_4_bits = false,
          .has_8_bits = false,
          .is_dense = true,
          .is_signed = false,
          .has_centre_zero = false,
          .has_offsets = false,
          .scales = ScaleLayout::absent,
          .scale_type = std::nullopt,
          .group = 0,
          .block = {}};
}

// clang-format off
constexpr std::array rows = {
    word_format("gptq",    Packing::k_words,     ZeroPacking::n_words_minus_one,  true,  ScaleLayout::groups_by_channels),
    word_format("gptq_v2", Packing::k_words,     ZeroPacking::n_words,            true,  ScaleLayout::groups_by_channels),
    word_format("awq",     Packing::n_words_awq, ZeroPacking::n_words_awq,        false, ScaleLayout::groups_by_channels),
    word_format("ct-pack", Packing::row_words,   ZeroPacking::n_words_transposed, true,  ScaleLayout::channels_by_groups),
    word_format("ct-int",  Packing::row_bytes,   ZeroPacking::none,               true,  ScaleLayout::channels_by_groups),
    block_format("gguf q4_0", Packing::q4_0, 4, false, Type::f16, {.k = 32,  .bytes = 18,  .header = 2,  .chunk_bytes = 16}),
    block_format("gguf q4_1", Packing::q4_1, 4, true,  Type::f16, {.k = 32,  .bytes = 20,  .header = 4,  .chunk_bytes = 16}),
    block_format("gguf q8_0", Packing::q8_0, 8, false, Type::f16, {.k = 32,  .bytes = 34,  .header = 2,  .chunk_bytes = 32}),
    block_format("gguf q4_k", Packing::q4_k, 4, true,  Type::f32, {.k = 256, .bytes = 144, .header = 16, .chunk_bytes = 32}),
    dense_format("dense", Packing::row_floats),
};
// clang-format on

/// By packing, the first of its rows: readers ask for it once per value.
constexpr auto first_row = [] {
  std::array<size_t, packing_count> first{};
  for (size_t i = rows.size(); i-- > 0;) first[static_cast<size_t>(rows[i].packing)] = i;
  return first;
}();

}  // namespace

std::span<const QuantFormat> quant_formats() { return rows; }

const QuantFormat* find_quant_format(std::string_view name) {
  for (const QuantFormat& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

const QuantFormat& quant_format_of(Packing packing) { return rows[first_row[static_cast<size_t>(packing)]]; }

}  // namespace tilejit

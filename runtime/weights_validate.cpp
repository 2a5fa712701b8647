// validate: what the readers of weights.h rely on. Views come from files and from callers' own structures alike.
#include <fmt/format.h>
#include <tilejit/weights.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "ir/quant.h"
#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

constexpr int64_t max_size = int64_t{1} << 30;

template <typename... Args>
Error bad(const Weights& w, fmt::format_string<Args...> text, Args&&... args) {
  return invalid(fmt::format("layer '{}': {}", w.name, fmt::format(text, std::forward<Args>(args)...)));
}

Result<void> check_shape(const Weights& w) {
  const QuantFormat& format = quant_format_of(w.packing);
  if (w.n < 1 || w.k < 1 || w.n > max_size || w.k > max_size || w.n * w.k > int64_t{1} << 40)
    return bad(w, "n={} k={} are not sizes from 1 to 2^30 with n*k up to 2^40", w.n, w.k);
  if (!format.has_bits(w.bits))
    return bad(w, "bits={} does not fit the packing of {}; it has {}", w.bits, format.name,
               format.is_dense      ? "16"
               : !format.has_8_bits ? "4"
               : format.has_4_bits  ? "4 and 8"
                                    : "8");
  if (w.activation_bits != 8 && w.activation_bits != 16)
    return bad(w, "activation_bits={} is neither 8 nor 16", w.activation_bits);
  if (w.group != -1 && w.group < 1) return bad(w, "group={} is neither -1 nor a count of weights", w.group);
  if (format.group != 0 && w.group != format.group)
    return bad(w, "group={}, but {} has {}", w.group, format.name, format.group);
  return {};
}

Result<void> check_sizes(const Weights& w) {
  const auto check = [&](const char* field, std::span<const std::byte> bytes, int64_t needed) -> Result<void> {
    if (needed < 0)
      return bad(w, "{}: n={} k={} bits={} do not fill whole words or blocks of this packing", field, w.n, w.k, w.bits);
    if (static_cast<int64_t>(bytes.size()) != needed)
      return bad(w, "{} has {} bytes; n={} k={} bits={} group={} need {}", field, bytes.size(), w.n, w.k, w.bits,
                 w.group, needed);
    return {};
  };
  TRY(check("data", w.data, data_bytes(w)));
  TRY(check("zeros", w.zeros, zeros_bytes(w)));
  if (!w.bias.empty()) TRY(check("bias", w.bias, bytes_of(w.bias_type, w.n)));
  return {};
}

/// Dense weights are their own values: nothing scales or moves them.
Result<void> check_dense(const Weights& w) {
  if (!is_float(w.data_type))
    return bad(w, "dense weights have type {}; f32, bf16 and f16 are read", to_string(w.data_type));
  if (w.scales.data != nullptr || w.offsets.data != nullptr || w.zero_packing != ZeroPacking::none)
    return bad(w, "dense weights have no scales, offsets or zero points; leave them out");
  if (w.group != -1) return bad(w, "group={}, but dense weights have no groups; leave it at -1", w.group);
  if (w.activation_bits != 16)
    return bad(w, "activation_bits={}, but dense weights meet activations of 16", w.activation_bits);
  if (!w.perm.empty()) return bad(w, "dense weights have no perm");
  return {};
}

Result<void> check_scales(const Weights& w) {
  const bool in_blocks = quant_format_of(w.packing).scales == ScaleLayout::in_blocks;
  if (in_blocks && (w.scales.data != nullptr || w.offsets.data != nullptr))
    return bad(w, "scales and offsets lie inside the blocks of this packing; leave their data null");
  if (!in_blocks && w.scales.data == nullptr) return bad(w, "scales are missing");
  for (const auto& [field, matrix] : {std::pair{"scales", &w.scales}, std::pair{"offsets", &w.offsets}}) {
    if (matrix->data == nullptr) continue;
    if (!is_float(matrix->type))
      return bad(w, "{} have type {}; f32, bf16 and f16 are read", field, to_string(matrix->type));
    if (matrix->type != w.scales.type)
      return bad(w, "{} have type {}, the scales {}", field, to_string(matrix->type), to_string(w.scales.type));
    if (matrix->group_stride < 0 || matrix->channel_stride < 0) return bad(w, "{} have a negative stride", field);
  }
  return {};
}

Result<void> check_quantization(const Weights& w) {
  if (!w.bias.empty() && !is_float(w.bias_type))
    return bad(w, "bias has type {}; f32, bf16 and f16 are read", to_string(w.bias_type));
  if (quant_format_of(w.packing).is_dense) return check_dense(w);
  TRY(check_scales(w));
  if (w.zero_packing == ZeroPacking::none && (w.zero < 0 || w.zero > 1 << w.bits))
    return bad(w, "zero={} is not from 0 to 2^{}", w.zero, w.bits);
  if (w.zero_packing != ZeroPacking::none && w.has_offsets())
    return bad(w, "has stored zero points and offsets; a layer has one of them");
  if (w.zero_packing == ZeroPacking::n_words_awq && w.bits != 4)
    return bad(w, "AWQ's zero points have 4 bits, not {}", w.bits);
  return {};
}

Result<void> check_permutation(const Weights& w) {
  if (w.perm.empty()) return {};
  if (static_cast<int64_t>(w.perm.size()) != w.k) return bad(w, "perm has {} entries, k={}", w.perm.size(), w.k);
  std::vector<bool> seen(w.perm.size());
  for (size_t i = 0; i < w.perm.size(); ++i) {
    const int32_t k = w.perm[i];
    if (k < 0 || k >= w.k) return bad(w, "perm[{}]={} is not from 0 to {}", i, k, w.k - 1);
    if (seen[static_cast<size_t>(k)]) return bad(w, "perm[{}]={} occurs twice", i, k);
    seen[static_cast<size_t>(k)] = true;
  }
  return {};
}

/// The exponent bits of a float; all ones when it is not finite.
uint32_t exponent_mask(Type type) { return type == Type::f32 ? 0x7f800000u : type == Type::bf16 ? 0x7f80u : 0x7c00u; }

// Runs of a fixed length, without a way out of the middle, are what the compiler turns into vector instructions.
constexpr int64_t run_length = 2048;

template <typename T>
bool is_finite(const std::byte* value, T exponent) {
  T bits;
  std::memcpy(&bits, value, sizeof bits);
  return (bits & exponent) != exponent;
}

template <typename T>
bool is_finite_run(const std::byte* values, T exponent) {
  T any = 0;
  for (int64_t i = 0; i < run_length; ++i)
    any = static_cast<T>(any | (is_finite<T>(values + i * static_cast<int64_t>(sizeof(T)), exponent) ? 0 : 1));
  return any == 0;
}

/// Index of the first of `count` values that is not finite, -1 when all are.
template <typename T>
int64_t find_not_finite(const std::byte* values, int64_t count, int64_t stride, Type type) {
  constexpr auto bytes = static_cast<int64_t>(sizeof(T));
  const auto exponent = static_cast<T>(exponent_mask(type));
  int64_t i = 0;
  while (stride == 1 && i + run_length <= count && is_finite_run<T>(values + i * bytes, exponent)) i += run_length;
  for (; i < count; ++i)
    if (!is_finite<T>(values + i * stride * bytes, exponent)) return i;
  return -1;
}

int64_t find_not_finite(const std::byte* values, int64_t count, int64_t stride, Type type) {
  return type == Type::f32 ? find_not_finite<uint32_t>(values, count, stride, type)
                           : find_not_finite<uint16_t>(values, count, stride, type);
}

/// A matrix of its own, walked in the order of its memory; a value that serves all groups or channels is looked at once.
Result<void> check_matrix(const Weights& w, const char* what, const FloatMatrix& matrix) {
  if (matrix.data == nullptr) return {};
  const int64_t groups = matrix.group_stride == 0 ? 1 : w.groups();
  const int64_t channels = matrix.channel_stride == 0 ? 1 : w.n;
  const bool by_group = matrix.channel_stride <= matrix.group_stride;  // rows of memory are groups
  const int64_t bytes = bits_of(matrix.type) / 8;
  for (int64_t row = 0; row < (by_group ? groups : channels); ++row) {
    const std::byte* values = matrix.data + row * (by_group ? matrix.group_stride : matrix.channel_stride) * bytes;
    const int64_t at = find_not_finite(values, by_group ? channels : groups,
                                       by_group ? matrix.channel_stride : matrix.group_stride, matrix.type);
    if (at >= 0)
      return bad(w, "the {} of group {}, channel {} is not finite", what, by_group ? row : at, by_group ? at : row);
  }
  return {};
}

Result<void> check_blocks(const Weights& w) {
  if (quant_format_of(w.packing).scales != ScaleLayout::in_blocks) return {};
  std::vector<uint32_t> bits(static_cast<size_t>(w.groups()));
  const uint32_t exponent = exponent_mask(w.scale_type());
  const auto is_finite = [&](uint32_t value) { return (value & exponent) != exponent; };
  for (int64_t n = 0; n < w.n; ++n)
    for (const BlockFloat which : {BlockFloat::scale, BlockFloat::offset}) {
      if (which == BlockFloat::offset && !w.has_offsets()) continue;
      read_block_floats(w, which, n, bits.data());
      const auto found = std::find_if_not(bits.begin(), bits.end(), is_finite);
      if (found == bits.end()) continue;
      return bad(w, "the {} of group {}, channel {} is not finite", which == BlockFloat::scale ? "scale" : "offset",
                 found - bits.begin(), n);
    }
  return {};
}

Result<void> check_floats(const Weights& w) {
  TRY(check_matrix(w, "scale", w.scales));
  TRY(check_matrix(w, "offset", w.offsets));
  TRY(check_blocks(w));
  const int64_t at = w.bias.empty() ? -1 : find_not_finite(w.bias.data(), w.n, 1, w.bias_type);
  if (at >= 0) return bad(w, "the bias of channel {} is not finite", at);
  if (!quant_format_of(w.packing).is_dense) return {};
  const int64_t weight = find_not_finite(w.data.data(), w.n * w.k, 1, w.data_type);
  if (weight >= 0) return bad(w, "the weight of channel {}, k {} is not finite", weight / w.k, weight % w.k);
  return {};
}

/// A stored z - 1 of 255 is a zero point of 256, which a packed one, of eight bits, cannot hold.
Result<void> check_zeros(const Weights& w) {
  if (w.zero_packing != ZeroPacking::n_words_minus_one || w.bits != 8) return {};
  const auto found = std::find(w.zeros.begin(), w.zeros.end(), std::byte{255});
  if (found == w.zeros.end()) return {};
  const int64_t at = found - w.zeros.begin();
  return bad(w, "the zero point of group {}, channel {} is 256; those of 8-bit weights are at most 255", at / w.n,
             at % w.n);
}

/// 4-bit weights in bytes: the packers keep four bits, so that a wider value would change silently.
Result<void> check_nibbles(const Weights& w) {
  if (w.packing != Packing::row_bytes || w.bits != 4) return {};
  const auto excess = [](std::byte b) { return (std::to_integer<unsigned>(b) + 8u) & 0xf0u; };
  constexpr auto run = static_cast<size_t>(run_length);
  size_t checked = 0;
  for (; checked + run <= w.data.size(); checked += run) {
    unsigned any = 0;
    for (size_t i = 0; i < run; ++i) any |= excess(w.data[checked + i]);
    if (any != 0) break;
  }
  const auto found = std::find_if(w.data.begin() + static_cast<int64_t>(checked), w.data.end(),
                                  [&](std::byte b) { return excess(b) != 0; });
  if (found == w.data.end()) return {};
  const int64_t at = found - w.data.begin();
  return bad(w, "the weight of channel {}, k {} is {}; 4-bit weights are from -8 to 7", at / w.k, at % w.k,
             static_cast<int>(std::to_integer<int8_t>(*found)));
}

}  // namespace

Result<void> validate(const Weights& w) {
  TRY(check_shape(w));
  TRY(check_sizes(w));
  TRY(check_quantization(w));
  TRY(check_permutation(w));
  TRY(check_floats(w));
  TRY(check_zeros(w));
  return check_nibbles(w);
}

}  // namespace tilejit

#include "tests/support/random_weights.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "ir/quant.h"
#include "runtime/weights_layout.h"

namespace tilejit::test {
namespace {

GuardedMemory& add_memory(OwnedWeights& w, int64_t bytes) {
  return *w.memory.emplace_back(std::make_unique<GuardedMemory>(std::max<int64_t>(bytes, 1)));
}

/// A scale: of either sign, now and then zero, over a few orders of magnitude; smaller for weights of more bits.
double random_scale(int bits, Rng& rng) {
  return rng.one_in(20) ? 0.0 : rng.symmetric() * std::ldexp(1.0, static_cast<int>(rng.between(-8, 0)) + 4 - bits);
}

/// [G, N] in either order; now and then one value for all groups or all channels.
FloatMatrix random_matrix(OwnedWeights& w, Type type, Rng& rng) {
  const int64_t groups = rng.one_in(8) ? 1 : w.view.groups();
  const int64_t channels = rng.one_in(8) ? 1 : w.view.n;
  const int64_t bytes = bits_of(type) / 8;
  GuardedMemory& memory = add_memory(w, groups * channels * bytes);
  for (int64_t i = 0; i < groups * channels; ++i)
    store_float(memory.data() + i * bytes, type, random_scale(w.view.bits, rng));
  const bool groups_first = rng.one_in(2);
  return {.data = memory.data(),
          .type = type,
          .group_stride = groups == 1    ? 0
                          : groups_first ? channels
                                         : 1,
          .channel_stride = channels == 1  ? 0
                            : groups_first ? 1
                                           : groups};
}

/// The ggml packing whose blocks are such groups.
std::vector<Packing> block_packings(const Problem& p) {
  if (p.group != 32 || p.k % 32 != 0 || p.perm) return {};
  const bool has_c = p.zp == ZeroDomain::floating && p.zero == 0;
  const bool centred = p.zp == ZeroDomain::none && p.zero == 1 << (p.weight_bits() - 1);
  if (p.s == Type::f16 && centred) return {p.weight_bits() == 4 ? Packing::q4_0 : Packing::q8_0};
  if (p.weight_bits() == 8 || !has_c) return {};
  if (p.s == Type::f16) return {Packing::q4_1};
  if (p.s == Type::f32 && p.k % 256 == 0) return {Packing::q4_k};
  return {};
}

std::vector<Packing> packings_for(const Problem& p) {
  if (!p.has_scales()) return {Packing::row_floats};
  if (std::vector<Packing> blocks = block_packings(p); !blocks.empty()) return blocks;
  std::vector<Packing> packings = {Packing::row_words, Packing::row_bytes};
  if (p.k % p.packed_k() == 0) packings.push_back(Packing::k_words);
  if (p.n % 8 == 0 && p.weight_bits() == 4) packings.push_back(Packing::n_words_awq);
  return packings;
}

/// Every block of a ggml row starts with one or two f16 that must be finite.
void set_block_scales(const Weights& w, std::byte* data, Rng& rng) {
  const QuantFormat& format = quant_format_of(w.packing);
  const int64_t halves = format.has_offsets ? 2 : 1;
  for (int64_t block = 0; block < w.n * w.k / format.block.k; ++block) {
    for (int64_t i = 0; i < halves; ++i)
      store_float(data + block * format.block.bytes + 2 * i, Type::f16, random_scale(w.bits, rng));
  }
}

void fill_data(OwnedWeights& w, Rng& rng) {
  const Weights& view = w.view;
  const std::span<std::byte> data = add_memory(w, data_bytes(view)).bytes();
  w.view.data = data;
  if (view.packing == Packing::row_floats) return fill_activations(data, view.data_type, Values::finite, rng);
  const bool nibbles_in_bytes = view.packing == Packing::row_bytes && view.bits == 4;
  for (std::byte& b : data) b = static_cast<std::byte>(nibbles_in_bytes ? rng.between(-8, 7) : rng.between(0, 255));
  if (quant_format_of(view.packing).scales == ScaleLayout::in_blocks) set_block_scales(view, data.data(), rng);
}

void fill_zeros(OwnedWeights& w, Rng& rng) {
  Weights& view = w.view;
  std::vector<ZeroPacking> packings = {ZeroPacking::n_words_transposed};
  if (view.n * view.bits % 32 == 0) {
    packings.push_back(ZeroPacking::n_words);
    packings.push_back(ZeroPacking::n_words_minus_one);
    if (view.bits == 4) packings.push_back(ZeroPacking::n_words_awq);
  }
  view.zero_packing = rng.pick(packings);
  const std::span<std::byte> zeros = add_memory(w, zeros_bytes(view)).bytes();
  // A zero point of 256, stored as 255, is refused.
  const bool no_256 = view.bits == 8 && view.zero_packing == ZeroPacking::n_words_minus_one;
  for (std::byte& b : zeros) b = static_cast<std::byte>(rng.between(0, no_256 ? 254 : 255));
  view.zeros = zeros;
}

void fill_bias(OwnedWeights& w, Type type, Rng& rng) {
  const int64_t bytes = bits_of(type) / 8;
  GuardedMemory& memory = add_memory(w, w.view.n * bytes);
  for (int64_t i = 0; i < w.view.n; ++i) store_float(memory.data() + i * bytes, type, rng.symmetric());
  w.view.bias = memory.bytes();
  w.view.bias_type = type;
}

}  // namespace

OwnedWeights random_weights(const Problem& p, Rng& rng) {
  OwnedWeights w;
  Weights& view = w.view;
  view.n = p.n;
  view.k = p.k;
  view.bits = p.weight_bits();
  view.activation_bits = p.quantizes_rows() ? 8 : 16;
  view.group = p.group;
  view.zero = p.zero;
  view.name = "random";
  view.packing = rng.pick(packings_for(p));
  view.data_type = p.a;
  fill_data(w, rng);
  if (p.zp == ZeroDomain::integer) fill_zeros(w, rng);
  const ScaleLayout scales = quant_format_of(view.packing).scales;
  const bool has_matrices = scales != ScaleLayout::in_blocks && scales != ScaleLayout::absent;
  if (has_matrices) view.scales = random_matrix(w, p.s, rng);
  if (has_matrices && p.zp == ZeroDomain::floating) view.offsets = random_matrix(w, p.s, rng);
  if (p.perm) {
    w.perm.resize(static_cast<size_t>(p.k));
    std::iota(w.perm.begin(), w.perm.end(), 0);
    rng.shuffle(w.perm);
    view.perm = w.perm;
  }
  if (p.has(Epilogue::bias)) fill_bias(w, p.bias_type, rng);
  return w;
}

}  // namespace tilejit::test

// The weights of one linear layer as a checkpoint stores them: a view, nothing is copied. `Linear::create` packs from it.
//
// w[k,n] = (u - z) * s + c with u an unsigned integer of `bits` bits (signed formats are read as u = q + 2^(bits-1)), z an
// integer (the constant `zero`, or stored), s and c floats per group and channel; with row_floats w is the value stored. The
// formats are those of the public tools: GPTQ, AWQ, compressed-tensors, AutoRound and ggml. Nothing needs to be aligned.
// Checkpoint::open fills these views.
#pragma once

#include <tilejit/packing.h>
#include <tilejit/result.h>
#include <tilejit/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tilejit {

/// A matrix of floats [G, N] with any strides (elements): 0 where one value serves all groups or all channels. Its owner
/// answers for the size: G and N are those of the weights.
struct FloatMatrix {
  const std::byte* data = nullptr;  // null: absent
  Type type = Type::f32;
  int64_t group_stride = 0;
  int64_t channel_stride = 0;
};

struct Weights {
  int64_t n = 0;
  int64_t k = 0;
  int bits = 4;              // 16: row_floats, whatever their type
  int activation_bits = 16;  // 8: the checkpoint asks for activations quantized to int8 row by row (w8a8, w4a8)
  int64_t group = -1;        // -1: one group over all of k
  Packing packing = Packing::row_bytes;
  Type data_type = Type::bf16;  // row_floats only
  std::span<const std::byte> data;
  int zero = 8;  // z when zero_packing is none
  ZeroPacking zero_packing = ZeroPacking::none;
  std::span<const std::byte> zeros;  // as zero_packing says; empty for none
  FloatMatrix scales;                // ggml formats and row_floats: null data
  FloatMatrix offsets;               // c, in the type of the scales; null: no c
  /// Stored k of each position: activations column perm[i] meets packed weight i. Empty: the identity.
  std::span<const int32_t> perm;
  std::span<const std::byte> bias;  // [n] of bias_type; empty: none
  Type bias_type = Type::f32;
  std::string name;                     // the layer, for messages
  std::shared_ptr<const void> storage;  // keeps the memory alive; may be null when the caller does

  int64_t groups() const { return group == -1 ? 1 : (k + group - 1) / group; }
  bool has_offsets() const { return offsets.data != nullptr || packing == Packing::q4_1 || packing == Packing::q4_k; }
  /// The type that scales are stored in (f32 for q4_k, whose scales are products).
  Type scale_type() const;
};

/// ok, or `invalid` naming the layer, the field and what would fit: sizes of every span, n, k, group > 0, perm a permutation,
/// 4-bit weights in bytes within -8..7, and every scale, offset and bias finite (a NaN or infinity names its group and
/// channel, a dense weight its channel and k), zero points of at most 255 for 8-bit weights. Reads all scales, all bytes of
/// 4-bit weights in bytes, and all dense weights. The readers below need weights that pass, and are not for dense ones.
Result<void> validate(const Weights& weights);

/// Reads integers u of `k_count` positions from k0 (after perm) and `n_count` channels from n0 into u[kk * stride + nn].
/// Fastest for n0 and n_count that are multiples of 64, and k0 and k_count of 8 (ggml formats: 64).
void read_tile(const Weights& weights, int64_t k0, int64_t k_count, int64_t n0, int64_t n_count, uint8_t* u,
               int64_t stride);
int read_zero(const Weights& weights, int64_t group, int64_t n);
/// The bits of the scale or offset in scale_type().
uint32_t read_scale(const Weights& weights, int64_t group, int64_t n);
uint32_t read_offset(const Weights& weights, int64_t group, int64_t n);

}  // namespace tilejit

// How the weights and the zero points of a layer lie in memory. The rows of ir/quant.h say which public format
// uses which; `read_tile` and `read_zero` (weights.h) read them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilejit {

/// How the weights lie in memory: integers, but for row_floats. N rows of K weights each; G groups along k.
enum class Packing : uint8_t {
  k_words,      // i32 [K*bits/32, N]: a word holds consecutive k of one channel, low bits first (GPTQ)
  n_words_awq,  // i32 [K, N/8]: a word holds 8 channels in the order 0,2,4,6,1,3,5,7 (AWQ gemm; 4 bits)
  row_words,    // i32 [N, ceil(K*bits/32)]: a word holds consecutive k, low bits first (compressed-tensors)
  row_bytes,    // i8 [N, K], signed: u = q + 2^(bits-1) (int-quantized; 4-bit weights in bytes too)
  q4_0,         // ggml blocks, rows [N][K/32] or [K/256]: integers, scales and offsets inside
  q4_1,
  q8_0,
  q4_k,
  row_floats,  // [N, K] of one float type: weights that are not quantized
};
inline constexpr size_t packing_count = static_cast<size_t>(Packing::row_floats) + 1;

/// How stored integer zero points lie in memory.
enum class ZeroPacking : uint8_t {
  none,                // z is the constant Weights::zero
  n_words,             // i32 [G, N*bits/32], low bits first, z stored (GPTQ v2)
  n_words_minus_one,   // the same, z - 1 stored (GPTQ v1): z = stored + 1, so 1..16, without a carry into the neighbour
  n_words_awq,         // i32 [G, N/8] in AWQ's order
  n_words_transposed,  // i32 [ceil(N*bits/32), G], packed along n (compressed-tensors)
};

}  // namespace tilejit

// The weight formats that can be read: one row each. Importers choose a row and fill Weights from it; `jitdump --list`
// prints the rows. A new format is a row here, and code only where its bits lie in a way that no row has yet.
//
// Sources: AutoGPTQ and GPTQModel (gptq, gptq_v2), AutoAWQ (awq), compressed-tensors (ct-pack, ct-int), ggml-common.h (gguf).
#pragma once

#include <tilejit/packing.h>
#include <tilejit/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tilejit {

enum class ScaleLayout : uint8_t {
  groups_by_channels,  // [G, N]
  channels_by_groups,  // [N, G], [N, 1], or one value for the tensor
  in_blocks,           // beside the integers
  absent,              // the weights are floats
};

/// Where the integers of a blocked row lie: `k` weights take `bytes` bytes, of which the first `header` hold scales. The rest
/// is cut into chunks of `chunk_bytes` bytes: with 8-bit weights a chunk's byte j is its weight j; with 4-bit weights the low
/// nibble of byte j is its weight j and the high nibble its weight chunk_bytes + j.
struct BlockLayout {
  int64_t k = 0;
  int64_t bytes = 0;
  int64_t header = 0;
  int64_t chunk_bytes = 0;
};

struct QuantFormat {
  std::string_view name;
  Packing packing;
  ZeroPacking zeros;  // of files with stored zero points; none: the format has none
  bool has_4_bits;
  bool has_8_bits;
  bool is_dense;         // floats of 16 or 32 bits, which count as 16
  bool is_signed;        // stored q = u - 2^(bits-1)
  bool has_centre_zero;  // the constant z is 2^(bits-1), else 0
  bool has_offsets;      // w = (u - z) * s + c with a stored c
  ScaleLayout scales;
  std::optional<Type> scale_type;  // none: as the tensor says
  int64_t group;                   // 0: the file says
  BlockLayout block;               // ggml formats only

  bool has_bits(int bits) const {
    return (bits == 4 && has_4_bits) || (bits == 8 && has_8_bits) || (bits == 16 && is_dense);
  }
  int constant_zero(int bits) const { return has_centre_zero ? 1 << (bits - 1) : 0; }
};

std::span<const QuantFormat> quant_formats();
/// Null when no row has this name.
const QuantFormat* find_quant_format(std::string_view name);
/// The first row with this packing: rows that share a packing differ in zero points only.
const QuantFormat& quant_format_of(Packing packing);

}  // namespace tilejit

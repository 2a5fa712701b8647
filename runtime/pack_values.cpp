#include "runtime/pack_values.h"

#include <cstring>

#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

/// Scales or offsets that lie in a matrix of their own: the same bits, in the order of the packed ones.
template <typename T>
void pack_matrix(const FloatMatrix& from, const PackedShape& shape, PanelChannels channels, std::byte* to) {
  constexpr auto bytes = static_cast<int64_t>(sizeof(T));
  for (int64_t g = 0; g < shape.groups; ++g, to += shape.panel * bytes) {
    const std::byte* source = from.data + (g * from.group_stride + channels.first * from.channel_stride) * bytes;
    for (int64_t i = 0; i < channels.count; ++i)
      std::memcpy(to + i * bytes, source + i * from.channel_stride * bytes, sizeof(T));
  }
}

/// Those that lie in the blocks of ggml formats, in the order of the blocks.
template <typename T>
void pack_block_floats(const Weights& w, BlockFloat which, const PackedShape& shape, PanelChannels channels,
                       std::byte* to, uint32_t* row) {
  constexpr auto bytes = static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < channels.count; ++i) {
    read_block_floats(w, which, channels.first + i, row);
    for (int64_t g = 0; g < shape.groups; ++g)
      std::memcpy(to + (g * shape.panel + i) * bytes, row + g, sizeof(T));  // x86 and every GPU: little endian
  }
}

template <typename T>
void pack_floats(const Weights& w, const PackedShape& shape, PanelChannels channels, const PanelValues& to,
                 uint32_t* row) {
  if (w.scales.data == nullptr)
    pack_block_floats<T>(w, BlockFloat::scale, shape, channels, to.scales, row);
  else
    pack_matrix<T>(w.scales, shape, channels, to.scales);
  if (w.offsets.data != nullptr)
    pack_matrix<T>(w.offsets, shape, channels, to.offsets);
  else if (w.has_offsets())
    pack_block_floats<T>(w, BlockFloat::offset, shape, channels, to.offsets, row);
}

}  // namespace

bool has_block_floats(const Weights& w) {
  return w.scales.data == nullptr || (w.has_offsets() && w.offsets.data == nullptr);
}

void pack_values(const Weights& w, const PackedShape& shape, PanelChannels channels, const PanelValues& to,
                 uint32_t* row) {
  if (bytes_of(w.scale_type(), 1) == 2)
    pack_floats<uint16_t>(w, shape, channels, to, row);
  else
    pack_floats<uint32_t>(w, shape, channels, to, row);
  if (to.zeros == nullptr) return;
  for (int64_t g = 0; g < shape.groups; ++g)
    read_zeros(w, g, channels.first, channels.count, reinterpret_cast<uint8_t*>(to.zeros + g * shape.panel));
}

}  // namespace tilejit

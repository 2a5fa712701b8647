// The words of matrix steps: [block][lane][channel][kk], where element e of the word of lane r holds
// k = (e % s) * lanes * pair + r * pair + e / s of the block, s = kk / pair.
#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/pack_words.h"
#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

constexpr int64_t tile_k = 256;  // k per read_tile, whole blocks: those have at most 128
constexpr size_t most_elements = 128;

/// The k of every element of a block's words, lane by lane.
struct BlockOrder {
  int lanes;
  int kk;
  std::array<uint8_t, most_elements> k_of{};
};

BlockOrder block_order(const PackedShape& shape, int kk) {
  BlockOrder order{.lanes = shape.lanes, .kk = kk};
  const int steps = kk / shape.pair;
  size_t at = 0;
  for (int r = 0; r < shape.lanes; ++r)
    for (int e = 0; e < kk; ++e)
      order.k_of[at++] = static_cast<uint8_t>(e % steps * shape.lanes * shape.pair + r * shape.pair + e / steps);
  return order;
}

/// The words of one lane of a block, whose values of k lie at block[k * panel].
void pack_lane(const BlockOrder& order, int lane, int bits, const uint8_t* block, int64_t panel, std::byte* to) {
  const uint8_t* k_of = order.k_of.data() + lane * order.kk;
  const int64_t word = int64_t{order.kk} * bits / 8;
  for (int e = 0; e < order.kk; e += 8 / bits) {
    const uint8_t* low = block + k_of[e] * panel;
    const uint8_t* high = block + k_of[e + 8 / bits - 1] * panel;
    std::byte* byte = to + e * bits / 8;
    for (int64_t c = 0; c < panel; ++c, byte += word)
      *byte = static_cast<std::byte>(bits == 8 ? low[c] : low[c] | high[c] << 4);
  }
}

/// Integers [k0, k0 + count) into the blocks from `first` on.
void pack_run(const Weights& w, const PackedShape& shape, PanelChannels channels, const BlockOrder& order, int64_t k0,
              int64_t count, int64_t first, std::byte* words, uint8_t* tile) {
  const int64_t lane_bytes = shape.panel * order.kk * w.bits / 8;
  for (int64_t done = 0; done < count; done += tile_k) {
    const int64_t rows = std::min(tile_k, count - done);
    const int64_t blocks = (rows + shape.block_k - 1) / shape.block_k;
    read_tile(w, k0 + done, rows, channels.first, channels.count, tile, shape.panel);
    std::memset(tile + rows * shape.panel, 0, static_cast<size_t>((blocks * shape.block_k - rows) * shape.panel));
    for (int64_t b = 0; b < blocks; ++b)
      for (int r = 0; r < order.lanes; ++r)
        pack_lane(order, r, w.bits, tile + b * shape.block_k * shape.panel, shape.panel,
                  words + ((first + done / shape.block_k + b) * order.lanes + r) * lane_bytes);
  }
}

}  // namespace

void pack_matrix_integers(const Weights& weights, const PackedShape& shape, PanelChannels channels, int kk,
                          std::byte* words, uint8_t* tile) {
  const BlockOrder order = block_order(shape, kk);
  if (channels.count < shape.panel) std::memset(tile, 0, static_cast<size_t>(tile_bytes(shape)));
  for (int64_t g = 0; g < shape.groups; ++g) {
    const int64_t k0 = g * shape.group;
    pack_run(weights, shape, channels, order, k0, std::min(shape.group, weights.k - k0), g * shape.group_blocks, words,
             tile);
  }
}

void pack_matrix_floats(const Weights& weights, const PackedShape& shape, PanelChannels channels, int kk,
                        std::byte* words) {
  const BlockOrder order = block_order(shape, kk);
  const int64_t bytes = bytes_of(weights.data_type, 1);
  const int64_t row = row_bytes(weights);
  for (int64_t block = 0; block < shape.blocks; ++block)
    for (int r = 0; r < order.lanes; ++r) {
      std::byte* to = words + (block * order.lanes + r) * shape.panel * kk * bytes;
      const uint8_t* k_of = order.k_of.data() + r * kk;
      for (int64_t c = 0; c < channels.count; ++c)
        for (int e = 0; e < kk; ++e) {
          const int64_t k = block * shape.block_k + k_of[e];
          if (k >= weights.k) continue;
          const std::byte* from = weights.data.data() + (channels.first + c) * row + k * bytes;
          std::memcpy(to + (c * kk + e) * bytes, from, static_cast<size_t>(bytes));
        }
    }
}

}  // namespace tilejit

#include "runtime/pack_words.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/transpose.h"
#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

constexpr int64_t tile_k = 256;  // k per read_tile: with panels of 128 channels a tile of 32 KiB
constexpr int64_t wide = 64;     // channels that a row of a tile has at least, where the layer has so many
constexpr size_t max_kk = 8;

using Bytes = Vector<uint8_t>;

/// How the words of integers are made.
struct IntegerWords {
  const Weights& weights;
  const PackedShape& shape;
  PanelChannels channels;
  int64_t panels;  // side by side in the tile
  int kk;
  std::array<int64_t, max_kk> k_of{};  // the k of element e of a word

  int64_t columns() const { return panels * shape.panel; }  // of the tile
};

IntegerWords integer_words(const Weights& weights, const PackedShape& shape, PanelChannels channels, int64_t panels,
                           int kk) {
  IntegerWords words{.weights = weights, .shape = shape, .channels = channels, .panels = panels, .kk = kk};
  const int steps = kk / shape.pair;
  for (int e = 0; e < kk; ++e) words.k_of[static_cast<size_t>(e)] = e % steps * shape.pair + e / steps;
  return words;
}

template <typename T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

/// Byte i of the words of 16 channels, whose values of k lie at block[k * columns].
Bytes word_bytes(const IntegerWords& words, const uint8_t* block, size_t i) {
  const auto row = [&](size_t e) {
    return load<Bytes>(reinterpret_cast<const std::byte*>(block + words.k_of[e] * words.columns()));
  };
  if (words.weights.bits == 8) return row(i);
  return row(2 * i) | (row(2 * i + 1) << 4);
}

/// The kk rows at `block`, of the tile's columns from a panel's first on, become one word per channel of the panel.
void pack_block(const IntegerWords& words, const uint8_t* block, std::byte* to) {
  const int64_t panel = words.shape.panel;
  int64_t channel = 0;
  for (; channel + 16 <= panel; channel += 16) {
    std::array<Bytes, 4> bytes;
    for (size_t i = 0; i < 4; ++i) bytes[i] = word_bytes(words, block + channel, i);
    transpose<uint8_t, 4>(bytes);
    std::memcpy(to + 4 * channel, bytes.data(), sizeof bytes);
  }
  for (; channel < panel; ++channel) {
    uint32_t word = 0;
    for (int e = 0; e < words.kk; ++e)
      word |= uint32_t{block[words.k_of[static_cast<size_t>(e)] * words.columns() + channel]}
              << (words.weights.bits * e);
    std::memcpy(to + 4 * channel, &word, sizeof word);
  }
}

/// Weights [k0, k0 + count) into the words of the panels from block `first` on.
void pack_run(const IntegerWords& words, int64_t k0, int64_t count, int64_t first, std::byte* to, uint8_t* tile) {
  const int64_t panel = words.shape.panel;
  const int64_t columns = words.columns();
  const int64_t next_panel = 4 * words.shape.halves * words.shape.blocks * panel;
  for (int64_t done = 0; done < count; done += tile_k) {
    const int64_t rows = std::min(tile_k, count - done);
    const int64_t blocks = (rows + words.kk - 1) / words.kk;
    read_tile(words.weights, k0 + done, rows, words.channels.first, words.channels.count, tile, columns);
    std::memset(tile + rows * columns, 0, static_cast<size_t>((blocks * words.kk - rows) * columns));
    for (int64_t p = 0; p < words.panels; ++p)
      for (int64_t b = 0; b < blocks; ++b)
        pack_block(words, tile + b * words.kk * columns + p * panel,
                   to + p * next_panel + 4 * (first + done / words.kk + b) * panel);
  }
}

/// Rows of dense words, one for each channel, that become columns.
struct DenseRows {
  const std::byte* from;
  int64_t row_bytes;
  int64_t words;  // whole ones of a row
  std::byte* to;
  int64_t panel;
};

/// A square block: as many words of as many channels as a vector has lanes.
template <typename Word>
void pack_square(const DenseRows& rows, int64_t channel, int64_t word) {
  constexpr size_t lanes = 16 / sizeof(Word);
  std::array<Vector<Word>, lanes> v;
  const std::byte* from = rows.from + channel * rows.row_bytes + word * static_cast<int64_t>(sizeof(Word));
  for (size_t i = 0; i < lanes; ++i, from += rows.row_bytes) v[i] = load<Vector<Word>>(from);
  transpose<Word, lanes>(v);
  std::byte* to = rows.to + (word * rows.panel + channel) * static_cast<int64_t>(sizeof(Word));
  for (size_t i = 0; i < lanes; ++i, to += rows.panel * static_cast<int64_t>(sizeof(Word)))
    std::memcpy(to, &v[i], sizeof v[i]);
}

/// Words [word, end) of channels [channel, channel_end), one by one.
template <typename Word>
void pack_singly(const DenseRows& rows, int64_t channel, int64_t channel_end, int64_t word, int64_t end) {
  constexpr auto bytes = static_cast<int64_t>(sizeof(Word));
  for (int64_t c = channel; c < channel_end; ++c)
    for (int64_t i = word; i < end; ++i)
      std::memcpy(rows.to + (i * rows.panel + c) * bytes, rows.from + c * rows.row_bytes + i * bytes, sizeof(Word));
}

/// Squares in the order that reads a cache line of each row, and writes whole ones: 64 bytes of rows that would fill 64 bytes.
template <typename Word>
void pack_rows(const DenseRows& rows, int64_t channels) {
  constexpr int64_t lanes = 16 / sizeof(Word);
  constexpr int64_t line = 4 * lanes;
  const int64_t whole_channels = channels / lanes * lanes;
  const int64_t whole_words = rows.words / lanes * lanes;
  for (int64_t strip = 0; strip < whole_channels; strip += line)
    for (int64_t first = 0; first < whole_words; first += line)
      for (int64_t c = strip; c < std::min(strip + line, whole_channels); c += lanes)
        for (int64_t word = first; word < std::min(first + line, whole_words); word += lanes)
          pack_square<Word>(rows, c, word);
  pack_singly<Word>(rows, 0, whole_channels, whole_words, rows.words);
  pack_singly<Word>(rows, whole_channels, channels, 0, rows.words);
}

}  // namespace

PanelChannels channels_of(const PackedShape& shape, int64_t n, int64_t panel) {
  const int64_t first = channel_of(shape, n, panel, 0);
  if (first < 0) return {.first = n, .count = 0};
  const int64_t half = n / shape.halves;
  return {.first = first, .count = std::min(shape.panel, half - first % half)};
}

int64_t panels_together(const PackedShape& shape) { return std::max<int64_t>(wide / shape.panel, 1); }

int64_t tile_bytes(const PackedShape& shape) { return tile_k * shape.panel * panels_together(shape); }

void pack_integers(const Weights& weights, const PackedShape& shape, PanelChannels channels, int64_t panels, int kk,
                   std::byte* words, uint8_t* tile) {
  const IntegerWords plan = integer_words(weights, shape, channels, panels, kk);
  // Columns without a channel are never read into the tile: they stay zero.
  if (channels.count < plan.columns()) std::memset(tile, 0, static_cast<size_t>(tile_bytes(shape)));
  // Groups of whole words follow one another without padding, so all of k is one run.
  if (shape.group % kk == 0) return pack_run(plan, 0, weights.k, 0, words, tile);
  for (int64_t g = 0; g < shape.groups; ++g) {
    const int64_t k0 = g * shape.group;
    pack_run(plan, k0, std::min(shape.group, weights.k - k0), g * shape.group_blocks, words, tile);
  }
}

void pack_dense(const Weights& weights, const PackedShape& shape, PanelChannels channels, int kk, std::byte* words) {
  const int64_t bytes = bytes_of(weights.data_type, 1);
  const int64_t stride = row_bytes(weights);
  const DenseRows rows{.from = weights.data.data() + channels.first * stride,
                       .row_bytes = stride,
                       .words = weights.k / kk,
                       .to = words,
                       .panel = shape.panel};
  if (bytes * kk == 2)
    pack_rows<uint16_t>(rows, channels.count);
  else
    pack_rows<uint32_t>(rows, channels.count);
  // A last word that k does not fill: its other half stays zero.
  const int64_t rest = (weights.k - rows.words * kk) * bytes;
  for (int64_t c = 0; rest > 0 && c < channels.count; ++c)
    std::memcpy(rows.to + (rows.words * rows.panel + c) * kk * bytes, rows.from + (c + 1) * stride - rest,
                static_cast<size_t>(rest));
}

}  // namespace tilejit

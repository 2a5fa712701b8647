#include "bench/pack/stored_layer.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "runtime/weights_layout.h"

namespace tilejit::bench {
namespace {

using Bytes = std::vector<std::byte>;

/// What the spans of Weights point into.
struct Storage {
  Bytes data;
  Bytes scales;
  Bytes zeros;
};

/// Uniform bits; none for a negative count.
Bytes random_bytes(int64_t count, std::mt19937_64& engine) {
  Bytes bytes(static_cast<size_t>(std::max<int64_t>(count, 0)));
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    const uint64_t bits = engine();
    std::memcpy(bytes.data() + i, &bits, std::min(sizeof bits, bytes.size() - i));
  }
  return bytes;
}

/// Floats of any type without the top bit of their exponent are finite.
void make_finite(std::span<std::byte> floats) {
  for (size_t i = 1; i < floats.size(); i += 2) floats[i] &= std::byte{0xbf};
}

/// Bits of a format become values that it can hold: 4-bit integers in bytes from -8 to 7, finite floats, those at the head of
/// blocks and dense weights.
void make_valid(std::span<std::byte> data, const QuantFormat& format, int bits) {
  if (format.is_dense) make_finite(data);
  if (format.packing == Packing::row_bytes && bits == 4)
    for (std::byte& value : data) value = static_cast<std::byte>((std::to_integer<int>(value) & 15) - 8);
  if (format.scales != ScaleLayout::in_blocks) return;
  const size_t halves = format.has_offsets ? 4 : 2;
  const auto block = static_cast<size_t>(format.block.bytes);
  for (size_t i = 0; i < data.size(); i += block) make_finite(data.subspan(i, halves));
}

}  // namespace

Weights random_stored_layer(const StoredFormat& stored, int64_t n, int64_t k, int64_t group, uint64_t seed) {
  const QuantFormat& format = *stored.format;
  std::mt19937_64 engine(seed);
  auto storage = std::make_shared<Storage>();
  Weights w;
  w.n = n;
  w.k = k;
  w.bits = format.is_dense ? 16 : bits_of(stored.weight);
  w.data_type = stored.weight;
  w.group = format.is_dense ? -1 : format.group != 0 ? format.group : group;
  w.packing = format.packing;
  w.zero = format.constant_zero(w.bits);
  w.zero_packing = format.zeros;
  w.name = format.name;
  storage->data = random_bytes(data_bytes(w), engine);
  make_valid(storage->data, format, w.bits);
  storage->zeros = random_bytes(zeros_bytes(w), engine);
  if (w.bits == 8)
    for (std::byte& zero : storage->zeros) zero &= std::byte{0x7f};  // a z - 1 of 255 would have no place in 8 bits
  if (format.scales == ScaleLayout::groups_by_channels || format.scales == ScaleLayout::channels_by_groups) {
    storage->scales = random_bytes(2 * w.groups() * n, engine);
    make_finite(storage->scales);
    const bool by_group = format.scales == ScaleLayout::groups_by_channels;
    w.scales = {storage->scales.data(), Type::f16, by_group ? n : 1, by_group ? 1 : w.groups()};
  }
  w.data = storage->data;
  w.zeros = storage->zeros;
  w.storage = storage;
  return w;
}

int64_t stored_bytes(const Weights& w) {
  const int64_t scales = w.scales.data == nullptr ? 0 : bytes_of(w.scales.type, w.groups() * w.n);
  return static_cast<int64_t>(w.data.size() + w.zeros.size()) + scales;
}

}  // namespace tilejit::bench

#include "tests/support/xxh64.h"

#include <array>
#include <bit>
#include <cstring>

namespace tilejit::test {
namespace {

constexpr uint64_t p1 = 0x9e3779b185ebca87, p2 = 0xc2b2ae3d27d4eb4f, p3 = 0x165667b19e3779f9, p4 = 0x85ebca77c2b2ae63,
                   p5 = 0x27d4eb2f165667c5;

template <typename T>
uint64_t take(std::span<const std::byte>& bytes) {
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes = bytes.subspan(sizeof value);
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) { return std::rotl(lane + input * p2, 31) * p1; }

/// The 32-byte stripes.
uint64_t stripes(std::span<const std::byte>& bytes) {
  std::array<uint64_t, 4> lanes = {p1 + p2, p2, 0, 0 - p1};
  while (bytes.size() >= 32)
    for (uint64_t& lane : lanes) lane = round(lane, take<uint64_t>(bytes));
  uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * p1 + p4;
  return hash;
}

}  // namespace

uint64_t xxh64(std::span<const std::byte> bytes) {
  const uint64_t length = bytes.size();
  uint64_t hash = (length >= 32 ? stripes(bytes) : p5) + length;
  while (bytes.size() >= 8) hash = std::rotl(hash ^ round(0, take<uint64_t>(bytes)), 27) * p1 + p4;
  if (bytes.size() >= 4) hash = std::rotl(hash ^ take<uint32_t>(bytes) * p1, 23) * p2 + p3;
  while (!bytes.empty()) hash = std::rotl(hash ^ take<uint8_t>(bytes) * p5, 11) * p1;
  hash = (hash ^ hash >> 33) * p2;
  hash = (hash ^ hash >> 29) * p3;
  return hash ^ hash >> 32;
}

}  // namespace tilejit::test

#include "targets/amdgpu/emulator/lds.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace tilejit::amdgpu::emulator {

Lds::Lds(uint32_t bytes) : bytes_(bytes), states_(bytes) {}

LdsFault Lds::read(uint32_t address, uint32_t bytes, void* to, const Epoch& epoch) {
  if (address > bytes_.size() || bytes > bytes_.size() - address) return LdsFault::out_of_bounds;
  std::memcpy(to, bytes_.data() + address, bytes);
  LdsFault fault = LdsFault::none;
  const uint32_t self = uint32_t{1} << (epoch.wave & 31);
  for (Byte* b = states_.data() + address; b != states_.data() + address + bytes; ++b) {
    if (b->writer == 255)
      fault = std::max(fault, LdsFault::uninitialized);
    else if (b->writer != epoch.wave && epoch.departed <= b->written)
      fault = LdsFault::race;
    if (epoch.arrived > b->read || b->readers == 0) {
      b->read = epoch.arrived;
      b->readers = self;
    } else if (epoch.arrived == b->read) {
      b->readers |= self;
    }
  }
  return fault;
}

LdsFault Lds::write(uint32_t address, uint32_t bytes, const void* from, const Epoch& epoch) {
  if (address > bytes_.size() || bytes > bytes_.size() - address) return LdsFault::out_of_bounds;
  std::memcpy(bytes_.data() + address, from, bytes);
  LdsFault fault = LdsFault::none;
  const uint32_t self = uint32_t{1} << (epoch.wave & 31);
  for (Byte* b = states_.data() + address; b != states_.data() + address + bytes; ++b) {
    const bool after_write = b->writer == 255 || b->writer == epoch.wave || epoch.departed > b->written;
    const bool after_reads = (b->readers & ~self) == 0 || epoch.departed > b->read;
    if (!after_write || !after_reads) fault = LdsFault::race;
    b->writer = epoch.wave;
    b->written = epoch.arrived;
  }
  return fault;
}

void Lds::outlive_barrier(const LdsTouch& touch, const Epoch& epoch) {
  const auto next = static_cast<uint16_t>(epoch.arrived + 1);
  for (size_t n = 0; n < touch.count; ++n)
    for (size_t at = touch.address[n]; at < std::min(bytes_.size(), size_t{touch.address[n]} + touch.bytes); ++at) {
      Byte& b = states_[at];
      if (touch.writes && b.writer == epoch.wave) b.written = next;
      if (!touch.writes) {
        b.readers = b.read == next ? b.readers | uint32_t{1} << (epoch.wave & 31) : uint32_t{1} << (epoch.wave & 31);
        b.read = next;
      }
    }
}

uint32_t bank_conflicts(const uint32_t* addresses, uint64_t active, int lanes, uint32_t bytes, uint32_t banks) {
  const uint32_t words = std::max(bytes / 4, 1U);
  const int group = std::max(static_cast<int>(std::min<uint32_t>(banks, 32) / words), 1);
  uint32_t extra = 0;
  for (int first = 0; first < lanes; first += group) {
    std::array<std::array<uint32_t, 32>, 64> seen;
    std::array<uint8_t, 64> count = {};
    uint8_t most = 1;
    for (int lane = first; lane < std::min(first + group, lanes); ++lane) {
      if (((active >> lane) & 1) == 0) continue;
      for (uint32_t w = 0; w < words; ++w) {
        const uint32_t word = addresses[lane] / 4 + w;
        const uint32_t bank = word % banks;
        const auto* end = seen[bank].data() + count[bank];
        if (std::find(static_cast<const uint32_t*>(seen[bank].data()), end, word) != end) continue;
        seen[bank][count[bank]++] = word;
        most = std::max(most, count[bank]);
      }
    }
    extra += most - 1U;
  }
  return extra;
}

}  // namespace tilejit::amdgpu::emulator

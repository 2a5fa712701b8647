// The local memory of a workgroup: bytes, who touched each since which barrier, and what the banks cost.
//
// A wave's accesses before its n-th arrival at a barrier happen before those that follow another wave's n-th departure. An
// access that is still in flight at an arrival counts for the next one. Two accesses of different waves that are not ordered
// so, at least one of them a write, are a race.
#pragma once

#include <cstdint>
#include <vector>

#include "targets/amdgpu/emulator/waits.h"

namespace tilejit::amdgpu::emulator {

enum class LdsFault : uint8_t { none, out_of_bounds, race, in_flight, uninitialized };

/// Where a wave stands: its number, and how many barriers it has arrived at and departed from.
struct Epoch {
  uint8_t wave = 0;
  uint16_t arrived = 0;
  uint16_t departed = 0;
};

class Lds {
 public:
  explicit Lds(uint32_t bytes);
  uint32_t size() const { return static_cast<uint32_t>(bytes_.size()); }
  /// On `out_of_bounds` nothing is moved; on the other faults everything is.
  LdsFault read(uint32_t address, uint32_t bytes, void* to, const Epoch& epoch);
  LdsFault write(uint32_t address, uint32_t bytes, const void* from, const Epoch& epoch);
  /// An access that is in flight while its wave arrives at a barrier.
  void outlive_barrier(const LdsTouch& touch, const Epoch& epoch);

 private:
  struct Byte {
    uint32_t readers = 0;  // the waves that read since `read`
    uint16_t read = 0;     // the largest count of arrivals of any reader
    uint16_t written = 0;
    uint8_t writer = 255;  // 255: nobody
  };
  std::vector<uint8_t> bytes_;
  std::vector<Byte> states_;
};

/// Clocks beyond those that the bytes need: lanes take turns in groups as wide as the banks, and each group takes as many
/// clocks as one bank has different words.
uint32_t bank_conflicts(const uint32_t* addresses, uint64_t active, int lanes, uint32_t bytes, uint32_t banks);

}  // namespace tilejit::amdgpu::emulator

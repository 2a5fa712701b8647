// What instructions cost on the cores that the CPU rows stand for: micro-ops by group of ports, latencies, width of the front
// end. The rows and their sources are timing.def; the prediction made of them is model.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "targets/x86/vcode.h"

namespace tilejit::x86 {

/// Groups of ports that take the same micro-ops. The first ones are AMD's, the p ones Intel's; a core has some of them.
enum class Group : uint8_t {
  fma,
  mul,
  add,
  shuffle,
  any,
  divider,
  load,
  loads,
  store,
  alu,
  alu1,
  p0,
  p1,
  p4,
  p5,
  p05,
  p06,
  p15,
  p23,
  p49,
  p78,
  p237,
};
inline constexpr size_t group_count = static_cast<size_t>(Group::p237) + 1;

struct PortGroup {
  std::string_view name;
  uint32_t ports = 0;  // one bit each; 0: the core has no such group
  int cycles = 1;      // that one micro-op takes its port
};

struct Use {
  Group group = Group::fma;
  int count = 0;
};

struct Cost {
  static constexpr size_t max_uses = 3;
  std::array<Use, max_uses> uses{};
  int slots = 0;  // of the front end
  int latency = 0;
  bool is_known = true;  // false: the core lacks the instruction
};

struct Core {
  std::string_view name;       // the row it is named after
  int slots_per_cycle = 0;     // instructions that enter the back end
  int l2_bytes_per_cycle = 0;  // sustained reads
  int forward_latency = 0;     // cycles from the store of a spilled register to its load
  std::array<PortGroup, group_count> groups{};
  const PortGroup& group(Group g) const { return groups[static_cast<size_t>(g)]; }
};

/// In the order zen4, zen5, spr, avx512.
std::span<const Core> cores();
/// The core of a CPU row; the rows of older Intel CPUs share one.
const Core& core_of(std::string_view row);

/// False: timing.def has no row for the op, or the core lacks the instruction.
bool has_timing(const Core& core, VOp op);
/// Of one instruction, its memory access included; copies that the encoder puts in front are not.
Cost cost_of(const Core& core, const Inst& inst);

}  // namespace tilejit::x86

// One wave: its registers, what is known about them, and the checks before each instruction.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "targets/amdgpu/emulator/instr.h"
#include "targets/amdgpu/emulator/lanes.h"
#include "targets/amdgpu/emulator/lds.h"
#include "targets/amdgpu/emulator/waits.h"

namespace tilejit::amdgpu::emulator {

struct Machine;
enum class ReportKind : uint8_t;

enum class State : uint8_t { running, at_barrier, ended };

/// Lanes whose half of a register has been written.
struct Written16 {
  uint64_t low = 0;
  uint64_t high = 0;
};

struct Wave {
  Machine* machine = nullptr;
  int lanes = 64;
  uint64_t all_lanes = ~uint64_t{0};
  std::array<uint32_t, scalar::count> sgpr = {};
  std::bitset<scalar::count> sgpr_written;
  std::vector<Lanes> vgpr;  // v0 to v255, then a0 to a255
  std::vector<Written16> vgpr_written;
  Waits waits;
  Epoch epoch;
  State state = State::running;
  int32_t pc = 0;  // of the instruction that runs, an index of the program
  int32_t next = 0;
  int32_t barrier_at = -1;
  std::vector<uint8_t> scratch;  // private bytes of lane 0, of lane 1, ...
  uint32_t scratch_bytes = 0;    // of a lane
  uint32_t mode = 0;             // rounding in bits 0 to 3, subnormals in 4 to 7
  bool flushes_f32 = false;      // subnormal f32 inputs and results are zero, by MODE
  bool loads_to_lds = false;     // has ever loaded from memory straight to the LDS
  bool ieee = true;              // min and max make a signalling NaN quiet instead of dropping it

  uint64_t pair(uint16_t first) const { return sgpr[first] | uint64_t{sgpr[first + 1U]} << 32; }
  uint64_t exec() const { return pair(scalar::exec) & all_lanes; }
  bool scc() const { return sgpr[scalar::scc] != 0; }
  void set_scc(bool value) {
    sgpr[scalar::scc] = value ? 1 : 0;
    sgpr_written.set(scalar::scc);
  }
  /// A mask as wide as the wave: one or two words.
  uint64_t mask(uint16_t first) const { return lanes == 64 ? pair(first) : sgpr[first]; }
  void set_mask(uint16_t first, uint64_t value) {
    if (first == scalar::null) return;
    set_scalar(first, static_cast<uint32_t>(value));
    if (lanes == 64) set_scalar(static_cast<uint16_t>(first + 1), static_cast<uint32_t>(value >> 32));
  }
  void set_scalar(uint16_t n, uint32_t value) {
    if (n == scalar::null) return;
    sgpr[n] = value;
    sgpr_written.set(n);
  }
  void set_pair(uint16_t n, uint64_t value) {
    if (n == scalar::null) return;
    set_scalar(n, static_cast<uint32_t>(value));
    set_scalar(static_cast<uint16_t>(n + 1), static_cast<uint32_t>(value >> 32));
  }
  /// An operand of a scalar instruction.
  uint32_t word(const Operand& o) const {
    return o.kind == Kind::sgpr ? sgpr[o.first] : static_cast<uint32_t>(o.value);
  }
  uint64_t words(const Operand& o) const { return o.kind == Kind::sgpr ? pair(o.first) : o.value; }

  /// Reports unwritten and in-flight registers among the instruction's.
  void check(const Instr& i);
  void report(ReportKind kind, std::string message);
};

std::string name_of(const Range& range);

}  // namespace tilejit::amdgpu::emulator

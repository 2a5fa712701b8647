// How long a steady loop takes, by counting issue slots: the waves that are resident on one SIMD run the loop's trace
// over and over, each in order, the oldest first. In a clock each port accepts at most one instruction and each wave
// gives at most one; a port is then busy for the instruction's clocks. On RDNA, WMMA and VALU share a port; on CDNA a wave issues every
// fourth clock at most. An estimate: caches, banks and other SIMDs appear only through the clocks and latencies that
// the trace states.
#pragma once

#include <tilejit/result.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"

namespace tilejit::amdgpu::emulator {

enum class Port : uint8_t { valu, matrix, lds, memory, scalar, none };  // none: waits, nops
inline constexpr size_t ports = 6;

/// What a step is outstanding in until its latency has passed; each counter finishes in order.
enum class Outstanding : uint8_t { loads, stores, lds, scalar, none };
inline constexpr size_t waited_kinds = 4;

enum class Meeting : uint8_t { none, arrive, wait, both };  // both: s_barrier

/// One instruction of the trace.
struct Step {
  Port port = Port::none;
  int clocks = 1;    // that its port, or without one its wave, is busy
  int transfer = 0;  // of its port's data path, which takes one after the other
  int latency = 0;   // from its issue, or the end of its transfer, to its result
  Outstanding counter = Outstanding::none;
  std::array<int, waited_kinds> at_most{-1, -1, -1, -1};  // it waits until no more are outstanding; -1: whatever is
  std::vector<int> needs{};  // it waits for the results of steps that many places before it, of earlier rounds too
  Meeting meeting = Meeting::none;
};

/// What one SIMD does in a clock. The caller may change a number, to see what it matters.
struct CycleModel {
  int wave_gap = 1;  // clocks between two instructions of a wave
  bool matrix_on_valu_port = false;
  int valu = 1;     // clocks of a VALU instruction
  int quarter = 4;  // of transcendental ones and 32-bit integer products
  int valu_latency = 0, quarter_latency = 0, scalar_latency = 0;
  int lds_latency = 64, memory_latency = 600, scalar_memory_latency = 200;
  double lds_bytes = 32, memory_bytes = 16;  // a clock, of one SIMD's share
};
CycleModel cycle_model(const GpuRow& row);

Step valu_step(const CycleModel& model);
Step quarter_step(const CycleModel& model);
Step matrix_step(int clocks);
/// Bytes of all lanes together; `lost`: those that banks could have moved in the clocks of conflicts.
Step lds_step(const CycleModel& model, int64_t bytes, double lost = 0);
Step load_step(const CycleModel& model, int64_t bytes);
Step store_step(const CycleModel& model, int64_t bytes);
Step scalar_step(const CycleModel& model);
/// s_nop n.
Step nop_step(const CycleModel& model, int n);

struct Residency {
  int waves = 1;              // on the SIMD
  int waves_per_group = 1;    // of them, that meet at barriers
  double waves_per_unit = 1;  // on a compute unit
};

struct CycleEstimate {
  double clocks = 0;                 // of one round of all waves
  std::array<double, ports> busy{};  // share of the clocks
  std::vector<std::pair<std::string, double>>
      idle;  // what waves did while the matrix unit was idle, as shares; largest first
  double matrix_share() const { return busy[static_cast<size_t>(Port::matrix)]; }
  /// The largest of `idle`; empty when the matrix unit is never idle.
  std::string limit() const { return idle.empty() ? std::string() : idle.front().first; }
};

/// `invalid`: an empty loop, or one in which every wave waits for ever.
Result<CycleEstimate> estimate_cycles(const CycleModel& model, std::span<const Step> loop, const Residency& residency);

}  // namespace tilejit::amdgpu::emulator

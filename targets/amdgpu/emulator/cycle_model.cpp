// What instructions cost. Sources: VALU widths and rates, AMD's CDNA and RDNA ISA documents and white papers (CDNA: 64
// lanes on 16 ALUs, transcendental at a quarter of the rate, on CDNA 4 at half; RDNA: 32 lanes on 32 ALUs); wait states
// of CDNA count turns of four clocks, one for each instruction of a wave; latencies of VALU, transcendental and SALU
// instructions on RDNA, LLVM 22's scheduling models; the oldest wave goes first (cycles.h), AMD's ISA documents
// (s_setprio: a wave's age follows its priority) and LLVM's pass that raises the priority of loads against older waves;
// LDS: four bytes a bank and clock for the SIMDs that share it;
// vector memory: 64 bytes a clock for the SIMDs of a compute unit. Assumed: the latencies of LDS (64 clocks), of vector
// memory that hits the L2 (600 clocks on CDNA, 400 on RDNA) and of scalar memory (200).
#include <algorithm>
#include <cmath>

#include "targets/amdgpu/emulator/cycles.h"

namespace tilejit::amdgpu::emulator {
namespace {

int clocks_for(double bytes, double per_clock) { return std::max(1, static_cast<int>(std::ceil(bytes / per_clock))); }

}  // namespace

CycleModel cycle_model(const GpuRow& row) {
  CycleModel model;
  model.lds_bytes = 4.0 * row.lds_banks / row.simds;
  model.memory_bytes = 64.0 / row.simds;
  if (is_cdna(row.family)) {
    model.wave_gap = 4;
    model.valu = 4;
    model.quarter = row.family == Family::cdna4 ? 8 : 16;
    model.valu_latency = model.valu;
    model.quarter_latency = model.quarter;
    model.scalar_latency = 4;
    return model;
  }
  model.matrix_on_valu_port = true;
  model.valu_latency = 5;
  model.quarter_latency = 10;
  model.scalar_latency = 2;
  model.memory_latency = 400;
  return model;
}

Step valu_step(const CycleModel& model) {
  return {.port = Port::valu, .clocks = model.valu, .latency = model.valu_latency};
}

Step quarter_step(const CycleModel& model) {
  return {.port = Port::valu, .clocks = model.quarter, .latency = model.quarter_latency};
}

Step matrix_step(int clocks) { return {.port = Port::matrix, .clocks = clocks, .latency = clocks}; }

Step lds_step(const CycleModel& model, int64_t bytes, double lost) {
  return {.port = Port::lds,
          .clocks = model.wave_gap,
          .transfer = clocks_for(static_cast<double>(bytes) + lost, model.lds_bytes),
          .latency = model.lds_latency,
          .counter = Outstanding::lds};
}

Step load_step(const CycleModel& model, int64_t bytes) {
  return {.port = Port::memory,
          .clocks = model.wave_gap,
          .transfer = clocks_for(static_cast<double>(bytes), model.memory_bytes),
          .latency = model.memory_latency,
          .counter = Outstanding::loads};
}

Step store_step(const CycleModel& model, int64_t bytes) {
  return {.port = Port::memory,
          .clocks = model.wave_gap,
          .transfer = clocks_for(static_cast<double>(bytes), model.memory_bytes),
          .latency = model.memory_latency,
          .counter = Outstanding::stores};
}

Step scalar_step(const CycleModel& model) {
  return {.port = Port::scalar, .clocks = 1, .latency = model.scalar_latency};
}

Step nop_step(const CycleModel& model, int n) { return {.port = Port::none, .clocks = (n + 1) * model.wave_gap}; }

}  // namespace tilejit::amdgpu::emulator

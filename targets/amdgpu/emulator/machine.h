// One workgroup while it runs: its waves, LDS, memory ranges, counts and reports.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/amdgpu/emulator/hazards.h"
#include "targets/amdgpu/emulator/lds.h"
#include "targets/amdgpu/emulator/program.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {

/// A memory range by address.
struct Span {
  uint64_t first = 0;
  uint64_t bytes = 0;
  bool is_writable = false;
  const std::string* name = nullptr;
};

struct Machine {
  const Program* program = nullptr;
  const Launch* launch = nullptr;
  std::vector<Span> spans;
  std::vector<uint64_t> kernarg;   // the segment, padded to whole words
  std::vector<uint64_t> dispatch;  // the packet that launched the kernel
  Lds lds{0};
  std::vector<Wave> waves;
  std::vector<HazardTracker> hazards;  // of each wave
  Counts counts;
  Trace trace;  // filled when the launch asks for it
  std::vector<Report> reports;
  std::vector<std::pair<uint64_t, uint64_t>> places;  // address and bytes: what an instruction touches, in a trace

  void report(const Wave& wave, ReportKind kind, std::string message);
  /// Null, with a report, outside of the ranges.
  uint8_t* memory(Wave& wave, uint64_t address, uint64_t bytes, Access access);

  /// What of Launch::memory the instruction that is running has touched.
  Touched touched();

 private:
  void note(const Span& span, uint64_t address, uint64_t bytes, Access access);
  size_t last_ = 0;  // the range that answered last is tried first
};

/// Memory and waves as the kernel descriptor asks.
Result<Machine> make_machine(const Program& program, const Launch& launch);
/// Sets up the registers; the machine must not move afterwards.
void start(Machine& machine);
/// Until all waves have ended.
Result<void> run(Machine& machine);

}  // namespace tilejit::amdgpu::emulator

// Runs AMDGPU code objects on a machine without the GPU: an instruction-level emulator of the very bytes that ship.
//
// `load` reads and decodes a kernel once; `run_workgroup` executes one workgroup, its waves in turns between barriers. Memory
// is the process's own: addresses are host addresses, and only the listed ranges may be touched. Instructions compute what
// AMD's ISA documents define; v_rcp, v_sqrt, v_rsq, v_exp and v_log, which hardware approximates, give the rounded value.
// What hardware would punish without a wrong number (a missing wait, a race) is a report: a run with any is an error.
#pragma once

#include <tilejit/result.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"

namespace tilejit::amdgpu::emulator {

enum class Access : uint8_t { read, read_write };
/// Ranges may overlap: what one of them allows is allowed.
struct MemoryRange {
  const void* data = nullptr;
  uint64_t bytes = 0;
  Access access = Access::read;
  std::string name;
};

struct Instr;
struct Program;
struct Wave;
class Traffic;
/// Called after each instruction of each wave; its place is wave.pc.
using Observer = std::function<void(const Wave& wave, const Instr& instr)>;
/// What is kept of a run: sums over everything, or also what each instruction did and which way the first wave went.
enum class Detail : uint8_t { sums, trace };

struct Launch {
  std::array<uint32_t, 3> workgroup = {0, 0, 0};   // which one runs
  std::array<uint32_t, 3> workgroups = {1, 1, 1};  // of the whole launch
  std::array<uint32_t, 3> size = {64, 1, 1};       // workitems of a workgroup
  std::span<const uint8_t> kernarg;
  uint32_t dynamic_lds_bytes = 0;  // behind those that the kernel descriptor asks for
  std::span<const MemoryRange> memory;
  uint64_t seed = 0;                        // the order in which waves take turns
  uint64_t most_instructions = 1ULL << 32;  // that all waves may execute
  const Observer* observer = nullptr;
  Detail detail = Detail::sums;
  Traffic* traffic = nullptr;  // adds up what all launches that name it move (traffic.h)
};

enum class ReportKind : uint8_t {
  unmet_wait,          // a register or LDS bytes are touched while a load or store of them is in flight
  lds_race,            // two waves touch LDS bytes, at least one writes, and no barrier lies between
  uninitialized,       // a register, lane or LDS byte is read that nothing wrote
  misaligned,          // an address that the instruction does not allow
  out_of_bounds,       // memory outside of the ranges, the LDS, the scratch or the kernarg segment
  barrier_divergence,  // waves wait at different barriers, or one ends while another waits
  wait_states,         // too few instructions between two that depend on each other
  undefined,           // what the ISA leaves undefined
};
std::string_view to_string(ReportKind kind);

struct Report {
  ReportKind kind = ReportKind::undefined;
  uint64_t address = 0;
  std::string instruction;
  std::string message;
  int wave = 0;
};
/// `0x1a60: global_load_dword v3, v[4:5], off: out of bounds: ...`
std::string describe(const Report& report);

/// Of executed instructions, summed over the waves.
struct Counts {
  uint64_t valu = 0, matrix = 0, salu = 0, smem = 0, vmem_load = 0, vmem_store = 0, lds = 0, branch = 0, wait = 0,
           barrier = 0, other = 0;
  uint64_t global_bytes_read = 0, global_bytes_written = 0, scalar_bytes_read = 0;
  uint64_t lds_bytes_read = 0, lds_bytes_written = 0;
  uint64_t lds_conflicts = 0;    // clocks that LDS instructions take beyond those that their bytes need
  uint64_t redundant_waits = 0;  // waits that found nothing to wait for
  uint64_t total() const {
    return valu + matrix + salu + smem + vmem_load + vmem_store + lds + branch + wait + barrier + other;
  }
  Counts& operator+=(const Counts& o);
  Counts& operator-=(const Counts& o);
};

/// Memory that an instruction of a wave touched when it was executed last.
struct Touched {
  int32_t range = -1;  // of Launch::memory; -1: none of them
  int64_t bytes = 0;   // those that several lanes touch count once
};

/// Kept by Detail::trace; instructions are indices of Program::instrs.
struct Trace {
  std::vector<Counts> of_instruction;  // summed over the waves; total() is how often it was executed
  std::vector<Touched> touched;        // by instruction
  std::vector<int32_t> path;           // what wave 0 executed, in order
};

struct Outcome {
  Counts counts;
  Trace trace;
  std::vector<Report> reports;  // one for each kind at an instruction, at most 32
};

class Emulator {
 public:
  /// `name` may be empty when the code object has one kernel. `invalid`: a malformed code object, an instruction or an operand
  /// form that the emulator does not know (with address and text), or resources that disagree with the row.
  static Result<Emulator> load(const GpuRow& row, std::span<const uint8_t> code_object, const std::string& name = "");
  Emulator(Emulator&&) noexcept;
  Emulator& operator=(Emulator&&) noexcept;
  ~Emulator();

  /// May run concurrently on one Emulator.
  Result<Outcome> run_workgroup(const Launch& launch) const;
  const Program& program() const { return *program_; }
  /// The same kernel as if its instruction at this place had never been there: what branched to it goes to the next one.
  Emulator without(size_t instruction) const;

 private:
  explicit Emulator(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace tilejit::amdgpu::emulator

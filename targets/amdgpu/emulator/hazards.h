// Wait states that hardware needs between two instructions of a wave and does not count itself: compilers insert s_nop,
// v_nop or s_wait_alu, and a result rarely shows when one is missing. A tracker per wave is told each instruction that
// issues.
//
// The distances are rows of a table (hazards_table.cpp), the pipelines of RDNA states (hazards.cpp). Sources: AMD's
// CDNA 2, 3, 4 and RDNA 3, 4 ISA documents ("manually inserted wait states"), LLVM 22's hazard recognizer and its pass
// for SGPR hazards, whose output for single pairs of instructions the numbers were compared with. A wait state is one
// issued instruction; s_nop n has n + 1. RDNA 2 needs none for what this project emits. Code for CDNA is taken to run with
// page faults that replay memory instructions (xnack).
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"

namespace tilejit::amdgpu::emulator {

enum class Unit : uint8_t {
  valu,    // all vector ALU instructions but those below; v_accvgpr_*, v_nop too
  trans,   // v_exp, v_log, v_rcp, v_rsq, v_sqrt, v_sin, v_cos
  dot,     // v_dot*
  matrix,  // v_mfma*, v_wmma*
  buffer,  // buffer_*
  flat,    // global_*, flat_*, scratch_*
  lds,     // ds_*
  smem,
  salu,  // waits, branches and barriers too
};

enum class RegisterFile : uint8_t { vgpr, agpr, sgpr, vcc, exec, m0, mode };

/// What an operand is to the instruction, where that matters.
enum class Role : uint8_t {
  other,
  a,  // of a matrix instruction or a dot
  b,
  c,
  lane_select,  // of v_readlane, v_writelane
  store_data,
};

struct RegisterRange {
  RegisterFile file = RegisterFile::vgpr;
  int first = 0;
  int count = 1;
  Role role = Role::other;
};

/// Properties beyond the unit.
enum Trait : uint16_t {
  dpp = 1,
  lane_access = 2,  // v_readlane, v_readfirstlane, v_writelane
  lane_swap = 4,    // v_permlane*_swap
  div_fmas = 8,
  half_write = 16,     // writes 16 bits of a register: op_sel of the destination, SDWA
  wide_store = 32,     // stores more than 64 bits; of buffers only without an SGPR as offset
  reads_m0_late = 64,  // loads to LDS, s_sendmsg
  waits_vdst = 128,    // s_wait_alu, s_waitcnt_depctr: va_vdst(0)
  waits_salu = 256,    // sa_sdst(0)
  waits_sdst = 512,    // va_sdst(0)
  waits_vcc = 1024,    // va_vcc(0)
  nop = 2048,          // s_nop
  frees_vgprs = 4096,  // s_sendmsg MSG_DEALLOC_VGPRS
  stores = 8192,       // to memory
};

/// An instruction as the table sees it. Ranges name all registers that it reads or writes, implicit ones too, EXEC only
/// where an instruction names it or writes it.
struct Issue {
  Unit unit = Unit::salu;
  uint16_t traits = 0;
  uint32_t opcode = 0;  // the same number for the same operation
  int passes = 0;       // of an MFMA: clocks_of(op) / 4
  int states = 1;       // wait states that it is: n + 1 of s_nop n
  std::vector<RegisterRange> reads;
  std::vector<RegisterRange> writes;
  // Filled by prepare(): rows of the table in which the instruction comes first or second.
  uint64_t first = 0;
  uint64_t second = 0;
};

/// Once for each instruction of a program.
void prepare(const GpuRow& row, Issue& issue);

class HazardTracker {
 public:
  explicit HazardTracker(const GpuRow& row);

  /// The instruction issues: empty, or what came too early. `now` is prepared and outlives the tracker.
  std::string issue(const Issue& now);
  /// Wait states pass.
  void wait(int states) { now_ += states; }

 private:
  struct Past {
    const Issue* issue = nullptr;
    int64_t end = 0;  // the tracker's clock when it had issued
  };
  struct PendingTrans {
    RegisterRange range;
    int valus = 0, transes = 0;  // issued since
  };

  std::string check_table(const Issue& now) const;
  std::string check_register(int index, const Issue& now, const RegisterRange& range) const;
  std::string check_clause(const Issue& now);
  std::string check_trans(const Issue& now);
  std::string check_wmma(const Issue& now);
  std::string check_sgprs(const Issue& now);

  Family family_;
  bool has_trans_hazard_ = false;
  int64_t now_ = 0;                   // wait states since the wave began
  std::deque<Past> past_;             // that may come first in a row, the last one first
  std::vector<const Issue*> clause_;  // scalar, or vector, memory instructions with nothing between them
  std::vector<PendingTrans> trans_;
  const Issue* last_wmma_ = nullptr;  // with no VALU instruction since
  bool after_nop_ = false;
  std::bitset<64> read_by_valu_;        // pairs of SGPRs; VCC is the last
  std::bitset<128> by_salu_, by_valu_;  // written, and not waited for
};

}  // namespace tilejit::amdgpu::emulator

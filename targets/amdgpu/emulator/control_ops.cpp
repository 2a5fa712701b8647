// Branches, barriers, the end of a program, waits, MODE, and instructions that only advise the hardware.
#include <fmt/format.h>

#include "targets/amdgpu/emulator/general_row.h"
#include "targets/amdgpu/emulator/machine.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace general_flag;

void nothing(Wave&, const Instr&) {}
void end_program(Wave& w, const Instr&) { w.state = State::ended; }
void branch(Wave& w, const Instr& i) { w.next = i.target; }
template <bool when>
void branch_scc(Wave& w, const Instr& i) {
  if (w.scc() == when) w.next = i.target;
}
template <bool zero>
void branch_vcc(Wave& w, const Instr& i) {
  if ((w.mask(scalar::vcc) == 0) == zero) w.next = i.target;
}
template <bool zero>
void branch_exec(Wave& w, const Instr& i) {
  if ((w.exec() == 0) == zero) w.next = i.target;
}

/// LDS accesses in flight now are not before the barrier.
void arrive(Wave& w) {
  w.waits.each_touch([&](const LdsTouch& touch) { w.machine->lds.outlive_barrier(touch, w.epoch); });
  ++w.epoch.arrived;
}
void barrier(Wave& w, const Instr&) {
  arrive(w);
  w.barrier_at = w.pc;
  w.state = State::at_barrier;
}
void barrier_signal(Wave& w, const Instr&) {
  if (w.epoch.arrived != w.epoch.departed) w.report(ReportKind::barrier_divergence, "signals twice without a wait");
  arrive(w);
}
void barrier_wait(Wave& w, const Instr&) {
  if (w.epoch.arrived == w.epoch.departed) w.report(ReportKind::barrier_divergence, "waits without a signal before it");
  w.barrier_at = w.pc;
  w.state = State::at_barrier;
}

void wait(Wave& w, const Instr& i) {
  bool did_wait = false;
  for (size_t n = 0; n < wait_counters; ++n)
    if (i.wait[n] >= 0) did_wait |= w.waits.wait(static_cast<Counter>(n), i.wait[n]);
  if (!did_wait) ++w.machine->counts.redundant_waits;
}

/// The one message that kernels send: their VGPRs go to other waves, while stores may still be on their way. A load must not.
void free_vgprs(Wave& w, const Instr&) {
  if (w.waits.has_loads()) w.report(ReportKind::unmet_wait, "frees VGPRs before a load of them was waited for");
}

/// A cache is invalidated or written back: it counts as a load (RDNA 4) that has no register.
void cache_load(Wave& w, const Instr&) {
  if (w.machine->program->row->family == Family::rdna4) w.waits.add(Counter::vm, {});
}
void cache_store(Wave& w, const Instr&) {
  if (w.machine->program->row->family == Family::rdna4) w.waits.add(Counter::vs, {});
}

void set_mode(Wave& w, uint32_t value, int offset, int bits) {
  const uint32_t mask = (bits >= 32 ? ~uint32_t{0} : (uint32_t{1} << bits) - 1) << offset;
  w.mode = (w.mode & ~mask) | ((value << offset) & mask);
  const uint32_t f32 = (w.mode >> 4) & 3;
  if ((w.mode & 15) != 0 || ((w.mode >> 6) & 3) != 3 || (f32 != 0 && f32 != 3))
    w.report(ReportKind::undefined, fmt::format("sets MODE to {:#x}, which the emulator does not compute in", w.mode));
  w.flushes_f32 = f32 == 0;
}
void set_register(Wave& w, const Instr& i) {
  set_mode(w, w.word(i.operand[0]), i.modifiers.offset, i.modifiers.offset1);
}
void get_register(Wave& w, const Instr& i) {
  const int bits = i.modifiers.offset1;
  w.set_scalar(i.operand[0].first,
               (w.mode >> i.modifiers.offset) & (bits >= 32 ? ~uint32_t{0} : (uint32_t{1} << bits) - 1));
}
void denorm_mode(Wave& w, const Instr& i) { set_mode(w, i.encoding & 15, 4, 4); }
void round_mode(Wave& w, const Instr& i) { set_mode(w, i.encoding & 15, 0, 4); }

constexpr GeneralRow rows[] = {
    {"s_endpgm", end_program, Class::other},
    {"s_branch", branch, Class::branch, 1},
    {"s_cbranch_scc0", branch_scc<false>, Class::branch, 1, 0, reads_scc},
    {"s_cbranch_scc1", branch_scc<true>, Class::branch, 1, 0, reads_scc},
    {"s_cbranch_vccz", branch_vcc<true>, Class::branch, 1, 0, reads_vcc},
    {"s_cbranch_vccnz", branch_vcc<false>, Class::branch, 1, 0, reads_vcc},
    {"s_cbranch_execz", branch_exec<true>, Class::branch, 1, 0, reads_exec},
    {"s_cbranch_execnz", branch_exec<false>, Class::branch, 1, 0, reads_exec},
    {"s_barrier", barrier, Class::barrier},
    {"s_barrier_signal", barrier_signal, Class::barrier, 1},
    {"s_barrier_wait", barrier_wait, Class::barrier, 1},
    {"s_nop", nothing, Class::wait, 0, 0, from_text},
    {"s_delay_alu", nothing, Class::wait, 0, 0, from_text},
    {"s_clause", nothing, Class::other, 0, 0, from_text},
    {"s_sleep", nothing, Class::other, 0, 0, from_text},
    {"s_sendmsg", free_vgprs, Class::other, 0, 0, from_text},
    {"s_setprio", nothing, Class::other, 1},
    {"s_sched_barrier", nothing, Class::other, 1},
    {"s_icache_inv", nothing, Class::other},
    {"s_inst_prefetch", nothing, Class::other, 0, 0, from_text},
    {"s_set_inst_prefetch_distance", nothing, Class::other, 0, 0, from_text},
    {"s_dcache_inv", nothing, Class::other},
    {"s_dcache_wb", nothing, Class::other},
    {"s_gl1_inv", nothing, Class::other},
    {"buffer_gl0_inv", nothing, Class::other},
    {"buffer_gl1_inv", nothing, Class::other},
    {"buffer_inv", nothing, Class::other},
    {"buffer_wbl2", nothing, Class::other},
    {"buffer_wbinvl1", nothing, Class::other},
    {"buffer_wbinvl1_vol", nothing, Class::other},
    {"buffer_invl2", nothing, Class::other},
    {"global_inv", cache_load, Class::other},
    {"global_wb", cache_store, Class::other},
    {"global_wbinv", cache_store, Class::other},
    {"s_setreg_b32", set_register, Class::salu, 1, 0, from_text},
    {"s_setreg_imm32_b32", set_register, Class::salu, 1, 0, from_text},
    {"s_getreg_b32", get_register, Class::salu, 1, 1, from_text},
    {"s_denorm_mode", denorm_mode, Class::salu, 1},
    {"s_round_mode", round_mode, Class::salu, 1},
};

constexpr GeneralRow waits[] = {
    {"s_waitcnt", wait, Class::wait, 0, 0, from_text},
    {"s_waitcnt_vscnt", wait, Class::wait, 0, 0, from_text},
    {"s_waitcnt_vmcnt", wait, Class::wait, 0, 0, from_text},
    {"s_waitcnt_lgkmcnt", wait, Class::wait, 0, 0, from_text},
    {"s_waitcnt_expcnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_loadcnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_storecnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_dscnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_kmcnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_samplecnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_bvhcnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_expcnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_loadcnt_dscnt", wait, Class::wait, 0, 0, from_text},
    {"s_wait_storecnt_dscnt", wait, Class::wait, 0, 0, from_text},
    // Dependencies inside the arithmetic units; results are never late here.
    {"s_wait_alu", nothing, Class::wait, 0, 0, from_text},
    {"s_waitcnt_depctr", nothing, Class::wait, 0, 0, from_text},
    {"s_wait_idle", nothing, Class::wait, 0, 0, from_text},
};

}  // namespace

std::span<const GeneralRow> control_rows() { return rows; }
std::span<const GeneralRow> wait_rows() { return waits; }

}  // namespace tilejit::amdgpu::emulator

#include "targets/amdgpu/emulator/cycle_trace.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "targets/amdgpu/emulator/hazards_table.h"
#include "targets/amdgpu/emulator/matrix.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/waits.h"

namespace tilejit::amdgpu::emulator {
namespace {

int64_t matrix_instructions(const Program& p, const LoopRange& loop) {
  return std::count_if(p.instrs.begin() + static_cast<std::ptrdiff_t>(loop.first),
                       p.instrs.begin() + static_cast<std::ptrdiff_t>(loop.last) + 1,
                       [](const Instr& i) { return i.matrix != nullptr; });
}

/// 32-bit integer products run at the rate of transcendental instructions.
bool is_quarter_rate(const Issue& issue, std::string_view text) {
  constexpr std::array names = {"v_mul_lo_u32",  "v_mul_hi_u32",  "v_mul_hi_i32",
                                "v_mad_u64_u32", "v_mad_i64_i32", "v_mad_co_u64_u32"};
  return issue.unit == Unit::trans ||
         std::ranges::any_of(names, [&](std::string_view name) { return text.starts_with(name); });
}

Step memory_step(const Program& p, const CycleModel& model, const Instr& i, int64_t lds_passes) {
  const MemoryRow& row = *i.memory;
  const int64_t bytes = int64_t{p.wave} * row.transfer.bytes * row.accesses;
  const bool separate = p.row->family == Family::rdna4;  // scalar loads and LDS count apart
  switch (row.space) {
    case Space::scalar:
    case Space::scalar_buffer: {
      Step step = scalar_step(model);
      step.latency = model.scalar_memory_latency;
      step.counter = separate ? Outstanding::scalar : Outstanding::lds;
      return step;
    }
    case Space::lds: return lds_step(model, bytes, lds_passes);
    case Space::global:
    case Space::flat:
    case Space::scratch:
    case Space::buffer: break;
  }
  Step step = row.direction == Direction::store ? store_step(model, bytes) : load_step(model, bytes);
  if (is_cdna(p.row->family)) step.counter = Outstanding::loads;  // one counter for both
  return step;
}

Step wait_step(const Program& p, const Instr& i) {
  const auto of = [&](Counter counter) { return int{i.wait[static_cast<size_t>(counter)]}; };
  Step step;
  const auto set = [&](Outstanding kind, int most) { step.at_most[static_cast<size_t>(kind)] = most; };
  set(Outstanding::loads, of(Counter::vm));
  set(Outstanding::stores, of(Counter::vs));
  set(Outstanding::lds, of(Counter::lgkm));
  if (p.row->family == Family::rdna4) set(Outstanding::scalar, of(Counter::km));
  return step;
}

Step step_of(const Program& p, const CycleModel& model, size_t n, int64_t lds_passes) {
  const Instr& i = p.instrs[n];
  const std::string_view text = p.texts[n];
  const Issue& issue = p.issues[n];
  if (i.matrix != nullptr) return matrix_step(clocks_of(*i.matrix));
  if (i.memory != nullptr) return memory_step(p, model, i, lds_passes);
  if (i.kind == Class::valu) return is_quarter_rate(issue, text) ? quarter_step(model) : valu_step(model);
  if (text.starts_with("s_nop")) return nop_step(model, issue.states - 1);
  if (i.kind == Class::wait) return wait_step(p, i);
  if (i.kind == Class::barrier) {
    Step step;
    step.meeting = text.starts_with("s_barrier_signal") ? Meeting::arrive
                   : text.starts_with("s_barrier_wait") ? Meeting::wait
                                                        : Meeting::both;
    return step;
  }
  return i.kind == Class::other ? Step{} : scalar_step(model);
}

/// How many steps before step n of the loop a register was written last; 0: nowhere, or by a load.
int distance_to_writer(const Program& p, const LoopRange& loop, size_t n, const RegisterRange& read) {
  const size_t size = loop.last - loop.first + 1;
  for (size_t back = 1; back <= size; ++back) {
    const size_t at = loop.first + (n - loop.first + size - back) % size;
    for (const RegisterRange& written : p.issues[at].writes)
      if (overlap(written, read)) return p.instrs[at].memory != nullptr ? 0 : static_cast<int>(back);
  }
  return 0;
}

}  // namespace

std::optional<LoopRange> steady_loop(const Program& program) {
  std::vector<LoopRange> loops;
  for (size_t n = 0; n < program.instrs.size(); ++n) {
    const int32_t target = program.instrs[n].target;
    if (target >= 0 && static_cast<size_t>(target) <= n) loops.push_back({static_cast<size_t>(target), n});
  }
  std::erase_if(loops, [&, all = loops](const LoopRange& loop) {
    return std::ranges::any_of(
        all, [&](const LoopRange& o) { return o != loop && o.first >= loop.first && o.last <= loop.last; });
  });
  const auto rank = [&](const LoopRange& loop) {
    return std::pair(matrix_instructions(program, loop), loop.last - loop.first);
  };
  const auto best = std::ranges::max_element(loops, {}, rank);
  if (best == loops.end()) return std::nullopt;
  return *best;
}

std::vector<Step> cycle_trace(const Program& program, const CycleModel& model, const LoopRange& loop,
                              int64_t lds_passes) {
  std::vector<Step> steps;
  for (size_t n = loop.first; n <= loop.last; ++n) {
    Step step = step_of(program, model, n, lds_passes);
    for (const RegisterRange& read : program.issues[n].reads)
      if (const int distance = distance_to_writer(program, loop, n, read); distance > 0) step.needs.push_back(distance);
    std::ranges::sort(step.needs);
    step.needs.erase(std::unique(step.needs.begin(), step.needs.end()), step.needs.end());
    steps.push_back(std::move(step));
  }
  return steps;
}

Residency residency_of(const Program& program, int waves) {
  const GpuRow& row = *program.row;
  const int registers = static_cast<int>(program.vgprs + program.agprs);
  const int by_registers = std::min(row.most_waves, row.simd_vgprs / std::max(registers, 1));
  int64_t groups = int64_t{by_registers} * row.simds / waves;
  if (const int64_t lds = program.kernel.descriptor.lds_bytes; lds > 0) groups = std::min(groups, row.lds_bytes / lds);
  groups = std::max<int64_t>(groups, 1);
  const int64_t on_simd = (groups * waves + row.simds - 1) / row.simds;
  return {.waves = static_cast<int>(on_simd), .waves_per_group = std::max(1, waves / row.simds)};
}

}  // namespace tilejit::amdgpu::emulator

#include "targets/amdgpu/emulator/cycle_trace.h"

#include <algorithm>
#include <array>
#include <climits>
#include <map>
#include <string_view>
#include <utility>

#include "targets/amdgpu/emulator/hazards_table.h"
#include "targets/amdgpu/emulator/matrix.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/waits.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// 32-bit integer products run at the rate of transcendental instructions.
bool is_quarter_rate(const Issue& issue, std::string_view text) {
  constexpr std::array names = {"v_mul_lo_u32",  "v_mul_hi_u32",  "v_mul_hi_i32",
                                "v_mad_u64_u32", "v_mad_i64_i32", "v_mad_co_u64_u32"};
  return issue.unit == Unit::trans ||
         std::ranges::any_of(names, [&](std::string_view name) { return text.starts_with(name); });
}

constexpr double lds_bytes_a_clock = 128;  // in which bank_conflicts counts (lds.h)

/// `conflicts`: clocks of the LDS beyond those of the bytes.
Step memory_step(const Program& p, const CycleModel& model, const Instr& i, double conflicts) {
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
    case Space::lds: return lds_step(model, bytes, conflicts * lds_bytes_a_clock);
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

Step step_of(const Program& p, const CycleModel& model, size_t n, double conflicts) {
  const Instr& i = p.instrs[n];
  const std::string_view text = p.texts[n];
  const Issue& issue = p.issues[n];
  if (i.matrix != nullptr) return matrix_step(clocks_of(*i.matrix));
  if (i.memory != nullptr) return memory_step(p, model, i, conflicts);
  if (i.kind == Class::lds) return lds_step(model, 4 * int64_t{p.wave});  // moves between lanes
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

/// The place in the path where a register was written last.
class Writers {
 public:
  /// Of results that are there when they are read: loads are waited for by counter.
  void note(const Program& p, int32_t instr, int place) {
    const bool arrives_later = p.instrs[static_cast<size_t>(instr)].memory != nullptr ||
                               p.instrs[static_cast<size_t>(instr)].kind == Class::lds;
    for (const RegisterRange& range : p.issues[static_cast<size_t>(instr)].writes)
      for (int n = 0; n < range.count; ++n) place_[{range.file, range.first + n}] = arrives_later ? none : place;
  }
  /// `none` when nobody did, or a load.
  int find(RegisterFile file, int n) const {
    const auto found = place_.find({file, n});
    return found == place_.end() ? none : found->second;
  }
  static constexpr int none = INT_MIN;

 private:
  std::map<std::pair<RegisterFile, int>, int> place_;
};

/// How many places before this one the registers that it reads were written.
std::vector<int> distances(const Program& p, const Writers& writers, int32_t instr, int place) {
  std::vector<int> needs;
  for (const RegisterRange& read : p.issues[static_cast<size_t>(instr)].reads)
    for (int n = 0; n < read.count; ++n)
      if (const int written = writers.find(read.file, read.first + n); written != Writers::none)
        needs.push_back(place - written);
  std::ranges::sort(needs);
  needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
  return needs;
}

uint64_t executed_in(const Trace& trace, const LoopRange& loop) {
  uint64_t executed = 0;
  for (size_t n = loop.first; n <= loop.last; ++n) executed += trace.of_instruction[n].total();
  return executed;
}

/// Jumps back to the same place are one loop.
std::vector<LoopRange> find_loops(const Trace& trace) {
  std::map<size_t, size_t> ends;  // by the first instruction
  for (size_t n = 1; n < trace.path.size(); ++n) {
    const auto from = static_cast<size_t>(trace.path[n - 1]), to = static_cast<size_t>(trace.path[n]);
    if (to <= from) ends[to] = std::max(ends[to], from);
  }
  std::vector<LoopRange> loops;
  for (const auto& [first, last] : ends) loops.push_back({first, last});
  return loops;
}

}  // namespace

std::optional<LoopRange> steady_loop(const Trace& trace) {
  const std::vector<LoopRange> loops = find_loops(trace);
  std::optional<LoopRange> chosen;
  for (;;) {
    // The loop inside the chosen one that executes most; an enclosing loop executes at least as much as what it encloses.
    std::optional<LoopRange> next;
    for (const LoopRange& loop : loops) {
      if (chosen && !chosen->encloses(loop)) continue;
      if (next && !loop.encloses(*next) && executed_in(trace, loop) <= executed_in(trace, *next)) continue;
      next = loop;
    }
    if (!next || (chosen && 2 * executed_in(trace, *next) < executed_in(trace, *chosen))) return chosen;
    chosen = next;
  }
}

std::vector<int32_t> iteration_path(const Trace& trace, const LoopRange& loop) {
  // Starts of iterations; each ends where the next one starts or the loop is left.
  std::vector<size_t> starts;
  for (size_t n = 0; n < trace.path.size(); ++n)
    if (static_cast<size_t>(trace.path[n]) == loop.first) starts.push_back(n);
  if (starts.empty()) return {};
  const auto begin = trace.path.begin() + static_cast<std::ptrdiff_t>(starts[(starts.size() - 1) / 2]);
  const auto end = std::find_if(begin + 1, trace.path.end(), [&](int32_t instr) {
    return static_cast<size_t>(instr) == loop.first || !loop.contains(instr);
  });
  return {begin, end};
}

std::vector<Step> cycle_trace(const Program& program, const CycleModel& model, std::span<const int32_t> path,
                              const Trace& trace) {
  const int size = static_cast<int>(path.size());
  Writers writers;
  for (int place = 0; place < size; ++place)  // the round before
    writers.note(program, path[static_cast<size_t>(place)], place - size);
  std::vector<Step> steps;
  for (int place = 0; place < size; ++place) {
    const int32_t instr = path[static_cast<size_t>(place)];
    const Counts& counts = trace.of_instruction[static_cast<size_t>(instr)];
    const double times = static_cast<double>(std::max<uint64_t>(counts.total(), 1));
    Step step = step_of(program, model, static_cast<size_t>(instr), static_cast<double>(counts.lds_conflicts) / times);
    step.needs = distances(program, writers, instr, place);
    writers.note(program, instr, place);
    steps.push_back(std::move(step));
  }
  return steps;
}

Residency residency_of(const GpuRow& row, const KernelNeeds& needs) {
  const int granule = row.register_granule;
  const int registers = std::max((needs.vector_registers + granule - 1) / granule, 1) * granule;
  int most = std::min(row.most_waves, row.simd_vgprs / registers);
  // SIMDs of GCN and CDNA have 800 scalar registers, which waves get in sixteens; those of RDNA have enough for all.
  if (is_cdna(row.family)) most = std::min(most, 800 / std::max((needs.scalar_registers + 15) / 16 * 16, 16));
  // A workgroup of RDNA runs on a pair of compute units that pool their SIMDs and LDS.
  const int pooled = is_cdna(row.family) ? 1 : 2;
  const int simds = pooled * row.simds;
  int64_t groups = int64_t{most} * simds / needs.waves;
  if (needs.lds_bytes > 0) groups = std::min(groups, pooled * row.lds_bytes / needs.lds_bytes);
  groups = std::max<int64_t>(groups, 1);
  const int64_t on_simd = (groups * needs.waves + simds - 1) / simds;
  return {.waves = static_cast<int>(on_simd),
          .waves_per_group = std::max(1, needs.waves / simds),
          .waves_per_unit = static_cast<double>(groups * needs.waves) / pooled};
}

}  // namespace tilejit::amdgpu::emulator

#include "targets/amdgpu/emulator/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <utility>

#include "targets/amdgpu/emulator/traffic.h"

namespace tilejit::amdgpu::emulator {
namespace {

constexpr size_t most_reports = 32;
constexpr int turn = 4096;  // instructions that a wave executes before another has its turn

void start_turn_order(std::vector<size_t>& order, std::mt19937_64& random, uint64_t seed) {
  if (seed != 0) std::shuffle(order.begin(), order.end(), random);
}

/// A wave arrives when it waits; it departs when all the others have arrived as often.
void release_barriers(Machine& m) {
  for (Wave& w : m.waves) {
    if (w.state != State::at_barrier) continue;
    const bool all_here = std::all_of(m.waves.begin(), m.waves.end(), [&](const Wave& other) {
      return other.state == State::ended || other.epoch.arrived > w.epoch.departed;
    });
    if (!all_here) continue;
    for (const Wave& other : m.waves) {
      if (other.state == State::ended && other.epoch.arrived <= w.epoch.departed)
        m.report(w, ReportKind::barrier_divergence, fmt::format("wave {} ended without reaching it", other.epoch.wave));
      if (other.state == State::at_barrier && other.epoch.departed == w.epoch.departed &&
          other.barrier_at < w.barrier_at)
        m.report(w, ReportKind::barrier_divergence,
                 fmt::format("wave {} waits at {}", other.epoch.wave,
                             m.program->texts[static_cast<size_t>(other.barrier_at)]));
    }
  }
  std::vector<Wave*> released;
  for (Wave& w : m.waves)
    if (w.state == State::at_barrier && std::all_of(m.waves.begin(), m.waves.end(), [&](const Wave& other) {
          return other.state == State::ended || other.epoch.arrived > w.epoch.departed;
        }))
      released.push_back(&w);
  for (Wave* w : released) {
    ++w->epoch.departed;
    w->state = State::running;
  }
}

uint64_t& count_of(Counts& c, Class kind) {
  switch (kind) {
    case Class::valu: return c.valu;
    case Class::matrix: return c.matrix;
    case Class::salu: return c.salu;
    case Class::smem: return c.smem;
    case Class::vmem_load: return c.vmem_load;
    case Class::vmem_store: return c.vmem_store;
    case Class::lds: return c.lds;
    case Class::branch: return c.branch;
    case Class::wait: return c.wait;
    case Class::barrier: return c.barrier;
    case Class::other: break;
  }
  return c.other;
}

/// Runs an instruction and books what it counts on it.
void run_traced(Machine& m, Wave& w, const Instr& i) {
  Counts& own = m.trace.of_instruction[static_cast<size_t>(w.pc)];
  if (&w == m.waves.data()) m.trace.path.push_back(w.pc);
  own -= m.counts;
  ++count_of(m.counts, i.kind);
  i.run(w, i);
  own += m.counts;
  if (i.memory != nullptr) m.trace.touched[static_cast<size_t>(w.pc)] = m.touched();
}

/// Until the wave waits or ends, or others have their turn; how many instructions that were.
uint64_t run_turn(Machine& m, Wave& w) {
  const auto& instrs = m.program->instrs;
  HazardTracker& hazards = m.hazards[static_cast<size_t>(&w - m.waves.data())];
  uint64_t executed = 0;
  for (; executed < turn && w.state == State::running; ++executed) {
    w.pc = w.next++;
    const Instr& i = instrs[static_cast<size_t>(w.pc)];
    w.check(i);
    if (std::string early = hazards.issue(m.program->issues[static_cast<size_t>(w.pc)]); !early.empty())
      m.report(w, ReportKind::wait_states, std::move(early));
    if (m.launch->detail == Detail::trace) {
      run_traced(m, w, i);
      continue;
    }
    ++count_of(m.counts, i.kind);
    i.run(w, i);
    if (m.launch->observer != nullptr) (*m.launch->observer)(w, i);
  }
  return executed;
}

}  // namespace

void Machine::report(const Wave& wave, ReportKind kind, std::string message) {
  const auto at = static_cast<size_t>(wave.pc);
  const uint64_t address = program->addresses[at];
  const bool known = std::any_of(reports.begin(), reports.end(),
                                 [&](const Report& r) { return r.kind == kind && r.address == address; });
  if (known || reports.size() >= most_reports) return;
  reports.push_back({kind, address, program->texts[at], std::move(message), wave.epoch.wave});
}

void Machine::note(const Span& span, uint64_t address, uint64_t bytes, Access access) {
  if (launch->detail == Detail::trace) places.emplace_back(address, bytes);
  if (launch->traffic == nullptr) return;
  const auto direction = access == Access::read ? Traffic::Direction::read : Traffic::Direction::write;
  launch->traffic->note(*span.name, address - span.first, bytes, direction);
}

Touched Machine::touched() {
  if (places.empty()) return {};
  Touched all{static_cast<int32_t>(last_) - static_cast<int32_t>(spans.size() - launch->memory.size()), 0};
  std::ranges::sort(places);
  uint64_t end = 0;
  for (const auto& [address, bytes] : places) {
    const uint64_t from = std::max(end, address);
    if (address + bytes > from) all.bytes += static_cast<int64_t>(address + bytes - from);
    end = std::max(end, address + bytes);
  }
  places.clear();
  return all;
}

uint8_t* Machine::memory(Wave& wave, uint64_t address, uint64_t bytes, Access access) {
  const Span* read_only = nullptr;  // which holds the address; another may hold it too
  for (size_t n = 0; n <= spans.size() && !spans.empty(); ++n) {
    const size_t at = n == 0 ? last_ : n - 1;
    const Span& span = spans[at];
    if (address < span.first || address - span.first > span.bytes || bytes > span.bytes - (address - span.first))
      continue;
    if (access == Access::read_write && !span.is_writable) {
      read_only = &span;
      continue;
    }
    last_ = at;
    note(span, address, bytes, access);
    return reinterpret_cast<uint8_t*>(address);
  }
  if (read_only != nullptr) {
    report(wave, ReportKind::out_of_bounds, fmt::format("writes {}, which is read-only", *read_only->name));
    return nullptr;
  }
  std::string nearest = "no range";
  for (const Span& span : spans)
    if (address >= span.first && address < span.first + span.bytes + 4096)
      nearest = fmt::format("{} + {} of its {} bytes", *span.name, address - span.first, span.bytes);
  report(wave, ReportKind::out_of_bounds, fmt::format("{} bytes at {:#x} ({})", bytes, address, nearest));
  return nullptr;
}

Result<void> run(Machine& m) {
  std::mt19937_64 random(m.launch->seed);
  std::vector<size_t> order(m.waves.size());
  std::iota(order.begin(), order.end(), size_t{0});
  uint64_t executed = 0;
  if (m.launch->detail == Detail::trace) {
    m.trace.of_instruction.resize(m.program->instrs.size());
    m.trace.touched.resize(m.program->instrs.size());
  }
  for (;;) {
    start_turn_order(order, random, m.launch->seed);
    uint64_t now = 0;
    for (const size_t n : order) now += run_turn(m, m.waves[n]);
    executed += now;
    if (std::all_of(m.waves.begin(), m.waves.end(), [](const Wave& w) { return w.state == State::ended; })) return {};
    release_barriers(m);
    const bool is_stuck =
        std::none_of(m.waves.begin(), m.waves.end(), [](const Wave& w) { return w.state == State::running; });
    if (is_stuck)
      return invalid(fmt::format("emulator: {}: every wave waits at a barrier for ever", m.program->kernel.name));
    if (executed > m.launch->most_instructions)
      return invalid(
          fmt::format("emulator: {}: more than {} instructions", m.program->kernel.name, m.launch->most_instructions));
  }
}

}  // namespace tilejit::amdgpu::emulator

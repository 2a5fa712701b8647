#include "targets/x86/model.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

namespace tilejit::x86 {
namespace {

/// The encoder copies an operand into the destination first when the instruction overwrites one that shares no register with it.
bool needs_copy(const Inst& i, const Allocation& allocation) {
  const auto same = [&](Reg r) {
    return r != Reg::none && allocation.number[index(r)] == allocation.number[index(i.dst)];
  };
  if (i.op == VOp::fma) return !same(i.a) && !same(i.b) && !same(i.c);
  const bool overwrites = info(i.op).form == Form::dot || i.op == VOp::sub || i.op == VOp::shl || i.op == VOp::shr ||
                          i.op == VOp::min || i.op == VOp::sign || i.op == VOp::count_down;
  return overwrites && !same(i.a);
}

/// A move within one register is no instruction.
bool is_nothing(const Inst& i, const Allocation& allocation) {
  return (i.op == VOp::mov || i.op == VOp::vmov) && allocation.number[index(i.dst)] == allocation.number[index(i.a)];
}

/// What an instruction waits for and what waits for it: places of one table of registers and spill slots.
struct Step {
  std::array<uint32_t, 8> reads{};
  uint32_t read_count = 0;
  uint32_t written = 0;
  double latency = 0;  // of what is written
};

/// Place 0 is for what nobody reads.
std::vector<Step> steps_of(const Core& core, std::span<const Inst> body, size_t registers,
                           const Allocation& allocation) {
  std::array<size_t, class_count> slots{};
  for (size_t c = 0, next = registers + 1; c < slots.size(); next += static_cast<size_t>(allocation.slots[c++]))
    slots[c] = next;
  std::vector<Step> steps;
  for (const Inst& i : body) {
    Step& step = steps.emplace_back();
    const auto read = [&](size_t place) { step.reads[step.read_count++] = static_cast<uint32_t>(place); };
    for_each_read(i, [&](Reg r, bool) { read(index(r) + 1); });
    const bool is_slot = i.mem.kind == MemKind::slot;
    const size_t slot = is_slot ? slots[static_cast<size_t>(i.mem.slot_class)] + static_cast<size_t>(i.mem.disp) : 0;
    if (is_slot && i.dst != Reg::none) read(slot);
    step.written = static_cast<uint32_t>(i.dst != Reg::none ? index(i.dst) + 1 : slot);
    step.latency = i.dst == Reg::none && is_slot ? core.forward_latency : cost_of(core, i).latency;
  }
  return steps;
}

/// Cycles by which repeated iterations of the body delay one another through what they read and write alone.
double chain_cycles(const Core& core, std::span<const Inst> body, const VCode& code, const Allocation& allocation) {
  const std::vector<Step> steps = steps_of(core, body, code.classes.size(), allocation);
  size_t places = code.classes.size() + 1;
  for (const int32_t slots : allocation.slots) places += static_cast<size_t>(slots);
  std::vector<double> ready(places, 0);
  constexpr int rounds = 64;  // of which the first half lets short chains fall behind long ones
  double half = 0;
  double last = 0;
  for (int round = 0; round < rounds; ++round) {
    for (const Step& step : steps) {
      double start = 0;
      for (uint32_t r = 0; r < step.read_count; ++r) start = std::max(start, ready[step.reads[r]]);
      const double end = start + step.latency;
      if (step.written != 0) ready[step.written] = end;
      last = std::max(last, end);
    }
    if (round + 1 == rounds / 2) half = last;
  }
  return 2 * (last - half) / rounds;
}

using Work = std::array<double, group_count>;

/// The set of ports that takes longest over the micro-ops confined to it, named by its groups.
ResourceUse busiest_ports(const Core& core, const Work& work) {
  std::vector<uint32_t> sets{0};  // unions of the groups that have work
  for (size_t g = 0; g < group_count; ++g) {
    if (work[g] == 0) continue;
    for (size_t i = 0, n = sets.size(); i < n; ++i) {
      const uint32_t both = sets[i] | core.groups[g].ports;
      if (std::find(sets.begin(), sets.end(), both) == sets.end()) sets.push_back(both);
    }
  }
  ResourceUse busiest;
  for (const uint32_t set : sets) {
    ResourceUse use;
    std::string_view whole;  // the group that is the set
    for (size_t g = 0; g < group_count; ++g) {
      const PortGroup& group = core.groups[g];
      if (work[g] == 0 || (group.ports & ~set) != 0) continue;
      if (group.ports == set) whole = group.name;
      use.name += std::string(use.name.empty() ? "" : "+") + std::string(group.name);
      use.cycles += work[g] * group.cycles / std::popcount(set);
    }
    if (!whole.empty()) use.name = whole;
    if (use.cycles > busiest.cycles) busiest = use;
  }
  return busiest;
}

int64_t loaded_bytes(const Traffic& t) { return t.vector_bytes + t.broadcast_bytes; }

Traffic traffic_of(std::span<const Inst> body) {
  Traffic traffic;
  for (const Inst& i : body) {
    if (i.mem.kind != MemKind::pointer || i.op == VOp::lea || i.op == VOp::prefetch) continue;
    const VOpInfo& op = info(i.op);
    const bool has_bytes = i.op == VOp::load || i.op == VOp::store || i.op == VOp::store_low;
    const int64_t bytes = has_bytes ? i.bytes : i.op == VOp::load64 ? 8 : i.op == VOp::load_i32 ? 4 : op.source_bytes;
    if (op.has(op_flag::effect))
      traffic.stored_bytes += bytes;
    else if (i.mem.broadcast || bytes <= 4)
      traffic.broadcast_bytes += i.mem.broadcast ? 4 : bytes;
    else
      traffic.vector_bytes += bytes;
  }
  return traffic;
}

/// The instructions of every loop without those of inner ones, and last the code outside all loops.
std::vector<std::vector<Inst>> split_loops(const VCode& code) {
  std::vector<std::vector<Inst>> bodies(code.loops.size() + 1);
  std::vector<size_t> open{code.loops.size()};
  for (const Inst& i : code.insts) {
    if (i.op == VOp::loop_begin) open.push_back(static_cast<size_t>(i.imm));
    if (i.op == VOp::loop_end) open.pop_back();
    bodies[open.back()].push_back(i);
  }
  return bodies;
}

}  // namespace

Prediction predict(const Core& core, std::span<const Inst> body, const VCode& code, const Allocation& allocation) {
  Prediction p;
  p.machine = core.name;
  Work work{};
  double slots = 0;
  for (const Inst& i : body) {
    if (is_nothing(i, allocation)) continue;
    const Cost cost = cost_of(core, i);
    slots += cost.slots + needs_copy(i, allocation);
    for (const Use& use : cost.uses) work[static_cast<size_t>(use.group)] += use.count;
  }
  for (size_t g = 0; g < group_count; ++g) {
    if (work[g] == 0) continue;
    const PortGroup& group = core.groups[g];
    p.uses.push_back({std::string(group.name), work[g], work[g] * group.cycles / std::popcount(group.ports)});
  }
  p.uses.push_back({"front end", slots, slots / core.slots_per_cycle});
  const double chain = chain_cycles(core, body, code, allocation);
  p.uses.push_back({"chain", chain, chain});
  ResourceUse busiest = busiest_ports(core, work);
  for (const ResourceUse& use : {p.uses[p.uses.size() - 2], p.uses.back()})
    if (use.cycles > busiest.cycles) busiest = use;
  p.limit = busiest.name;
  p.cycles = busiest.cycles;
  p.l2_bytes_per_cycle = core.l2_bytes_per_cycle;
  p.l2_cycles = std::max(p.cycles, static_cast<double>(loaded_bytes(traffic_of(body))) / core.l2_bytes_per_cycle);
  return p;
}

void predict_loops(const VCode& code, const Allocation& allocation, std::span<const Core* const> wanted,
                   Resources& resources) {
  if (wanted.empty()) return;
  const std::vector<std::vector<Inst>> bodies = split_loops(code);
  for (size_t b = 0; b < bodies.size(); ++b) {
    const bool is_loop = b < code.loops.size();
    if (is_loop) resources.loops[b].traffic = traffic_of(bodies[b]);
    std::vector<Prediction>& predictions = is_loop ? resources.loops[b].predictions : resources.straight;
    for (const Core* core : wanted) predictions.push_back(predict(*core, bodies[b], code, allocation));
  }
}

}  // namespace tilejit::x86

#include "targets/x86/timing.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "ir/check.h"

namespace tilejit::x86 {
namespace {

constexpr size_t core_count = 4;  // the columns of timing.def
enum class Access : uint8_t { vector64, vector32, broadcast, scalar, masked, store64, store32, none };

struct OpRow {
  std::string_view op;
  std::array<Cost, core_count> costs;
};
struct AccessRow {
  Access access;
  std::array<Cost, core_count> costs;
};

// --- the cells of timing.def
constexpr Cost operator+(const Cost& a, const Cost& b) {
  Cost sum = a;
  sum.slots += b.slots;
  sum.latency = std::max(a.latency, b.latency);
  size_t used = 0;
  while (used < Cost::max_uses && sum.uses[used].count > 0) ++used;
  for (const Use& use : b.uses)
    if (use.count > 0) sum.uses[used++] = use;
  return sum;
}
constexpr Cost operator*(int times, Cost cost) {
  for (Use& use : cost.uses) use.count *= times;
  cost.slots *= times;
  return cost;
}
constexpr Cost nothing{};
constexpr Cost lacks{.uses = {}, .slots = 0, .latency = 0, .is_known = false};
constexpr Cost none(int latency) { return {.uses = {}, .slots = 1, .latency = latency}; }
constexpr Cost one(Group group, int latency) { return {.uses = {Use{group, 1}}, .slots = 1, .latency = latency}; }
constexpr Cost divide(int latency, int cycles) {
  return {.uses = {Use{Group::divider, cycles}}, .slots = 1, .latency = latency};
}
constexpr Cost fma(int latency) { return one(Group::fma, latency); }
constexpr Cost mul(int latency) { return one(Group::mul, latency); }
constexpr Cost add(int latency) { return one(Group::add, latency); }
constexpr Cost shuffle(int latency) { return one(Group::shuffle, latency); }
constexpr Cost any(int latency) { return one(Group::any, latency); }
constexpr Cost load(int latency) { return one(Group::load, latency); }
constexpr Cost loads(int latency) { return one(Group::loads, latency); }
constexpr Cost store(int latency) { return one(Group::store, latency); }
constexpr Cost alu(int latency) { return one(Group::alu, latency); }
constexpr Cost alu1(int latency) { return one(Group::alu1, latency); }
constexpr Cost p0(int latency) { return one(Group::p0, latency); }
constexpr Cost p1(int latency) { return one(Group::p1, latency); }
constexpr Cost p4(int latency) { return one(Group::p4, latency); }
constexpr Cost p5(int latency) { return one(Group::p5, latency); }
constexpr Cost p05(int latency) { return one(Group::p05, latency); }
constexpr Cost p06(int latency) { return one(Group::p06, latency); }
constexpr Cost p15(int latency) { return one(Group::p15, latency); }
constexpr Cost p23(int latency) { return one(Group::p23, latency); }
constexpr Cost p49(int latency) { return one(Group::p49, latency); }
constexpr Cost p78(int latency) { return one(Group::p78, latency); }
constexpr Cost p237(int latency) { return one(Group::p237, latency); }

constexpr OpRow op_rows[] = {
#define TIMING(op, ...) {#op, {__VA_ARGS__}},
#define ACCESS(access, ...)
#include "targets/x86/timing.def"
#undef TIMING
#undef ACCESS
};
constexpr AccessRow access_rows[] = {
#define TIMING(op, ...)
#define ACCESS(access, ...) {Access::access, {__VA_ARGS__}},
#include "targets/x86/timing.def"
#undef TIMING
#undef ACCESS
};

// --- cores
template <typename... Ports>
constexpr uint32_t ports(Ports... port) {
  return ((1u << port) | ...);
}

struct NamedGroup {
  Group group;
  PortGroup facts;
};

Core make_core(Core core, std::initializer_list<NamedGroup> groups) {
  for (const NamedGroup& g : groups) core.groups[static_cast<size_t>(g.group)] = g.facts;
  return core;
}

/// Vector pipes 0 to 3, divider 4, loads from 5 (vectors on the first two), stores of vectors 9, integer units from 10.
Core make_zen(Core core, int zmm_cycles, uint32_t load_ports, uint32_t integer_ports) {
  using enum Group;
  return make_core(core, {{fma, {"fp01", ports(0, 1), zmm_cycles}},
                          {mul, {"fp03", ports(0, 3), zmm_cycles}},
                          {add, {"fp23", ports(2, 3), zmm_cycles}},
                          {shuffle, {"fp12", ports(1, 2), zmm_cycles}},
                          {any, {"fp0123", ports(0, 1, 2, 3), zmm_cycles}},
                          {divider, {"divider", ports(4)}},
                          {load, {"vector loads", ports(5, 6)}},
                          {loads, {"loads", load_ports}},
                          {store, {"stores", ports(9)}},
                          {alu, {"alu", integer_ports}},
                          {alu1, {"alu1", ports(11)}}});
}

/// Ports by Intel's numbers, the divider 16. Only what both generations have alike.
Core make_intel(Core core, std::initializer_list<NamedGroup> more) {
  using enum Group;
  return make_core(make_core(core, {{p0, {"p0", ports(0)}},
                                    {p1, {"p1", ports(1)}},
                                    {p5, {"p5", ports(5)}},
                                    {p05, {"p05", ports(0, 5)}},
                                    {p06, {"p06", ports(0, 6)}},
                                    {p15, {"p15", ports(1, 5)}},
                                    {p23, {"p23", ports(2, 3)}},
                                    {divider, {"divider", ports(16)}}}),
                   more);
}

std::array<Core, core_count> make_cores() {
  using enum Group;
  const uint32_t zen4_loads = ports(5, 6, 7);
  const uint32_t zen5_loads = ports(5, 6, 7, 8);
  const uint32_t zen4_integer = ports(10, 11, 12, 13);
  const uint32_t zen5_integer = zen4_integer | ports(14, 15);
  return {make_zen({"zen4", 6, 32, 8}, 2, zen4_loads, zen4_integer),
          make_zen({"zen5", 8, 64, 8}, 1, zen5_loads, zen5_integer),
          make_intel({"spr", 6, 48, 6}, {{alu, {"p0156A", ports(0, 1, 5, 6, 10)}},
                                         {loads, {"p23B", ports(2, 3, 11)}},
                                         {p49, {"p49", ports(4, 9)}},
                                         {p78, {"p78", ports(7, 8)}}}),
          make_intel({"avx512", 4, 48, 6},
                     {{alu, {"p0156", ports(0, 1, 5, 6)}}, {p4, {"p4", ports(4)}}, {p237, {"p237", ports(2, 3, 7)}}})};
}

// --- instructions
using RowsByOp = std::array<const OpRow*, static_cast<size_t>(vop_count)>;

RowsByOp rows_by_op() {
  RowsByOp rows{};
  for (size_t op = 0; op < rows.size(); ++op)
    for (const OpRow& row : op_rows)
      if (row.op == info(static_cast<VOp>(op)).name) rows[op] = &row;
  return rows;
}

/// Null for an op without a row.
const OpRow* find_row(VOp op) {
  static const RowsByOp rows = rows_by_op();
  return rows[static_cast<size_t>(op)];
}

bool is_broadcast(VOp op) { return op == VOp::vpbroadcastd || op == VOp::vpbroadcastw || op == VOp::vpbroadcastb; }

Access access_of(const Inst& i) {
  if (i.mem.kind == MemKind::none || i.op == VOp::lea) return Access::none;
  if (i.op == VOp::store) return i.bytes > 32 ? Access::store64 : Access::store32;
  if (i.op == VOp::store_low || i.op == VOp::store64 || i.op == VOp::kstore) return Access::store32;
  if (i.op == VOp::load64 || i.op == VOp::load_i32 || i.op == VOp::kload || i.op == VOp::prefetch)
    return Access::scalar;
  if (i.mem.broadcast || is_broadcast(i.op)) return Access::broadcast;
  return (i.op == VOp::load ? i.bytes : info(i.op).source_bytes) > 32 ? Access::vector64 : Access::vector32;
}

size_t column_of(const Core& core) { return static_cast<size_t>(&core - cores().data()); }

const Cost& access_cost(Access access, size_t core) {
  const auto* row =
      std::find_if(std::begin(access_rows), std::end(access_rows), [&](const auto& r) { return r.access == access; });
  return row->costs[core];
}

}  // namespace

std::span<const Core> cores() {
  static const std::array<Core, core_count> all = make_cores();
  return all;
}

const Core& core_of(std::string_view row) {
  for (const Core& core : cores())
    if (core.name == row) return core;
  return cores().back();
}

bool has_timing(const Core& core, VOp op) {
  const OpRow* row = find_row(op);
  return row != nullptr && row->costs[column_of(core)].is_known;
}

Cost cost_of(const Core& core, const Inst& inst) {
  CHECK(has_timing(core, inst.op),
        "timing.def: " + std::string(core.name) + " has no " + std::string(info(inst.op).name));
  const size_t column = column_of(core);
  const Access access = access_of(inst);
  // A load spreads a dword over all lanes by itself.
  const bool is_load = access == Access::broadcast && inst.op == VOp::vpbroadcastd;
  Cost cost = is_load ? none(0) : find_row(inst.op)->costs[column];
  const int slots = cost.slots;  // a memory operand shares its instruction's place
  if (access != Access::none) cost = cost + access_cost(access, column);
  if (inst.op == VOp::load && inst.mask != Reg::none) cost = cost + access_cost(Access::masked, column);
  cost.slots = slots;
  return cost;
}

}  // namespace tilejit::x86

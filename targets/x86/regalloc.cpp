#include "targets/x86/regalloc.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <limits>

#include "targets/x86/encode.h"
#include "targets/x86/regalloc_spill.h"

namespace tilejit::x86 {
namespace {

constexpr int max_registers = 32;
// Numbers in the order of preference: what a function may use without saving comes first. rsp addresses the spill slots.
constexpr std::array<uint8_t, 15> gpr_order = {0, 1, 2, 6, 7, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15};

/// The registers of one class: which interval holds each rank (a position in the order of preference) until when.
struct File {
  int count = 0;
  uint32_t free = 0;
  int32_t next_end = std::numeric_limits<int32_t>::max();
  std::array<int32_t, max_registers> end{};
  std::array<int32_t, max_registers> holder{};

  explicit File(int registers) : count(registers), free(registers == 32 ? ~0u : (1u << registers) - 1u) {}

  void expire(int32_t position) {
    if (position < next_end) return;
    next_end = std::numeric_limits<int32_t>::max();
    for (uint32_t used = ~free & (count == 32 ? ~0u : (1u << count) - 1u); used != 0; used &= used - 1) {
      const auto rank = static_cast<size_t>(std::countr_zero(used));
      if (end[rank] <= position)
        free |= 1u << rank;
      else
        next_end = std::min(next_end, end[rank]);
    }
  }
  void take(int rank, int32_t reg, int32_t until) {
    free &= ~(1u << rank);
    end[static_cast<size_t>(rank)] = until;
    holder[static_cast<size_t>(rank)] = reg;
    next_end = std::min(next_end, until);
  }
};

class Scan {
 public:
  /// Registers from `first_short` on hold spilled values for one instruction and stay.
  Scan(const VCode& code, size_t first_short, int vector_registers)
      : code_(code), first_short_(first_short), intervals_(live_intervals(code)),
        rank_(code.classes.size(), -1), files_{File(static_cast<int>(gpr_order.size())), File(vector_registers),
                                               File(7)} {}

  /// False: an instruction needs more registers than there are.
  bool run() {
    for (const int32_t reg : by_start())
      if (!place(reg)) return false;
    return true;
  }

  Allocation result() const {
    Allocation allocation;
    allocation.number.assign(rank_.size(), 0);
    for (size_t r = 0; r < rank_.size(); ++r) allocation.number[r] = number(code_.classes[r], rank_[r]);
    return allocation;
  }

  // By register, once registers have run out.
  std::vector<uint8_t> spilled;
  std::vector<int32_t> repeatable;
  bool any_spilled = false;

 private:
  static uint8_t number(Class cls, int8_t rank) {
    if (rank < 0) return 0;
    if (cls == Class::gpr) return gpr_order[static_cast<uint8_t>(rank)];
    return static_cast<uint8_t>(cls == Class::mask ? rank + 1 : rank);  // k0 means "no mask"
  }

  /// Counting sort: intervals start at positions of the instruction order.
  std::vector<int32_t> by_start() const {
    std::vector<int32_t> first(2 * code_.insts.size() + 3, 0);
    for (const Interval& i : intervals_)
      if (i.start >= 0) ++first[static_cast<size_t>(i.start) + 1];
    for (size_t p = 1; p < first.size(); ++p) first[p] += first[p - 1];
    std::vector<int32_t> order(static_cast<size_t>(first.back()));
    for (size_t r = 0; r < intervals_.size(); ++r)
      if (intervals_[r].start >= 0)
        order[static_cast<size_t>(first[static_cast<size_t>(intervals_[r].start)]++)] = static_cast<int32_t>(r);
    return order;
  }

  bool is_short(size_t reg) const { return reg >= first_short_; }

  /// What choosing a victim needs and most scans, where registers suffice, do without.
  void weigh_intervals() {
    if (!density_.empty()) return;
    spilled.assign(code_.classes.size(), 0);
    repeatable = repeatable_writes(code_, first_short_);
    density_.resize(intervals_.size());
    for (size_t r = 0; r < intervals_.size(); ++r) {
      const Interval& i = intervals_[r];
      const float cost = repeatable[r] >= 0 ? i.cost * 0.4f : i.cost;  // no store, and often no instruction at all
      density_[r] = cost / static_cast<float>(i.end - i.start);
    }
  }
  float density(int32_t reg) const { return density_[static_cast<size_t>(reg)]; }

  /// The register of an operand that ends here saves a copy in a destructive instruction.
  int preferred(const Inst& inst, Class cls, const File& file) const {
    for (const Reg r : {inst.op == VOp::fma ? inst.c : Reg::none, inst.a, inst.b}) {
      if (r == Reg::none || code_.classes[index(r)] != cls || rank_[index(r)] < 0) continue;
      if ((file.free >> rank_[index(r)] & 1u) != 0) return rank_[index(r)];
    }
    return std::countr_zero(file.free);
  }

  bool place(int32_t reg) {
    const auto r = static_cast<size_t>(reg);
    const Interval& interval = intervals_[r];
    const Class cls = code_.classes[r];
    File& file = files_[static_cast<size_t>(cls)];
    file.expire(interval.start);
    const Inst& writer = code_.insts[static_cast<size_t>(interval.start / 2)];
    if (interval.start == 0) return place_argument(reg);
    if (file.free != 0) {
      assign(reg, writer.dst == Reg{reg} ? preferred(writer, cls, file) : std::countr_zero(file.free));
      return true;
    }
    weigh_intervals();
    int victim = -1;
    float least = is_short(r) ? std::numeric_limits<float>::infinity() : density(reg);
    for (int rank = 0; rank < file.count; ++rank) {
      const int32_t holder = file.holder[static_cast<size_t>(rank)];
      if (is_short(static_cast<size_t>(holder)) || density(holder) >= least) continue;
      least = density(holder);
      victim = rank;
    }
    if (victim < 0 && is_short(r)) return false;
    any_spilled = true;
    if (victim < 0) {
      spilled[r] = 1;
      return true;
    }
    spilled[static_cast<size_t>(file.holder[static_cast<size_t>(victim)])] = 1;
    assign(reg, victim);
    return true;
  }

  /// Arguments are alive in their own registers from the start.
  bool place_argument(int32_t reg) {
    for (const Inst& inst : code_.insts) {
      if (inst.op != VOp::arg || inst.dst != Reg{reg}) continue;
      const int machine = argument_registers[static_cast<size_t>(inst.imm)];
      for (size_t rank = 0; rank < gpr_order.size(); ++rank)
        if (gpr_order[rank] == machine) assign(reg, static_cast<int>(rank));
      return true;
    }
    return false;
  }

  void assign(int32_t reg, int rank) {
    const auto r = static_cast<size_t>(reg);
    rank_[r] = static_cast<int8_t>(rank);
    files_[static_cast<size_t>(code_.classes[r])].take(rank, reg, intervals_[r].end);
  }

  const VCode& code_;
  size_t first_short_;
  std::vector<Interval> intervals_;
  std::vector<float> density_;  // of uses, over an interval; weigh_intervals
  std::vector<int8_t> rank_;
  std::array<File, class_count> files_;
};

}  // namespace

Result<Allocation> allocate(VCode& code, int vector_registers) {
  if (vector_registers < 6 || vector_registers > max_registers)
    return unsupported(fmt::format("vector_registers={}: the allocator needs 6 to 32", vector_registers));
  constexpr int max_rounds = 32;  // each round spills at least one register; kernels need two or three
  const size_t first_short = code.classes.size();
  int32_t slots[class_count] = {0, 0, 0};
  for (int round = 0; round < max_rounds; ++round) {
    Scan scan(code, first_short, vector_registers);
    if (!scan.run()) break;
    if (!scan.any_spilled) {
      Allocation allocation = scan.result();
      std::copy(slots, slots + class_count, allocation.slots);
      return allocation;
    }
    insert_spills(code, scan.spilled, scan.repeatable, slots);
  }
  return resource(fmt::format("registers: one instruction needs more than {} vector registers", vector_registers));
}

}  // namespace tilejit::x86

#include <algorithm>

#include "targets/x86/regalloc.h"

namespace tilejit::x86 {
namespace {

/// One forward walk. A read is carried around every open loop that is deeper than the shallowest write that dominates it; a
/// write inside a loop that has ended dominates nothing, because that loop may have run zero times.
class Walk {
 public:
  explicit Walk(const VCode& code) : code_(code), intervals_(code.classes.size()), writes_(code.classes.size()) {
    loop_end_.resize(code.loops.size());
    loop_begin_.resize(code.loops.size());
    for (size_t i = 0; i < code.insts.size(); ++i) {
      const Inst& inst = code.insts[i];
      if (inst.op == VOp::loop_begin) loop_begin_[static_cast<size_t>(inst.imm)] = static_cast<int32_t>(i);
      if (inst.op == VOp::loop_end) loop_end_[static_cast<size_t>(inst.imm)] = static_cast<int32_t>(i);
    }
  }

  std::vector<Interval> run() {
    for (size_t i = 0; i < code_.insts.size(); ++i) {
      const Inst& inst = code_.insts[i];
      at_ = static_cast<int32_t>(i);
      if (inst.op == VOp::loop_begin) enter(static_cast<int32_t>(inst.imm));
      if (inst.op == VOp::loop_end) leave();
      for_each_read(inst, [&](Reg r, bool late) { read(r, late); });
      if (inst.dst != Reg::none) write(inst.dst);
      if (inst.op == VOp::arg) intervals_[index(inst.dst)].start = 0;
    }
    return std::move(intervals_);
  }

 private:
  struct Write {
    int32_t loop = -1;
    int32_t depth = -1;  // -1: never written
  };

  void enter(int32_t loop) {
    open_.push_back(loop);
    weight_ *= 8;
  }
  void leave() {
    open_.pop_back();
    weight_ /= 8;
  }

  bool dominates(const Write& w) const {
    if (w.depth < 0 || w.depth > static_cast<int32_t>(open_.size())) return false;
    return w.depth == 0 || open_[static_cast<size_t>(w.depth) - 1] == w.loop;
  }

  void read(Reg r, bool late) {
    Interval& interval = intervals_[index(r)];
    interval.cost += weight_;
    interval.end = std::max(interval.end, 2 * at_ + (late ? 2 : 1));
    const Write& w = writes_[index(r)];
    const bool dominated = dominates(w);
    const size_t depth = dominated ? static_cast<size_t>(w.depth) : 0;
    if (depth < open_.size()) {
      const auto outer = static_cast<size_t>(open_[depth]);
      interval.end = std::max(interval.end, 2 * loop_end_[outer] + 1);
      if (!dominated) interval.start = std::min(interval.start < 0 ? 2 * at_ : interval.start, 2 * loop_begin_[outer]);
    }
    if (interval.start < 0) interval.start = 2 * at_;
  }

  void write(Reg r) {
    Interval& interval = intervals_[index(r)];
    interval.cost += weight_;
    if (interval.start < 0) interval.start = 2 * at_ + 1;
    interval.end = std::max(interval.end, 2 * at_ + 2);
    Write& w = writes_[index(r)];
    if (!dominates(w)) w = {open_.empty() ? -1 : open_.back(), static_cast<int32_t>(open_.size())};
  }

  const VCode& code_;
  std::vector<Interval> intervals_;
  std::vector<Write> writes_;
  std::vector<int32_t> open_;
  std::vector<int32_t> loop_begin_;
  std::vector<int32_t> loop_end_;
  int32_t at_ = 0;
  float weight_ = 1;
};

}  // namespace

std::vector<Interval> live_intervals(const VCode& code) { return Walk(code).run(); }

}  // namespace tilejit::x86

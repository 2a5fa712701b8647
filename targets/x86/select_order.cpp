#include <algorithm>

#include "targets/x86/select.h"

namespace tilejit::x86 {
namespace {

constexpr int32_t never = INT32_MAX;

bool is_boundary(VOp op) {
  const VOpInfo& i = info(op);
  return i.form == Form::control || op == VOp::arg;
}

/// Straight runs of instructions. A value that is written once and read only inside its run moves down to its first reader, so
/// that it holds a register briefly; readers may themselves have moved.
class Orderer {
 public:
  explicit Orderer(VCode& code)
      : code_(code), writes_(code.classes.size(), 0), reads_(code.classes.size(), 0),
        first_use_(code.classes.size(), never), uses_seen_(code.classes.size(), 0),
        next_write_(code.classes.size(), never), loaded_(code.classes.size(), -1) {
    for (const Inst& inst : code.insts) {
      for_each_read(inst, [&](Reg r, bool) { ++reads_[index(r)]; });
      if (inst.dst != Reg::none) ++writes_[index(inst.dst)];
    }
  }

  void run() {
    std::vector<Inst>& insts = code_.insts;
    for (size_t begin = 0; begin < insts.size();) {
      size_t end = begin;
      while (end < insts.size() && !is_boundary(insts[end].op)) ++end;
      if (end - begin > 1) {
        sink(begin, end);
        fold(begin, end);
      }
      begin = std::max(end, begin + 1);
    }
    std::erase_if(insts, [](const Inst& i) { return i.op == VOp::vmov && i.dst == Reg::none; });
  }

 private:
  static bool is_load(const Inst& i) { return i.mem.kind == MemKind::pointer; }

  bool may_move(const Inst& inst) const {
    if (info(inst.op).has(op_flag::effect) || inst.dst == Reg::none || inst.reads_dst) return false;
    const size_t r = index(inst.dst);
    return writes_[r] == 1 && reads_[r] > 0 && uses_seen_[r] == reads_[r];
  }

  /// The latest place whose reader still sees the same operands, or never.
  int32_t target_of(const Inst& inst) const {
    const int32_t place = first_use_[index(inst.dst)];
    bool sound = !is_load(inst) || next_store_ >= place;
    for_each_read(inst, [&](Reg r, bool) { sound = sound && next_write_[index(r)] >= place; });
    return sound ? place : never;
  }

  void sink(size_t begin, size_t end) {
    const auto n = static_cast<int32_t>(end - begin);
    keys_.assign(static_cast<size_t>(n), 0);
    next_store_ = never;
    for (int32_t i = n; i-- > 0;) {
      const Inst& inst = code_.insts[begin + static_cast<size_t>(i)];
      int32_t key = i;
      if (may_move(inst)) {
        const int32_t target = target_of(inst);
        if (target != never) key = target;
      }
      keys_[static_cast<size_t>(i)] = key;
      if (inst.dst != Reg::none) next_write_[index(inst.dst)] = key;
      if (inst.op == VOp::store || inst.op == VOp::store_low) next_store_ = i;
      for_each_read(inst, [&](Reg r, bool) {
        ++uses_seen_[index(r)];
        first_use_[index(r)] = std::min(first_use_[index(r)], key);
      });
    }
    place(begin, end);
    forget(begin, end);
  }

  /// Counting sort by key; equal keys keep their order, in which writers stand before readers.
  void place(size_t begin, size_t end) {
    const size_t n = end - begin;
    starts_.assign(n + 1, 0);
    for (const int32_t key : keys_) ++starts_[static_cast<size_t>(key) + 1];
    for (size_t i = 0; i < n; ++i) starts_[i + 1] += starts_[i];
    sorted_.resize(n);
    for (size_t i = 0; i < n; ++i)
      sorted_[static_cast<size_t>(starts_[static_cast<size_t>(keys_[i])]++)] = code_.insts[begin + i];
    std::copy(sorted_.begin(), sorted_.end(), code_.insts.begin() + static_cast<std::ptrdiff_t>(begin));
  }

  void forget(size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const Inst& inst = code_.insts[i];
      for_each_read(inst, [&](Reg r, bool) {
        uses_seen_[index(r)] = 0;
        first_use_[index(r)] = never;
      });
      if (inst.dst != Reg::none) next_write_[index(inst.dst)] = never;
    }
  }

  // --- folding a load into its only reader

  bool is_foldable_load(const Inst& inst) const {
    if (!is_load(inst) || inst.dst == Reg::none || inst.mask != Reg::none || inst.reads_dst) return false;
    if (inst.op != VOp::load && inst.op != VOp::vpbroadcastd) return false;
    return writes_[index(inst.dst)] == 1 && reads_[index(inst.dst)] == 1;
  }

  void fold(size_t begin, size_t end) {
    std::vector<size_t> pending;
    const auto drop = [&](auto gone) {
      std::erase_if(pending, [&](size_t at) {
        const Inst& load = code_.insts[at];
        if (load.dst == Reg::none) return true;  // folded
        if (!gone(load)) return false;
        loaded_[index(load.dst)] = -1;
        return true;
      });
    };
    for (size_t i = begin; i < end; ++i) {
      Inst& inst = code_.insts[i];
      if (inst.mem.kind == MemKind::none) fold_into(inst);
      if (inst.op == VOp::store || inst.op == VOp::store_low) drop([](const Inst&) { return true; });
      if (inst.dst != Reg::none && code_.classes[index(inst.dst)] == Class::gpr)
        drop([&](const Inst& load) { return load.mem.base == inst.dst || load.mem.index == inst.dst; });
      if (!is_foldable_load(inst)) continue;
      loaded_[index(inst.dst)] = static_cast<int32_t>(i);
      pending.push_back(i);
    }
    drop([](const Inst&) { return true; });
  }

  bool try_operand(Inst& inst, Reg& operand) {
    if (operand == Reg::none || loaded_[index(operand)] < 0) return false;
    Inst& load = code_.insts[static_cast<size_t>(loaded_[index(operand)])];
    const VOpInfo& op = info(inst.op);
    const bool is_broadcast = load.op == VOp::vpbroadcastd;
    if (is_broadcast ? !op.has(op_flag::bcast) : load.bytes != op.source_bytes) return false;
    inst.mem = load.mem;
    inst.mem.broadcast = is_broadcast;
    loaded_[index(operand)] = -1;
    operand = Reg::none;
    load = {};
    load.op = VOp::vmov;  // erased at the end
    return true;
  }

  void fold_into(Inst& inst) {
    const VOpInfo& op = info(inst.op);
    switch (op.form) {
      case Form::vvv:
        if (try_operand(inst, inst.b)) return;
        if (op.has(op_flag::commutative) && try_operand(inst, inst.a)) std::swap(inst.a, inst.b);
        return;
      case Form::vv:
      case Form::vvi: (void)try_operand(inst, inst.a); return;
      case Form::fma:
        (void)(try_operand(inst, inst.a) || try_operand(inst, inst.b) || try_operand(inst, inst.c));
        return;
      case Form::dot:
        if (op.has(op_flag::commutative) && try_operand(inst, inst.b)) return;
        (void)try_operand(inst, inst.c);
        return;
      case Form::other:
      case Form::control: return;
    }
  }

  VCode& code_;
  std::vector<int32_t> writes_;  // by register, in the whole code
  std::vector<int32_t> reads_;
  std::vector<int32_t> first_use_;  // by register, within the run
  std::vector<int32_t> uses_seen_;
  std::vector<int32_t> next_write_;
  std::vector<int32_t> loaded_;  // by register: the load that may still be folded
  std::vector<int32_t> keys_;
  std::vector<int32_t> starts_;
  std::vector<Inst> sorted_;
  int32_t next_store_ = never;
};

}  // namespace

void order(VCode& code) { Orderer(code).run(); }

}  // namespace tilejit::x86

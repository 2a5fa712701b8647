#include "targets/x86/regalloc_spill.h"

#include <algorithm>
#include <utility>

namespace tilejit::x86 {
namespace {

/// One walk over the code: a register's only write, and whether all its reads see the same operands.
class RepeatableWrites {
 public:
  RepeatableWrites(const VCode& code, size_t first_short)
      : code_(code), first_short_(first_short), at_(code.classes.size(), unwritten),
        last_write_(code.classes.size(), -1) {}

  std::vector<int32_t> run() {
    for (size_t i = 0; i < code_.insts.size(); ++i) {
      const Inst& inst = code_.insts[i];
      if (info(inst.op).form == Form::control) run_begin_ = static_cast<int32_t>(i);
      for_each_read(inst, [&](Reg r, bool) { read(r); });
      if (inst.op == VOp::store || inst.op == VOp::store_low) last_store_ = static_cast<int32_t>(i);
      if (inst.dst != Reg::none) write(inst, static_cast<int32_t>(i));
    }
    for (int32_t& at : at_) at = std::max(at, -1);
    return std::move(at_);
  }

 private:
  static constexpr int32_t unwritten = -1;
  static constexpr int32_t refused = -2;

  static bool is_load(const Inst& i) { return i.op == VOp::load || i.op == VOp::vpbroadcastd; }
  static bool is_constant(const Inst& i) {
    return i.op == VOp::zero || i.op == VOp::mov_imm || (is_load(i) && i.mem.kind == MemKind::constant);
  }
  bool is_plain_load(const Inst& i) const {
    return is_load(i) && i.mem.kind == MemKind::pointer && i.mem.index == Reg::none && i.mask == Reg::none &&
           !i.reads_dst && index(i.mem.base) < first_short_;
  }

  void write(const Inst& inst, int32_t i) {
    int32_t& at = at_[index(inst.dst)];
    at = at == unwritten && (is_constant(inst) || is_plain_load(inst)) ? i : refused;
    last_write_[index(inst.dst)] = i;
  }

  void read(Reg r) {
    int32_t& at = at_[index(r)];
    if (at < 0) return;
    const Inst& writer = code_.insts[static_cast<size_t>(at)];
    if (is_constant(writer)) return;
    if (at < run_begin_ || at < last_store_ || at < last_write_[index(writer.mem.base)]) at = refused;
  }

  const VCode& code_;
  size_t first_short_;
  std::vector<int32_t> at_;
  std::vector<int32_t> last_write_;
  int32_t run_begin_ = -1;
  int32_t last_store_ = -1;
};

class Spiller {
 public:
  Spiller(VCode& code, const std::vector<uint8_t>& spilled, const std::vector<int32_t>& repeatable,
          int32_t (&slots)[class_count])
      : code_(code), spilled_(spilled), repeatable_(repeatable), slots_(slots), slot_of_(spilled.size(), -1) {}

  void run() {
    old_ = std::move(code_.insts);
    code_.insts.clear();
    code_.insts.reserve(old_.size() + old_.size() / 4);
    for (const Inst& inst : old_) rewrite(inst);
  }

 private:
  bool is_spilled(Reg r) const { return r != Reg::none && index(r) < spilled_.size() && spilled_[index(r)] != 0; }
  const Inst* writer_of(Reg r) const {
    const int32_t at = repeatable_[index(r)];
    return at < 0 ? nullptr : &old_[static_cast<size_t>(at)];
  }

  Mem slot(Reg r) {
    const Class cls = code_.classes[index(r)];
    int32_t& number = slot_of_[index(r)];
    if (number < 0) number = slots_[static_cast<size_t>(cls)]++;
    Mem mem;
    mem.kind = MemKind::slot;
    mem.slot_class = cls;
    mem.disp = number;
    return mem;
  }

  /// The memory that holds a spilled vector, if the instruction can read it there.
  bool source(Reg r, const Inst& user, Mem& mem) {
    if (!is_spilled(r) || code_.classes[index(r)] != Class::zmm) return false;
    const Inst* writer = writer_of(r);
    if (writer == nullptr) {
      mem = slot(r);
      return true;
    }
    if (writer->mem.kind == MemKind::none) return false;
    const bool broadcast = writer->op == VOp::vpbroadcastd;
    if (broadcast ? !info(user.op).has(op_flag::bcast) : writer->bytes < info(user.op).source_bytes) return false;
    mem = writer->mem;
    mem.broadcast = broadcast;
    return true;
  }

  bool fold(Inst& inst, Reg& operand) {
    if (!source(operand, inst, inst.mem)) return false;
    operand = Reg::none;
    return true;
  }

  void fold_one(Inst& inst) {
    if (inst.mem.kind != MemKind::none) return;
    const VOpInfo& op = info(inst.op);
    switch (op.form) {
      case Form::vvv:
        if (fold(inst, inst.b)) return;
        if (op.has(op_flag::commutative) && fold(inst, inst.a)) std::swap(inst.a, inst.b);
        return;
      case Form::vv:
      case Form::vvi: fold(inst, inst.a); return;
      case Form::fma: (void)(fold(inst, inst.c) || fold(inst, inst.b) || fold(inst, inst.a)); return;
      case Form::dot:
        if (fold(inst, inst.c)) return;
        if (op.has(op_flag::commutative)) fold(inst, inst.b);
        return;
      case Form::other:
        if (inst.op == VOp::vmov && fold(inst, inst.a)) inst.op = VOp::load;
        return;
      case Form::control: return;
    }
  }

  Reg load(Reg r) {
    const Class cls = code_.classes[index(r)];
    const Reg temp = code_.add_register(cls);
    Inst inst;
    if (const Inst* writer = writer_of(r)) {
      inst = *writer;
      if (is_spilled(inst.mem.base)) inst.mem.base = load(inst.mem.base);
    } else {
      inst.op = cls == Class::gpr ? VOp::load64 : cls == Class::mask ? VOp::kload : VOp::load;
      inst.mem = slot(r);
    }
    inst.dst = temp;
    code_.insts.push_back(inst);
    return temp;
  }

  void store(Reg spilled, Reg value) {
    const Class cls = code_.classes[index(spilled)];
    Inst inst;
    inst.op = cls == Class::gpr ? VOp::store64 : cls == Class::mask ? VOp::kstore : VOp::store;
    inst.mem = slot(spilled);
    inst.a = value;
    code_.insts.push_back(inst);
  }

  void rewrite(Inst inst) {
    const Reg target = is_spilled(inst.dst) ? inst.dst : Reg::none;
    if (target != Reg::none && writer_of(target) != nullptr) return;
    fold_one(inst);
    std::pair<Reg, Reg> loaded[6];
    size_t count = 0;
    const auto replace = [&](Reg& r) {
      if (!is_spilled(r)) return;
      for (size_t i = 0; i < count; ++i)
        if (loaded[i].first == r) {
          r = loaded[i].second;
          return;
        }
      loaded[count++] = {r, load(r)};
      r = loaded[count - 1].second;
    };
    const bool keeps = inst.reads_dst;
    for_each_read(inst, [&](Reg& r, bool) { replace(r); });
    if (target == Reg::none) {
      code_.insts.push_back(inst);
      return;
    }
    if (!keeps) {
      inst.dst = Reg::none;
      for (size_t i = 0; i < count; ++i)
        if (loaded[i].first == target) inst.dst = loaded[i].second;
      if (inst.dst == Reg::none) inst.dst = code_.add_register(code_.classes[index(target)]);
    }
    write(inst, target);
  }

  void write(Inst inst, Reg target) {
    if (inst.op == VOp::count_down) {  // the store must come before the jump
      Inst step = inst;
      step.op = VOp::add_imm;
      step.imm = -1;
      code_.insts.push_back(step);
      store(target, inst.dst);
      inst.op = VOp::jump_ge;
      inst.a = std::exchange(inst.dst, Reg::none);
      inst.bound = 1;
      code_.insts.push_back(inst);
      return;
    }
    code_.insts.push_back(inst);
    store(target, inst.dst);
  }

  VCode& code_;
  const std::vector<uint8_t>& spilled_;
  const std::vector<int32_t>& repeatable_;
  int32_t (&slots_)[class_count];
  std::vector<int32_t> slot_of_;
  std::vector<Inst> old_;
};

}  // namespace

std::vector<int32_t> repeatable_writes(const VCode& code, size_t first_short) {
  return RepeatableWrites(code, first_short).run();
}

void insert_spills(VCode& code, const std::vector<uint8_t>& spilled, const std::vector<int32_t>& repeatable,
                   int32_t (&slots)[class_count]) {
  Spiller(code, spilled, repeatable, slots).run();
}

}  // namespace tilejit::x86

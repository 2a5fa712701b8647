#include "targets/x86/select.h"

#include <algorithm>

namespace tilejit::x86 {
namespace {

constexpr int32_t nowhere = -1;

/// A copy can go when its result is written nowhere else and all its readers stand behind it in its straight run, before the
/// source changes. The source of a copy of a copy is the first one's.
class CopyForwarder {
 public:
  explicit CopyForwarder(VCode& code)
      : code_(code), writes_(code.classes.size(), 0), reads_(code.classes.size(), 0),
        copy_of_(code.classes.size(), nowhere), last_write_(code.classes.size(), nowhere) {
    for (const Inst& inst : code.insts) {
      for_each_read(inst, [&](Reg r, bool) { ++reads_[index(r)]; });
      if (inst.dst != Reg::none) ++writes_[index(inst.dst)];
    }
  }

  void run() {
    for (size_t i = 0; i < code_.insts.size(); ++i) visit(static_cast<int32_t>(i));
    if (copies_.empty()) return;
    for (Inst& inst : code_.insts) {
      if (inst.op == VOp::vmov && source(inst.dst) != inst.dst) {
        inst.dst = Reg::none;
        continue;
      }
      for_each_read(inst, [&](Reg& r, bool) { r = source(r); });
    }
    std::erase_if(code_.insts, [](const Inst& i) { return i.op == VOp::vmov && i.dst == Reg::none; });
  }

 private:
  struct Copy {
    int32_t at;
    Reg source;
    int32_t sound_reads = 0;
  };

  /// The copy that r holds at this place: of this run, and its source has not changed since.
  Copy* current_copy(Reg r) {
    const int32_t number = copy_of_[index(r)];
    if (number == nowhere) return nullptr;
    Copy& copy = copies_[static_cast<size_t>(number)];
    return copy.at > run_begin_ && last_write_[index(copy.source)] <= copy.at ? &copy : nullptr;
  }

  void visit(int32_t i) {
    const Inst& inst = code_.insts[static_cast<size_t>(i)];
    if (info(inst.op).form == Form::control) run_begin_ = i;
    for_each_read(inst, [&](Reg r, bool) {
      if (Copy* copy = current_copy(r)) ++copy->sound_reads;
    });
    if (inst.dst == Reg::none) return;
    last_write_[index(inst.dst)] = i;
    if (inst.op != VOp::vmov || inst.reads_dst || writes_[index(inst.dst)] != 1) return;
    const Copy* first = current_copy(inst.a);
    copy_of_[index(inst.dst)] = static_cast<int32_t>(copies_.size());
    copies_.push_back({i, first != nullptr ? first->source : inst.a});
  }

  Reg source(Reg r) const {
    const int32_t number = copy_of_[index(r)];
    if (number == nowhere) return r;
    const Copy& copy = copies_[static_cast<size_t>(number)];
    return copy.sound_reads == reads_[index(r)] ? copy.source : r;
  }

  VCode& code_;
  std::vector<int32_t> writes_;  // by register, in the whole code
  std::vector<int32_t> reads_;
  std::vector<int32_t> copy_of_;     // by register: the number of the copy that writes it
  std::vector<int32_t> last_write_;  // by register, so far
  std::vector<Copy> copies_;
  int32_t run_begin_ = nowhere;
};

}  // namespace

void forward_copies(VCode& code) {
  const auto is_copy = [](const Inst& inst) { return inst.op == VOp::vmov; };
  if (std::any_of(code.insts.begin(), code.insts.end(), is_copy)) CopyForwarder(code).run();
}

}  // namespace tilejit::x86

// When two kernels are the same: after both are brought to one numbering of values and buffers.
#include <algorithm>

#include "ir/ir.h"

namespace tilejit::ir {
namespace {

/// Numbers values in the order of the text: m, then each where it is first written or used; a loop's variable anew at each
/// loop. Parameters come before the kernel's own buffers.
class Renumbering {
 public:
  explicit Renumbering(const Kernel& kernel) : kernel_(kernel), values_(kernel.values.size(), Value::none) {
    if (!values_.empty()) values_[0] = value_m;
  }

  Kernel run() {
    result_.name = kernel_.name;
    move_buffers();
    for (const Instr& instr : kernel_.body) result_.body.push_back(renumbered(instr));
    return std::move(result_);
  }

 private:
  void move_buffers() {
    buffers_.assign(kernel_.buffers.size(), BufferId::none);
    for (bool parameters : {true, false})
      for (size_t i = 0; i < buffers_.size(); ++i)
        if (kernel_.buffers[i].is_parameter() == parameters) buffers_[i] = result_.add_buffer(kernel_.buffers[i]);
  }

  Value fresh(Value v) {
    Value& number = values_[static_cast<size_t>(v)];
    number = result_.add_value({}, kernel_.value(v).tile);
    return number;
  }

  Value value(Value v) {
    const auto index = static_cast<size_t>(v);
    if (index >= values_.size()) return v;
    return values_[index] == Value::none ? fresh(v) : values_[index];
  }

  BufferId buffer(BufferId b) const {
    return static_cast<size_t>(b) < buffers_.size() ? buffers_[static_cast<size_t>(b)] : b;
  }

  Affine affine(const Affine& a) {
    Affine result(a.constant());
    std::vector<Term> terms(a.begin(), a.end());
    for (const Term& t : terms) result.add(value(t.var), t.coef);
    return result;
  }

  Bound bound(Bound b) {
    b.value = affine(b.value);
    return b;
  }

  Instr renumbered(Instr instr) {
    instr.line = 0;
    instr.lo = bound(instr.lo);
    instr.hi = bound(instr.hi);
    for (Slice& s : instr.slices) s.start = affine(s.start);
    for (Slice& s : instr.source_slices) s.start = affine(s.start);
    for (Value& v : instr.args) v = value(v);
    instr.lane_var = value(instr.lane_var);
    instr.buffer = buffer(instr.buffer);
    instr.source = buffer(instr.source);
    const bool known = static_cast<size_t>(instr.dst) < values_.size();
    instr.dst = instr.op == Op::for_loop && known && instr.dst != value_m ? fresh(instr.dst) : value(instr.dst);
    return instr;
  }

  const Kernel& kernel_;
  Kernel result_;
  std::vector<Value> values_;
  std::vector<BufferId> buffers_;
};

bool same_value(const ValueInfo& a, const ValueInfo& b) { return a.tile == b.tile; }

}  // namespace

bool Instr::same(const Instr& o) const {
  return op == o.op && loop == o.loop && clip == o.clip && lane_constant == o.lane_constant && lane_var == o.lane_var &&
         dst == o.dst && args == o.args && imm == o.imm && buffer == o.buffer && source == o.source &&
         slices == o.slices && source_slices == o.source_slices && lo == o.lo && hi == o.hi && step == o.step;
}

bool Kernel::same(const Kernel& other) const {
  const Kernel a = Renumbering(*this).run();
  const Kernel b = Renumbering(other).run();
  return a.name == b.name && a.buffers == b.buffers &&
         std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(), same_value) &&
         std::equal(a.body.begin(), a.body.end(), b.body.begin(), b.body.end(),
                    [](const Instr& x, const Instr& y) { return x.same(y); });
}

bool Program::same(const Program& other) const {
  return std::equal(kernels.begin(), kernels.end(), other.kernels.begin(), other.kernels.end(),
                    [](const Kernel& a, const Kernel& b) { return a.same(b); });
}

}  // namespace tilejit::ir

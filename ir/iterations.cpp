#include "ir/iterations.h"

#include <utility>

namespace tilejit::ir {
namespace {

class Counter {
 public:
  Counter(const Kernel& kernel, int64_t m)
      : kernel_(kernel), partner_(match_loops(kernel)), value_(kernel.values.size(), 0),
        is_read_(kernel.values.size(), false), count_(kernel.body.size(), 0) {
    value_[static_cast<size_t>(value_m)] = m;
    for (const Instr& instr : kernel.body)
      if (instr.op == Op::for_loop)
        for (const LoopBound* bound : {&instr.lo, &instr.hi})
          for (const Term& term : (*bound)->value) is_read_[static_cast<size_t>(term.var)] = true;
  }

  std::vector<int64_t> run() {
    walk(0, kernel_.body.size(), 1);
    return std::move(count_);
  }

 private:
  int64_t evaluate(const Bound& bound) const {
    int64_t value = bound.value.constant();
    for (const Term& term : bound.value) value += term.coef * value_[static_cast<size_t>(term.var)];
    return bound.round(value);
  }

  /// [begin, end) runs `times` times with the present values. Only a loop whose variable an inner bound reads is walked.
  void walk(size_t begin, size_t end, int64_t times) {
    for (size_t i = begin; i < end; ++i) {
      const Instr& instr = kernel_.body[i];
      if (instr.op != Op::for_loop) continue;
      const int64_t lo = evaluate(instr.lo);
      const int64_t hi = evaluate(instr.hi);
      const int64_t trips = hi > lo ? (hi - lo + instr.step - 1) / instr.step : 0;
      const auto inner_end = static_cast<size_t>(partner_[i]);
      count_[i] += times * trips;
      if (!is_read_[static_cast<size_t>(instr.dst)]) {
        if (trips > 0) walk(i + 1, inner_end, times * trips);
      } else {
        for (int64_t v = lo; v < hi; v += instr.step) {
          value_[static_cast<size_t>(instr.dst)] = v;
          walk(i + 1, inner_end, times);
        }
      }
      i = inner_end;
    }
  }

  const Kernel& kernel_;
  std::vector<int32_t> partner_;
  std::vector<int64_t> value_;  // by value; of variables that no bound reads 0
  std::vector<bool> is_read_;
  std::vector<int64_t> count_;
};

}  // namespace

std::vector<int64_t> count_iterations(const Kernel& kernel, int64_t m) { return Counter(kernel, m).run(); }

}  // namespace tilejit::ir

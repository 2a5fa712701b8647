#include "jit/passes/unroll_loops.h"

#include <algorithm>
#include <utility>

#include "ir/check.h"
#include "jit/passes/substitute.h"

namespace tilejit {
namespace {

struct Binding {
  ir::Value var;
  int64_t value;
};

bool is_unrolled(const ir::Instr& instr) {
  return instr.op == ir::Op::for_loop && instr.loop == ir::LoopKind::unrolled;
}

/// Instructions outside of unrolled loops move, the others are copied.
class Unroller {
 public:
  explicit Unroller(ir::Kernel& kernel) : body_(kernel.body), partner_(ir::match_loops(kernel)) {}

  std::vector<ir::Instr> run() {
    out_.reserve(body_.size());
    copy(0, body_.size());
    return std::move(out_);
  }

 private:
  void copy(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      ir::Instr& instr = body_[i];
      if (!is_unrolled(instr)) {
        if (bindings_.empty())
          out_.push_back(std::move(instr));
        else
          out_.push_back(instr);
        for (const Binding& b : bindings_) substitute(out_.back(), b.var, b.value);
        continue;
      }
      const size_t end = static_cast<size_t>(partner_[i]);
      repeat(instr, i + 1, end);
      i = end;
    }
  }

  void repeat(const ir::Instr& loop, size_t from, size_t to) {
    CHECK(loop.lo->is_constant() && loop.hi->is_constant(), "an unrolled loop needs constant bounds");
    const int64_t lo = loop.lo->round(loop.lo->value.constant());
    const int64_t hi = loop.hi->round(loop.hi->value.constant());
    bindings_.push_back({loop.dst, lo});
    for (int64_t v = lo; v < hi; v += loop.step) {
      bindings_.back().value = v;
      copy(from, to);
    }
    bindings_.pop_back();
  }

  std::vector<ir::Instr>& body_;
  std::vector<int32_t> partner_;
  std::vector<ir::Instr> out_;
  std::vector<Binding> bindings_;
};

}  // namespace

bool unroll_loops(ir::Kernel& kernel) {
  if (std::none_of(kernel.body.begin(), kernel.body.end(), is_unrolled)) return false;
  kernel.body = Unroller(kernel).run();
  return true;
}

}  // namespace tilejit

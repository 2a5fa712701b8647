#include "jit/passes/unroll_loops.h"

#include <utility>

#include "ir/check.h"
#include "jit/passes/substitute.h"

namespace tilejit {
namespace {

struct Binding {
  ir::Value var;
  int64_t value;
};

class Unroller {
 public:
  explicit Unroller(const ir::Kernel& kernel) : body_(kernel.body), partner_(ir::match_loops(kernel)) {}

  std::vector<ir::Instr> run() {
    out_.reserve(body_.size());
    copy(0, body_.size());
    return std::move(out_);
  }

 private:
  void copy(size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      const ir::Instr& instr = body_[i];
      const bool unrolled = instr.op == ir::Op::for_loop && instr.loop == ir::LoopKind::unrolled;
      if (!unrolled) {
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

  const std::vector<ir::Instr>& body_;
  std::vector<int32_t> partner_;
  std::vector<ir::Instr> out_;
  std::vector<Binding> bindings_;
};

}  // namespace

void unroll_loops(ir::Kernel& kernel) { kernel.body = Unroller(kernel).run(); }

}  // namespace tilejit

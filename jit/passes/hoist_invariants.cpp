#include "jit/passes/hoist_invariants.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "jit/passes/substitute.h"

namespace tilejit {
namespace {

using ir::Instr;
using ir::Op;
using ir::Value;

bool surely_runs(const Instr& loop) {
  return loop.op == Op::for_loop && loop.loop == ir::LoopKind::serial && loop.lo->is_constant() &&
         loop.hi->is_constant() &&
         loop.lo->round(loop.lo->value.constant()) < loop.hi->round(loop.hi->value.constant());
}

/// One loop of the body: instructions (begin, end) exclusive of the loop's own.
class LoopBody {
 public:
  LoopBody(const ir::Kernel& kernel, size_t begin, size_t end)
      : kernel_(kernel), begin_(begin), writes_(kernel.values.size(), 0) {
    for (size_t i = begin + 1; i < end; ++i) {
      const Instr& instr = kernel.body[i];
      if (instr.dst != Value::none) ++writes_[static_cast<size_t>(instr.dst)];
      if (instr.op == Op::store) stored_.push_back(instr.buffer);
      if (instr.op == Op::async_copy || instr.op == Op::barrier || instr.op == Op::wait) memory_moves_ = true;
    }
  }

  /// The instruction at `at`, directly in the loop, may run once before it.
  bool invariant(size_t at) const {
    const Instr& instr = kernel_.body[at];
    if (instr.op != Op::load && instr.op != Op::convert && instr.op != Op::fill) return false;
    if (writes_[static_cast<size_t>(instr.dst)] != 1 || read_between(instr.dst, begin_ + 1, at)) return false;
    for (const Value arg : instr.args)
      if (arg != Value::none && writes_[static_cast<size_t>(arg)] > 0) return false;
    if (instr.op != Op::load) return true;
    if (memory_moves_ || std::find(stored_.begin(), stored_.end(), instr.buffer) != stored_.end()) return false;
    if (reads_index(instr, kernel_.body[begin_].dst)) return false;
    for (size_t v = 0; v < writes_.size(); ++v)
      if (writes_[v] > 0 && reads_index(instr, Value{static_cast<int32_t>(v)})) return false;
    return true;
  }

 private:
  bool read_between(Value value, size_t from, size_t to) const {
    for (size_t i = from; i < to; ++i)
      for (const Value arg : kernel_.body[i].args)
        if (arg == value) return true;
    return false;
  }

  const ir::Kernel& kernel_;
  size_t begin_;
  std::vector<int32_t> writes_;
  std::vector<ir::BufferId> stored_;
  bool memory_moves_ = false;
};

/// Moves what is invariant out of the loop at `begin`; returns how many instructions moved.
size_t hoist_from(ir::Kernel& kernel, size_t begin, size_t end) {
  const LoopBody body(kernel, begin, end);
  std::vector<size_t> moved;
  int depth = 0;
  for (size_t i = begin + 1; i < end; ++i) {
    const Op op = kernel.body[i].op;
    if (op == Op::for_loop) ++depth;
    if (op == Op::end) --depth;
    if (depth == 0 && body.invariant(i)) moved.push_back(i);
  }
  for (size_t n = 0; n < moved.size(); ++n) {
    const auto first = kernel.body.begin() + static_cast<std::ptrdiff_t>(begin + n);
    const auto at = kernel.body.begin() + static_cast<std::ptrdiff_t>(moved[n]);
    std::rotate(first, at, at + 1);
  }
  return moved.size();
}

}  // namespace

bool hoist_invariants(ir::Kernel& kernel) {
  bool changed = false;
  // Inner loops first, so that an instruction may leave several loops.
  for (size_t i = kernel.body.size(); i-- > 0;) {
    if (!surely_runs(kernel.body[i])) continue;
    size_t end = i + 1;
    for (int depth = 1; depth > 0; ++end) {
      if (kernel.body[end].op == Op::for_loop) ++depth;
      if (kernel.body[end].op == Op::end) --depth;
    }
    // What moved may have kept something else inside.
    size_t begin = i;
    while (const size_t moved = hoist_from(kernel, begin, end - 1)) begin += moved;
    changed |= begin != i;
  }
  return changed;
}

}  // namespace tilejit

#include "jit/passes/remove_dead.h"

#include <vector>

namespace tilejit {
namespace {

using ir::Instr;
using ir::Op;
using ir::Value;

bool has_effect(const Instr& instr) {
  const ir::OpInfo& info = ir::info(instr.op);
  return !info.writes || instr.op == Op::for_loop;
}

void count_index_reads(const Instr& instr, std::vector<int32_t>& reads) {
  const auto count = [&](const ir::Affine& a) {
    for (const ir::Term& t : a) ++reads[static_cast<size_t>(t.var)];
  };
  for (const ir::Slice& s : instr.slices) count(s.start);
  for (const ir::Slice& s : instr.source_slices) count(s.start);
  count(instr.lo->value);
  count(instr.hi->value);
  if (instr.lane_var != Value::none) ++reads[static_cast<size_t>(instr.lane_var)];
}

/// One sweep; true when something went. An instruction that reads only what it writes keeps nothing alive.
bool sweep(ir::Kernel& kernel) {
  std::vector<int32_t> reads(kernel.values.size(), 0);
  for (const Instr& instr : kernel.body) {
    count_index_reads(instr, reads);
    for (const Value arg : instr.args)
      if (arg != Value::none && (arg != instr.dst || has_effect(instr))) ++reads[static_cast<size_t>(arg)];
  }
  size_t kept = 0;
  for (size_t i = 0; i < kernel.body.size(); ++i) {
    Instr& instr = kernel.body[i];
    const Instr* last = kept > 0 ? &kernel.body[kept - 1] : nullptr;
    const bool empty_loop = instr.op == Op::end && last != nullptr && last->op == Op::for_loop &&
                            (last->loop == ir::LoopKind::serial || last->loop == ir::LoopKind::unrolled);
    if (empty_loop)
      --kept;
    else if (has_effect(instr) || reads[static_cast<size_t>(instr.dst)] > 0) {
      if (kept != i) kernel.body[kept] = std::move(instr);
      ++kept;
    }
  }
  const bool changed = kept != kernel.body.size();
  kernel.body.resize(kept);
  return changed;
}

}  // namespace

bool remove_dead(ir::Kernel& kernel) {
  bool changed = false;
  while (sweep(kernel)) changed = true;
  return changed;
}

}  // namespace tilejit

#include "jit/passes/simplify_loops.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "jit/passes/substitute.h"

namespace tilejit {
namespace {

/// Iterations of a loop whose bounds are constant; -1 when they are not.
int64_t trips(const ir::Instr& loop) {
  if (!loop.lo->is_constant() || !loop.hi->is_constant()) return -1;
  const int64_t lo = loop.lo->round(loop.lo->value.constant());
  const int64_t hi = loop.hi->round(loop.hi->value.constant());
  return hi <= lo ? 0 : (hi - lo + loop.step - 1) / loop.step;
}

bool goes(const ir::Instr& instr) {
  if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::serial) return false;
  const int64_t count = trips(instr);
  return count == 0 || count == 1;
}

}  // namespace

bool simplify_loops(ir::Kernel& kernel) {
  if (std::none_of(kernel.body.begin(), kernel.body.end(), goes)) return false;
  const std::vector<int32_t> partner = ir::match_loops(kernel);
  std::vector<std::pair<ir::Value, int64_t>> bound;  // variables of the loops that run once
  std::vector<bool> dropped(kernel.body.size(), false);
  std::vector<ir::Instr> out;
  out.reserve(kernel.body.size());
  for (size_t i = 0; i < kernel.body.size(); ++i) {
    if (dropped[i]) continue;
    ir::Instr& instr = out.emplace_back(std::move(kernel.body[i]));
    for (const auto& [var, value] : bound) substitute(instr, var, value);
    if (!goes(instr)) continue;
    const int64_t count = trips(instr);
    const size_t end = static_cast<size_t>(partner[i]);
    if (count == 1) bound.emplace_back(instr.dst, instr.lo->round(instr.lo->value.constant()));
    dropped[end] = true;
    out.pop_back();
    if (count == 0) i = end;
  }
  kernel.body = std::move(out);
  return true;
}

}  // namespace tilejit

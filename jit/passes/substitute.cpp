#include "jit/passes/substitute.h"

#include <algorithm>

#include "ir/check.h"

namespace tilejit {

void substitute(ir::Instr& instr, ir::Value var, const ir::Affine& by) {
  const auto in = [&](ir::Affine& index) {
    if (index.coef_of(var) != 0) index = index.substitute(var, by);
  };
  for (ir::Slice& s : instr.slices) in(s.start);
  for (ir::Slice& s : instr.source_slices) in(s.start);
  if (instr.op == ir::Op::for_loop) {
    in(instr.lo.edit().value);
    in(instr.hi.edit().value);
  }
  if (instr.lane_var == var) {
    CHECK(by.is_constant(), "the lane of an unpack must become a constant");
    instr.lane_constant += static_cast<int32_t>(by.constant());
    instr.lane_var = ir::Value::none;
  }
}

bool reads_index(const ir::Instr& instr, ir::Value var) {
  const auto in = [var](const ir::Slice& s) { return s.start.coef_of(var) != 0; };
  return instr.lane_var == var || instr.lo->value.coef_of(var) != 0 || instr.hi->value.coef_of(var) != 0 ||
         std::any_of(instr.slices.begin(), instr.slices.end(), in) ||
         std::any_of(instr.source_slices.begin(), instr.source_slices.end(), in);
}

}  // namespace tilejit

#include "jit/passes/substitute.h"

#include <algorithm>

#include "ir/check.h"

namespace tilejit {

void substitute(ir::Instr& instr, ir::Value var, const ir::Affine& by) {
  for (ir::Slice& s : instr.slices) s.start = s.start.substitute(var, by);
  for (ir::Slice& s : instr.source_slices) s.start = s.start.substitute(var, by);
  instr.lo.value = instr.lo.value.substitute(var, by);
  instr.hi.value = instr.hi.value.substitute(var, by);
  if (instr.lane_var == var) {
    CHECK(by.is_constant(), "the lane of an unpack must become a constant");
    instr.lane_constant += static_cast<int32_t>(by.constant());
    instr.lane_var = ir::Value::none;
  }
}

bool reads_index(const ir::Instr& instr, ir::Value var) {
  const auto in = [var](const ir::Slice& s) { return s.start.coef_of(var) != 0; };
  return instr.lane_var == var || instr.lo.value.coef_of(var) != 0 || instr.hi.value.coef_of(var) != 0 ||
         std::any_of(instr.slices.begin(), instr.slices.end(), in) ||
         std::any_of(instr.source_slices.begin(), instr.source_slices.end(), in);
}

}  // namespace tilejit

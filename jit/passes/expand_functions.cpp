#include "jit/passes/expand_functions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ir/functions.h"
#include "ir/tile_ops.h"

namespace tilejit {
namespace {

using ir::Instr;
using ir::Op;
using ir::TileOps;

bool is_function(const Instr& instr) { return instr.op == Op::exp || instr.op == Op::erf || instr.op == Op::tanh; }

void append_sequence(Op function, TileOps& ops, TileOps::F x) {
  if (function == Op::exp) ir::functions::exp(ops, x);
  if (function == Op::erf) ir::functions::erf(ops, x);
  if (function == Op::tanh) ir::functions::tanh(ops, x);
}

}  // namespace

/// A sequence works in the shape of its operand, and its last op broadcasts. Only that op writes the function's register, which may
/// be the operand's.
bool expand_functions(ir::Kernel& kernel) {
  if (std::none_of(kernel.body.begin(), kernel.body.end(), is_function)) return false;
  std::vector<Instr> body;
  body.reserve(kernel.body.size());
  for (Instr& instr : kernel.body) {
    if (!is_function(instr)) {
      body.push_back(std::move(instr));
      continue;
    }
    TileOps ops(kernel, body, kernel.value(instr.args[0]).tile.shape);
    append_sequence(instr.op, ops, {instr.args[0]});
    body.back().dst = instr.dst;
  }
  kernel.body = std::move(body);
  return true;
}

}  // namespace tilejit

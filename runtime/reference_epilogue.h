// The epilogue of the double reference: each op on a whole column, with the error that f32 arithmetic may have gathered so far.
#pragma once

#include <tilejit/weights.h>

#include <cstdint>
#include <vector>

#include "jit/problem.h"
#include "runtime/reference.h"

namespace tilejit {

/// One output before its rounding to the output's type.
struct Unrounded {
  double value = 0;
  double error = 0;  // the f32 that stands for it is so far from it
  double unquantized = 0;
};
using UnroundedColumn = std::vector<Unrounded>;  // a row of m each

struct ReferenceEpilogue {
  const Problem& problem;
  const Weights& weights;
  const ReferenceOperands& operands;
  double rounding = 0;  // of the longest chain: the contract counts a bias with the products

  /// Any op but swiglu; `column` finds its operand.
  void apply(Epilogue op, int64_t column, UnroundedColumn& outputs) const;
};

/// silu(gate) * up, into gate.
void apply_swiglu(UnroundedColumn& gate, const UnroundedColumn& up);

}  // namespace tilejit

// The double oracle as matrices: out[m,n] = epilogue(sum_k a[m,k] * w[k,n]) and, for each element, how far a right result may
// be from it. The arithmetic is runtime/reference.h, which uses none of the library's layouts, tiles or IR.
#pragma once

#include <tilejit/weights.h>

#include "jit/problem.h"
#include "runtime/reference.h"
#include "tests/support/bounds.h"

namespace tilejit::test {

/// `resolved` has dot and ks written out. out and bound are [m, resolved.out_columns()], row-major.
void reference_linear(const Problem& resolved, const Weights& weights, const FloatRows& a,
                      const ReferenceOperands& operands, int64_t m, double* out, double* bound);

}  // namespace tilejit::test

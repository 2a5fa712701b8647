// The double oracle as matrices: out[m,n] = epilogue(sum_k a[m,k] * w[k,n]) and, for each element, how far a right result may
// be from it. The arithmetic is runtime/reference.h, which uses none of the library's layouts, tiles or IR.
#pragma once

#include <tilejit/weights.h>

#include "jit/problem.h"
#include "tests/support/bounds.h"

namespace tilejit::test {

/// `resolved` has dot and ks written out; a float dot of w4a16 or w8a16. out and bound are [m, n], row-major.
void reference_linear(const Problem& resolved, const Weights& weights, const FloatRows& a, int64_t m, double* out,
                      double* bound);

}  // namespace tilejit::test

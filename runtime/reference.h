// The double reference of a linear layer: what the contract says it computes, by a plain loop over the checkpoint's own
// numbers, and how far from it each output may be. Nothing of the compiler is used: this is the first of the three
// equalities.
//
// It covers every scheme, dot and epilogue but dot=mma. w8a8 and w4a8 are referred to the activations as they quantize
// them.
// runtime/agreement.h compares outputs with it.
#pragma once

#include <tilejit/result.h>
#include <tilejit/weights.h>

#include <cstdint>
#include <span>
#include <vector>

#include "jit/problem.h"

namespace tilejit {

struct ReferenceOutput {
  double value = 0;
  double bound = 0;        // |out - value| may be this large
  double unquantized = 0;  // the value for activations that are not quantized; w8a8 and w4a8 differ from `value`
};

/// One row of activations as w8a8 and w4a8 quantize it: x is close to q * scale. The scale is 0 where all of the row is
/// tiny and NaN where an element is not finite; all q are 0 then.
struct QuantizedRow {
  std::vector<int8_t> q;  // -127 to 127
  float scale = 0;
};
QuantizedRow quantize_row(std::span<const double> x);

/// Activations in double, columns in the order of the stored weights (perm applied), [m][k] each.
struct ReferenceRows {
  int64_t m = 0;
  int64_t k = 0;
  std::vector<double> values;       // as they are multiplied; NaN where an integer dot has a scale of NaN
  std::vector<double> unquantized;  // w8a8 and w4a8 only: as they were given
  std::vector<double> uncertainty;  // i8x2 only: what it multiplies is so far from `values`
};
/// `a` holds m rows of k elements of type problem.a, lda elements apart. The problem is resolved.
ReferenceRows reference_rows(const Problem& resolved, const Weights& weights, const void* a, int64_t lda, int64_t m);

/// The matrices of the epilogue, of type problem.out, null where it names none. A residual that is `out` itself is read
/// before the layer runs, so that its reference needs a copy.
struct ReferenceOperands {
  const void* mul = nullptr;
  int64_t ldmul = 0;
  const void* residual = nullptr;
  int64_t ldres = 0;
};

/// ok, or `unsupported` for a problem that the reference does not cover.
Result<void> reference_covers(const Problem& resolved);
/// One column of the output (with swiglu of two channels) for every row. The problem is resolved (dot and ks decide the
/// bound), covered, and describes the weights.
std::vector<ReferenceOutput> reference_column(const Problem& resolved, const Weights& weights,
                                              const ReferenceRows& rows, const ReferenceOperands& operands,
                                              int64_t column);

}  // namespace tilejit

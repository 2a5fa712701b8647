// The double reference of a linear layer: what the contract says it computes, by a plain loop over the checkpoint's own
// numbers, and how far from it each output may be. Nothing of the compiler is used: this is the first of the three equalities.
//
// It covers the float dots (w4a16 and w8a16 with dot=fma or bf16) with a bias.
#pragma once

#include <tilejit/result.h>
#include <tilejit/weights.h>

#include <cstdint>
#include <string>
#include <vector>

#include "jit/problem.h"

namespace tilejit {

struct ReferenceOutput {
  double value = 0;
  double bound = 0;  // |out - value| may be this large
};

/// Activations in double, columns in the order of the stored weights (perm applied).
struct ReferenceRows {
  int64_t m = 0;
  int64_t k = 0;
  std::vector<double> values;  // [m][k]
};
/// `a` holds m rows of k elements of type problem.a, lda elements apart.
ReferenceRows reference_rows(const Problem& problem, const Weights& weights, const void* a, int64_t lda, int64_t m);

/// Channel n of the output for every row. The problem is resolved (dot and ks decide the bound) and describes the weights.
std::vector<ReferenceOutput> reference_channel(const Problem& resolved, const Weights& weights,
                                               const ReferenceRows& rows, int64_t n);

/// How a layer's output agrees with the reference.
struct Agreement {
  bool ok = false;  // every compared element within its bound, and rel_l2 within its limit where that has a meaning
  bool sampled =
      false;  // only whole channels of a random subset were compared, with at least 4,096 outputs over all rows
  int64_t compared = 0;  // outputs
  double rel_l2 = 0;     // |out - reference| / |reference|
  double sqnr_db = 0;    // signal to error: -20 log10(rel_l2), against the activations as they were given
  std::string worst;     // the first output beyond its bound, or empty
};
/// Compares all of `out` (m rows of type problem.out, ldo elements apart) while m*n*k <= 2^28, else a sample.
/// `unsupported` for a problem that the reference does not cover.
Result<Agreement> compare_with_reference(const Problem& resolved, const Weights& weights, const ReferenceRows& rows,
                                         const void* out, int64_t ldo);

}  // namespace tilejit

// How a layer's output agrees with the double reference: what every command reports and its `ok` means.
#pragma once

#include <tilejit/result.h>
#include <tilejit/weights.h>

#include <cstdint>
#include <string>

#include "jit/problem.h"
#include "runtime/reference.h"

namespace tilejit {

struct Agreement {
  bool ok = false;  // every compared element within its bound, and rel_l2 within its limit where that has a meaning
  bool sampled =
      false;  // only whole columns of a random subset were compared, with at least 4,096 outputs over all rows
  int64_t compared = 0;  // outputs
  double rel_l2 = 0;     // |out - reference| / |reference|
  double sqnr_db = 0;    // signal to error in dB, the signal being the reference for activations that are not quantized
  std::string worst;     // the first output beyond its bound, or empty
};

/// Compares all of `out` (m rows of type problem.out, ldo elements apart) while m*n*k <= 2^28, else a sample.
/// `unsupported` for a problem that the reference does not cover.
Result<Agreement> compare_with_reference(const Problem& resolved, const Weights& weights, const ReferenceRows& rows,
                                         const ReferenceOperands& operands, const void* out, int64_t ldo);

}  // namespace tilejit

// A layer of random weights, scales and zero points as a checkpoint of a given format stores it.
#pragma once

#include <tilejit/weights.h>

#include <cstdint>

#include "ir/quant.h"

namespace tilejit::bench {

struct StoredFormat {
  const QuantFormat* format;
  Type weight;  // u4, u8, or the float type of dense weights
};

/// f16 scales. Uniform bits wherever they are valid; the format's own group where it has one. Sizes that do not fit the
/// format leave `data` or `zeros` empty, and `validate` says why.
Weights random_stored_layer(const StoredFormat& stored, int64_t n, int64_t k, int64_t group, uint64_t seed);

/// Bytes of data, scales and zero points: what packing reads.
int64_t stored_bytes(const Weights& weights);

}  // namespace tilejit::bench

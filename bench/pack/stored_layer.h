// A layer of random integers, scales and zero points as a checkpoint of a given format stores it.
#pragma once

#include <tilejit/weights.h>

#include <cstdint>

#include "ir/quant.h"

namespace tilejit::bench {

/// 4-bit weights, f16 scales. Uniform bits wherever they are finite; the format's own group where it has one. Sizes that do
/// not fit the format leave `data` or `zeros` empty, and `validate` says why.
Weights random_stored_layer(const QuantFormat& format, int64_t n, int64_t k, int64_t group, uint64_t seed);

/// Bytes of data, scales and zero points: what packing reads.
int64_t stored_bytes(const Weights& weights);

}  // namespace tilejit::bench

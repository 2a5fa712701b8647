// Seeded operands of a linear layer: random weights as a checkpoint would store them, and random activations.
#pragma once

#include <tilejit/weights.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "jit/problem.h"

namespace tilejit::report {

/// Weights that the problem describes: uniform integers and zeros, scales around 0.02 / 2^(bits-1), normal offsets and bias, a
/// random permutation. Everything differs with the seed.
Weights random_weights(const Problem& problem, uint64_t seed);

/// [m][k] standard normal numbers of a float type.
std::vector<std::byte> random_normals(Type type, int64_t count, uint64_t seed);
/// `value` rounded to a float type, at element `index`.
void store_float(std::byte* data, Type type, int64_t index, float value);

}  // namespace tilejit::report

// Seeded operands of a linear layer: random weights as a checkpoint would store them, and the matrices of a call.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/weights.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "jit/problem.h"

namespace tilejit::report {

/// Weights that the problem describes: uniform integers and zeros, scales around 0.02 / 2^(bits-1), normal offsets, bias and
/// dense weights, a random permutation. Everything differs with the seed.
Weights random_weights(const Problem& problem, uint64_t seed);

/// Rows of a float type.
struct Matrix {
  std::vector<std::byte> data;  // [rows][cols]
  Type type = Type::bf16;
  int64_t rows = 0;
  int64_t cols = 0;
};
/// Standard normal numbers.
Matrix random_matrix(Type type, int64_t rows, int64_t cols, uint64_t seed);
/// `rows` rows: those of `matrix`, again and again.
Matrix repeat_rows(const Matrix& matrix, int64_t rows);

/// What a call reads beside the weights. A matrix that the epilogue does not name is empty.
struct CallInputs {
  Matrix a;
  Matrix mul;
  Matrix residual;
};
/// The activations, and random matrices for the epilogue of as many rows.
CallInputs random_inputs(const Problem& problem, Matrix a, uint64_t seed);
/// A call that writes dense rows of out.
LinearCall make_call(const CallInputs& inputs, const Problem& problem, std::byte* out);

/// `value` rounded to a float type, at element `index`.
void store_float(std::byte* data, Type type, int64_t index, float value);

}  // namespace tilejit::report

// A random linear layer with every operand of a call, each at a guard page and with a row stride of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "jit/problem.h"
#include "runtime/reference.h"
#include "targets/target.h"
#include "tests/support/bounds.h"
#include "tests/support/guarded_memory.h"
#include "tests/support/random_numbers.h"
#include "tests/support/random_weights.h"

namespace tilejit::test {

/// Rows of floats. What lies between them, and the memory of an absent operand, holds nothing.
struct OwnedRows {
  Type type = Type::f32;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;  // elements
  std::unique_ptr<GuardedMemory> memory;

  const std::byte* data() const { return memory ? memory->data() : nullptr; }
  std::span<std::byte> row(int64_t r) const;
  bool intact() const { return !memory || memory->intact(); }
};
/// Rows of the guard's pattern with a random stride and guard.
OwnedRows empty_rows(Type type, int64_t rows, int64_t columns, Rng& rng);

struct RandomLayer {
  Problem problem;  // resolved
  std::shared_ptr<const OwnedWeights> weights;
  Values values = Values::finite;  // of the activations, and of the operands that float dots meet
  OwnedRows a;
  OwnedRows mul;       // absent unless the epilogue names it
  OwnedRows residual;  // likewise

  ReferenceOperands operands() const;
};
RandomLayer random_layer(const TargetFacts& target, Rng& rng);

/// The layer for other rows: row r is row which[r] of `layer`, in memory and strides of its own.
RandomLayer with_rows(const RandomLayer& layer, std::span<const int64_t> which, Rng& rng);

}  // namespace tilejit::test

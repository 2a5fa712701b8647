#include "tests/support/random_layer.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/random_problem.h"

namespace tilejit::test {
namespace {

OwnedRows random_rows(Type type, int64_t rows, int64_t columns, Values values, Rng& rng) {
  OwnedRows made = empty_rows(type, rows, columns, rng);
  for (int64_t r = 0; r < rows; ++r) fill_activations(made.row(r), type, values, rng);
  return made;
}

/// Magnitudes around 2^-100, below which integer dots take a row for zeros (f16 has none: zeros).
void make_tiny(std::span<std::byte> row, Type type, Rng& rng) {
  const auto bytes = static_cast<size_t>(bits_of(type) / 8);
  const double largest = std::ldexp(1.0, -100 + static_cast<int>(rng.between(-2, 1)));
  for (size_t i = 0; i < row.size(); i += bytes) store_float(&row[i], type, rng.symmetric() * largest);
}

OwnedRows pick_rows(const OwnedRows& from, std::span<const int64_t> which, Rng& rng) {
  if (!from.memory) return {};
  OwnedRows picked = empty_rows(from.type, static_cast<int64_t>(which.size()), from.columns, rng);
  for (size_t r = 0; r < which.size(); ++r)
    std::ranges::copy(from.row(which[r]), picked.row(static_cast<int64_t>(r)).begin());
  return picked;
}

}  // namespace

std::span<std::byte> OwnedRows::row(int64_t r) const {
  return memory->bytes().subspan(static_cast<size_t>(bytes_of(type, r * stride)),
                                 static_cast<size_t>(bytes_of(type, columns)));
}

OwnedRows empty_rows(Type type, int64_t rows, int64_t columns, Rng& rng) {
  const auto guard = rng.one_in(4) ? GuardedMemory::Guard::at_begin : GuardedMemory::Guard::at_end;
  const int64_t stride = columns + (rng.one_in(2) ? 0 : rng.between(1, 40));
  const int64_t bytes = bytes_of(type, (rows - 1) * stride + columns);
  return {type, rows, columns, stride, std::make_unique<GuardedMemory>(bytes, guard)};
}

ReferenceOperands RandomLayer::operands() const {
  return {.mul = mul.data(), .ldmul = mul.stride, .residual = residual.data(), .ldres = residual.stride};
}

RandomLayer random_layer(const TargetFacts& target, Rng& rng) {
  RandomLayer layer;
  const Problem& p = layer.problem = random_problem(target, rng);
  layer.weights = std::make_shared<OwnedWeights>(random_weights(p, rng));
  layer.values = rng.one_in(4) ? Values::with_specials : Values::finite;
  layer.a = random_rows(p.a, p.m, p.k, layer.values, rng);
  if (rng.one_in(4)) make_tiny(layer.a.row(rng.between(0, p.m - 1)), p.a, rng);
  const Values values = p.has_integer_dot() ? Values::finite : layer.values;
  if (p.has(Epilogue::mul)) layer.mul = random_rows(p.out, p.m, p.columns_at(Epilogue::mul), values, rng);
  if (p.has(Epilogue::residual))
    layer.residual = random_rows(p.out, p.m, p.columns_at(Epilogue::residual), values, rng);
  return layer;
}

RandomLayer with_rows(const RandomLayer& layer, std::span<const int64_t> which, Rng& rng) {
  RandomLayer other;
  other.problem = layer.problem;
  other.problem.m = static_cast<int64_t>(which.size());
  other.weights = layer.weights;
  other.values = layer.values;
  other.a = pick_rows(layer.a, which, rng);
  other.mul = pick_rows(layer.mul, which, rng);
  other.residual = pick_rows(layer.residual, which, rng);
  return other;
}

}  // namespace tilejit::test

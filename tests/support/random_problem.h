// Random linear layers: problem lines, legal schedules, weights in every packing that can hold them, activations. All of it
// follows from one seed, so that a failure is reproduced by its number.
#pragma once

#include <tilejit/weights.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"
#include "tests/support/guarded_memory.h"

namespace tilejit::test {

/// splitmix64: the same numbers on every machine and library.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}
  uint64_t next();
  /// From lo to hi, both included.
  int64_t between(int64_t lo, int64_t hi);
  bool one_in(int64_t n) { return between(1, n) == 1; }
  /// In [-1, 1).
  double symmetric();
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[between(0, static_cast<int64_t>(values.size()) - 1)];
  }
  template <typename T>
  const T& pick(const std::vector<T>& values) {
    return values[static_cast<size_t>(between(0, static_cast<int64_t>(values.size()) - 1))];
  }

 private:
  uint64_t state_;
};

/// A problem with m, n and k from 1 to a few hundred that `target` implements; resolved for it.
Problem random_problem(const TargetFacts& target, Rng& rng);
/// A schedule that legal() admits.
Schedule random_schedule(const Problem& resolved, const TargetFacts& target, Rng& rng);

/// Weights and the memory they view, each part ending at a guard page.
struct OwnedWeights {
  Weights view;
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  std::vector<int32_t> perm;
};
/// Weights that match the problem, in a random packing that can hold them.
OwnedWeights random_weights(const Problem& problem, Rng& rng);

enum class Values : uint8_t { finite, with_specials };
/// Fills [rows, stride] with activations: some zeros and subnormals, with_specials also infinities and NaN.
void fill_activations(std::span<std::byte> memory, Type type, Values values, Rng& rng);
/// Stores the nearest value of a float type.
void store_float(std::byte* to, Type type, double value);

}  // namespace tilejit::test

// Random numbers that are the same on every machine and library, and buffers of random floats.
#pragma once

#include <tilejit/types.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

namespace tilejit::test {

/// splitmix64.
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
  template <typename T>
  void shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i-- > 1;)
      std::swap(values[i], values[static_cast<size_t>(between(0, static_cast<int64_t>(i)))]);
  }

 private:
  uint64_t state_;
};

enum class Values : uint8_t { finite, with_specials };
/// Fills memory with activations: some zeros and subnormals, with_specials also infinities and NaN.
void fill_activations(std::span<std::byte> memory, Type type, Values values, Rng& rng);
/// Stores the nearest value of a float type.
void store_float(std::byte* to, Type type, double value);

}  // namespace tilejit::test

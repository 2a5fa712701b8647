// Transposition of a block of integers in vector registers, by rounds of perfect shuffles.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace tilejit {

template <typename Lane>
struct VectorOf {
  using Type __attribute__((vector_size(16))) = Lane;
};
template <typename Lane>
using Vector = typename VectorOf<Lane>::Type;

/// The lower halves of x and y, lane by lane in turn.
template <typename Lane>
Vector<Lane> interleave_low(Vector<Lane> x, Vector<Lane> y) {
  if constexpr (sizeof(Lane) == 1)
    return __builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  else if constexpr (sizeof(Lane) == 2)
    return __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11);
  else
    return __builtin_shufflevector(x, y, 0, 4, 1, 5);
}

template <typename Lane>
Vector<Lane> interleave_high(Vector<Lane> x, Vector<Lane> y) {
  if constexpr (sizeof(Lane) == 1)
    return __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  else if constexpr (sizeof(Lane) == 2)
    return __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15);
  else
    return __builtin_shufflevector(x, y, 2, 6, 3, 7);
}

/// From [rows][lanes of a vector] to [lanes][rows], rows a power of two. A round takes the lane at place (row, lane), read as
/// one binary number, to that number rotated left by one bit; log2(rows) rounds exchange the two parts of it.
template <typename Lane, size_t rows>
void transpose(std::array<Vector<Lane>, rows>& v) {
  for (size_t round = 1; round < rows; round *= 2) {
    const std::array<Vector<Lane>, rows> from = v;
    for (size_t i = 0; i < rows / 2; ++i) {
      v[2 * i] = interleave_low<Lane>(from[i], from[i + rows / 2]);
      v[2 * i + 1] = interleave_high<Lane>(from[i], from[i + rows / 2]);
    }
  }
}

}  // namespace tilejit

// The comparison of outputs with a double reference and the bounds of the contract (design, section 4).
#pragma once

#include <tilejit/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tilejit::test {

/// A matrix of floats as the library reads and writes it; `stride` in elements.
struct FloatRows {
  const std::byte* data = nullptr;
  Type type = Type::f32;
  int64_t stride = 0;

  double at(int64_t row, int64_t column) const;
};

struct BoundReport {
  bool ok = true;
  double worst = 0;     // |out - ref| / bound of the worst element
  std::string message;  // that element: row, column, both values, difference and bound
};

/// Compares [m, n] outputs with row-major references. NaN must meet NaN; an infinite out is right where ref reaches beyond
/// the type's largest number.
BoundReport check_bound(const FloatRows& out, int64_t m, int64_t n, const double* reference, const double* bound);
/// ||out - ref|| / ||ref||, the difference itself where ref is all zeros.
double relative_l2(const FloatRows& out, int64_t m, int64_t n, const double* reference);

}  // namespace tilejit::test

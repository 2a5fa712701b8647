// The accuracy bound of the contract (design, section 4) and the comparison of outputs with a double reference.
#pragma once

#include <tilejit/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "jit/problem.h"

namespace tilejit::test {

/// A matrix of floats as the library reads and writes it; `stride` in elements.
struct FloatRows {
  const std::byte* data = nullptr;
  Type type = Type::f32;
  int64_t stride = 0;

  double at(int64_t row, int64_t column) const;
};

/// What decides the bound of one output before it is rounded to its type.
struct F32Error {
  double magnitude = 0;  // M = sum(|a*(u-z)*s| + |a*c|) + |bias|
  int64_t chain = 0;     // the most f32 roundings that one term passes
  double flushed = 0;    // what subnormal inputs and results of a dot step may lose
  double bound() const { return 0x1p-24 * static_cast<double>(chain + 8) * magnitude + flushed; }
};

/// The longest chain of f32 operations of a float dot: through one group, over the groups, over the segments.
int64_t longest_chain(const Problem& resolved, bool has_offsets);
/// u_out * |ref| + e_out + the error of the f32 part.
double output_bound(Type out, double reference, const F32Error& f32);

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

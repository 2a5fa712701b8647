// Memory for the parameters of any kernel: random contents, and the comparison of two runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ir/interpret.h"
#include "ir/ir.h"

namespace tilejit::test {

/// Memory for the parameters of a kernel. Buffers are exactly as long as their elements need. A copy is independent.
struct Arguments {
  std::vector<std::vector<std::byte>> memory;  // one for each parameter
  std::vector<int64_t> row_strides;            // in elements; 0 unless strided

  std::vector<ir::BufferView> views();
};

/// Random contents: floats mostly in -2..2 with a few zeros, subnormals and large values; i32 buffers named `perm` hold
/// indices below 16 and below their length; u8 buffers named `zeros` or `z` hold 0..16, the zero points that unpack_zero
/// reads. Rows of strided buffers are up to 7 elements apart.
Arguments random_arguments(const ir::Kernel& kernel, int64_t m, uint64_t seed);

/// Empty when the parameters hold the same elements, all NaNs being equal; else the first element that differs.
std::string difference(const ir::Kernel& kernel, const Arguments& a, const Arguments& b);

}  // namespace tilejit::test

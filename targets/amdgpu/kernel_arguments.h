// How a kernel of this target is launched: what the caller writes into the kernarg segment, and which workgroup runs which task.
//
// The segment holds, for each parameter buffer in declaration order, a pointer (8 bytes) and the distance of its rows in bytes
// (8 bytes; read for strided buffers only), then m (8 bytes). It is explicit_bytes(parameters) long and no hidden argument
// follows. Buffers that are not strided start on a multiple of `buffer_alignment` bytes; strided ones, and their row distance,
// on a multiple of their element.
//
// The workgroup id x, y, z is the number of the iteration of the first, second, third `tasks` loop, outermost first: the loop's
// variable is lo + id * step. A kernel without `tasks` loops is one workgroup. A workgroup is as many waves as the kernel's
// `waves` loop has iterations, else one; its size in work-items is that times the row's lanes, along x.
#pragma once

#include <cstdint>

#include "targets/target.h"

namespace tilejit::amdgpu {

inline constexpr int64_t buffer_alignment = 16;

constexpr int64_t explicit_bytes(int64_t parameters) {
  return parameters * int64_t{sizeof(BufferArg)} + int64_t{sizeof(int64_t)};
}

}  // namespace tilejit::amdgpu

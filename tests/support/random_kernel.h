// Random legal kernels (kernel_arguments.h has memory to run them on). What a kernel reads has been written, tasks never touch the same output
// element, and every access is inside its buffer or clipped, so interpret() succeeds and its result does not depend on the
// order of tasks. The same seed gives the same kernel.
#pragma once

#include <cstdint>

#include "ir/ir.h"

namespace tilejit::test {

struct RandomKernelOptions {
  /// What the x86 target runs: columns are 1 or a multiple of 16, rows at most 6, packed tiles u4[1,16j,8] and u8[1,16j,4],
  /// loads [1,C], [R,1], bf16 [R,1,2] or i8 [R,1,4]. Otherwise columns are any small number and tiles [R,C] are loaded whole.
  bool lanes16 = true;
  /// dot_bf16, and unpack to bf16 [1,C,2].
  bool bf16_dot = true;
  /// What GPUs run besides: waves, shared memory, matrix steps, and unpacking for them.
  bool gpu = false;
  /// About how many instructions stand in the body, loops and stores not counted.
  int instructions = 24;
};

ir::Kernel random_kernel(uint64_t seed, RandomKernelOptions options = {});

}  // namespace tilejit::test

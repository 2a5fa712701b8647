// Cycles of a compiled kernel by its target's static model: iterations of every loop times the cycles of one.
//
// What a kernel is ordered by before it is measured. Compile with LowerOptions::predict.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "jit/compile.h"

namespace tilejit {

struct KernelPrediction {
  std::string machine;
  double cycles = 0;     // of all tasks, one after another, with all data in L1
  double l2_cycles = 0;  // with all data in L2
  int steady_loop = -1;  // the loop that takes most of them, in Resources::loops; -1: the kernel has none
};

/// One for each machine that was asked for, the target's own row first; empty without predictions.
std::vector<KernelPrediction> predict_kernel(const CompiledKernel& kernel, int64_t m);

/// Of a whole program on the target's own row, one thread, data in L2. 0 without predictions.
double predicted_cycles(std::span<const CompiledKernel> program, int64_t m);

}  // namespace tilejit

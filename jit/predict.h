// Cycles of a compiled kernel by its target's static model: iterations of every loop times the cycles of one.
//
// What a kernel is ordered by before it is measured (tools/search/predictor.h). Compile with LowerOptions::predict.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/reuse.h"
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

/// What one launch has to do on the target's own row, each load served by where its bytes are (ir/reuse.h).
struct KernelWork {
  double cycles = 0;        // of all tasks, one after another, as if memory were as fast as L2
  double memory_bytes = 0;  // loaded from memory
  int64_t tasks = 1;
};

/// Zero cycles without predictions.
KernelWork predict_work(const CompiledKernel& kernel, int64_t m, ir::CacheSizes caches);

}  // namespace tilejit

// Register allocation by linear scan over the whole kernel, one class after another.
//
// A register's life is one interval of the instruction order, extended over every loop around which its value is carried.
// When registers run out, the interval with the least use per length (uses weighted by loop depth) lives in memory: each use
// loads (or reads memory directly) and each write stores, at the depth of that use. Constants are read from the pool instead.
// The scan repeats until all fits. The same vcode gives the same result.
#pragma once

#include <tilejit/result.h>

#include <vector>

#include "targets/x86/vcode.h"

namespace tilejit::x86 {

/// Positions: instruction i reads at 2i and writes at 2i+1. A register is occupied in [start, end).
struct Interval {
  int32_t start = -1;  // -1: never written or read
  int32_t end = -1;
  float cost = 0;  // reads and writes, weighted by loop depth
};
std::vector<Interval> live_intervals(const VCode& code);

/// Rewrites `code` with spill code. `vector_registers` limits the zmm numbers (at least 6).
Result<Allocation> allocate(VCode& code, int vector_registers);

}  // namespace tilejit::x86

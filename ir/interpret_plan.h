// The interpreter's plan: a kernel decoded once, so that running it neither searches, allocates nor looks at shapes.
//
// A tile register is an array of 32-bit cells, row-major over [rows, cols, depth]: the bits of an f32, of a 16-bit float
// (upper half zero), or an integer extended to 32 bits. interpret.cpp steps through a plan, interpret_ops.cpp computes on
// cells, interpret_memory.cpp moves them between registers and buffers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir::interpreter {

/// Up to three nested loops over the cells of an op, outermost first. step[operand][level] counts cells, 0 where the operand
/// is broadcast; operand 0 is the result, whose innermost step is 1. Levels that advance together are merged.
struct Walk {
  std::array<int64_t, 3> n{1, 1, 1};
  std::array<std::array<int64_t, 3>, 4> step{};
};

struct Step {
  const Instr* instr = nullptr;
  int32_t partner = -1;         // of for_loop and end: each other
  int32_t task = -1;            // of a tasks for_loop: which component of the task
  Type type = Type::f32;        // of the result, or of the stored tile
  Type from = Type::f32;        // convert, unpack: of the first operand
  int64_t cells = 0;            // of the result, or of the stored tile
  std::array<int64_t, 4> at{};  // first cell of the result and of each operand
  int64_t rows = 1;             // unpack: of the packed tile
  Walk walk;
};

struct Plan {
  const Kernel* kernel = nullptr;
  std::vector<Step> steps;
  std::vector<int64_t> first_cell;  // of each value
  int64_t cells = 0;
  std::vector<int32_t> task_loops;  // steps, outermost first
};

/// The kernel must be verified and outlive the plan; a shape that would leave a register's cells aborts.
Plan make_plan(const Kernel& kernel);

inline int64_t evaluate(const Affine& affine, const std::vector<int64_t>& index) {
  int64_t sum = affine.constant();
  for (const Term& t : affine) sum += t.coef * index[static_cast<size_t>(t.var)];
  return sum;
}

}  // namespace tilejit::ir::interpreter

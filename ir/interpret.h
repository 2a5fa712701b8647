// The interpreter: the definition of every op, and the oracle of every target. It runs tasks in ascending order and the waves
// of a task in the order that `wave_order` seeds, switching at barriers. It reports, as `invalid` with the instruction's text:
// access outside a buffer without clip, a read of a register, scratch or shared element never written, and two waves that
// touch the same shared element between two barriers, one of them writing.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "ir/ir.h"

namespace tilejit::ir {

/// A parameter's memory. `bytes` bounds it; `row_stride` (elements) counts for strided buffers only.
struct BufferView {
  std::byte* data = nullptr;
  int64_t bytes = 0;
  int64_t row_stride = 0;
};

struct InterpretOptions {
  uint64_t wave_order = 0;  // 0: ascending; else the seed of an order per barrier interval
};

/// Runs all tasks. `parameters` in the order of the kernel's parameter buffers (global and workspace, declaration order).
Result<void> interpret(const Kernel& kernel, std::span<const BufferView> parameters, int64_t m,
                       InterpretOptions options = {});
/// Runs one task of the kernel: `task` holds the values of its `tasks` loop variables, outermost first.
Result<void> interpret_task(const Kernel& kernel, std::span<const BufferView> parameters, int64_t m,
                            std::span<const int64_t> task, InterpretOptions options = {});

/// fma(x0,w0, fma(x1,w1,c)): the rounding of vdpbf16ps. Subnormal inputs are read as signed zeros; each fma is rounded once to
/// nearest even, and a result that is tiny after that rounding (exponent unbounded: |v| < 2^-126 - 2^-151 before it) is written
/// as a signed zero. MXCSR does not matter. Measured on Zen 4 (tests/unit/dot_bf16_test.cpp repeats it where the machine can).
float dot_bf16(uint16_t x0, uint16_t x1, uint16_t w0, uint16_t w1, float c);

}  // namespace tilejit::ir

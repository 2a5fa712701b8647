// One call of an Executable: binds its parameters by operand, lays out the workspace for m, and runs the kernels in order
// over the threads. Allocates nothing.
//
// Workspace: the buffers between the kernels at their size for m, then scratch for each thread; all 64-byte aligned.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "runtime/kernel.h"

namespace tilejit {

/// Memory of every operand, null where no kernel reads it, and the bytes between rows of the strided ones.
struct CallOperands {
  std::array<std::byte*, operand_count> data{};
  std::array<int64_t, operand_count> strides{};
  int64_t weight_bytes = 0;  // of all packed operands, and n * k: they say whether the call is worth sharing
  int64_t weights = 0;
};

int64_t workspace_bytes(const Executable& program, int64_t m, int threads);

/// `workspace` has workspace_bytes(program, m, threads). Only the interpreter can fail.
Result<void> execute(const Executable& program, const CallOperands& operands, int64_t m, std::byte* workspace,
                     const Threads& threads, int thread_count);

}  // namespace tilejit

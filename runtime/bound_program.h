// An Executable bound to the packed weights of one Linear: all that a call does not change is computed once, so that a call
// binds its own memory, lays out the workspace for m, and runs the kernels in order over the threads. Allocates nothing, and
// takes no lock while tasks succeed.
//
// Workspace: the buffers between the kernels at their size for m, then scratch for each thread; all 64-byte aligned.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/cache.h"
#include "runtime/kernel.h"
#include "runtime/pack.h"

namespace tilejit {

/// What a call brings: `matrices` by Operand (a, out, mul, residual), null where the epilogue names none.
struct CallOperands {
  static constexpr size_t matrix_count = static_cast<size_t>(Operand::residual) + 1;
  std::array<BufferArg, matrix_count> matrices;
  int64_t m = 0;
  std::byte* workspace = nullptr;  // of BoundProgram::workspace_bytes(m, threads); null: the thread's arena
};

class BoundProgram {
 public:
  /// `packed` outlives this. `weights`: n * k, which with the packed bytes says whether a call is worth sharing.
  BoundProgram(KernelCache::Handle program, const PackedWeights& packed, int64_t weights);

  int64_t workspace_bytes(int64_t m, int threads) const;
  /// `count` of thread_count(threads). `resource`: no memory for the arena; else only the interpreter can fail.
  Result<void> run(const CallOperands& call, const Threads& threads, int count) const;

 private:
  static constexpr size_t max_workspace = 8;
  using Workspace = std::array<std::byte*, max_workspace>;
  using Arguments = std::array<BufferArg, Kernel::max_parameters>;

  /// A workspace buffer of rows.at(m) rows, which are 1 where m does not matter.
  struct WorkspaceSize {
    ir::Extent rows;
    int64_t row_bits = 0;
    int64_t at(int64_t m) const;
  };
  /// A parameter whose memory a call brings.
  struct Patch {
    Operand operand;  // a, out or workspace
    uint8_t parameter;
    uint8_t workspace;  // index of the buffer
  };
  struct BoundKernel {
    const Kernel* kernel = nullptr;
    Entry entry = nullptr;
    Arguments arguments{};  // the weights' are final, the others wait for a patch
    std::array<Patch, Kernel::max_parameters> patches{};
    size_t patch_count = 0;
    bool is_gemm = false;  // reads the weights
    bool has_fixed_grid = false;
    TaskGrid grid;  // has_fixed_grid
  };
  struct KernelCall;

  static void run_task(void* context, int64_t task, int thread);
  BoundKernel bind(const Kernel& kernel, const PackedWeights& packed) const;
  bool is_small(const BoundKernel& bound, int64_t m) const;
  bool is_serial(int64_t m, const Threads& threads, int count) const;
  Result<void> run_serial(const CallOperands& operands, const Workspace& workspace, std::byte* scratch) const;
  Result<void> run_shared(const CallOperands& operands, const Workspace& workspace, std::byte* scratch,
                          const Threads& threads, int count) const;

  KernelCache::Handle program_;  // keeps the kernels alive
  std::vector<WorkspaceSize> workspace_;
  std::vector<BoundKernel> kernels_;
  int64_t scratch_bytes_ = 0;
  int64_t weight_bytes_ = 0;
  int64_t weights_ = 0;
};

}  // namespace tilejit

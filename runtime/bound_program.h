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
#include "runtime/hip.h"
#include "runtime/kernel.h"
#include "runtime/pack.h"

namespace tilejit {

/// What a call brings: matrices by Operand (a, out, mul, residual), null where the epilogue names none. Not as BufferArg: a
/// copy would read at once what has just been written in two halves, and wait until the halves have left the store buffer.
struct CallOperands {
  static constexpr size_t matrix_count = static_cast<size_t>(Operand::residual) + 1;
  std::array<void*, matrix_count> data{};
  std::array<int64_t, matrix_count> row_stride_bytes{};
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
  /// Of a program that a GPU holds, whose memory the call's pointers are: queues the kernels on the stream.
  Result<void> queue(const CallOperands& call, hip::Stream stream) const;

 private:
  static constexpr size_t max_workspace = 8;
  /// Of all kernels, one after another: written once a call, by three short loops.
  using Arguments = std::array<BufferArg, Executable::max_kernels * Kernel::max_parameters>;

  /// A workspace buffer of rows.at(m) rows, which are 1 where m does not matter.
  struct WorkspaceSize {
    ir::Extent rows;
    int64_t row_bits;
    bool rounds_rows;  // rows.at divides by more than 1; else rows.at(m) * row_bits is fixed_bits + bits_per_m * m
    int64_t fixed_bits;
    int64_t bits_per_m;
    int64_t at(int64_t m) const;
  };
  /// An argument that is the same in every call: weights.
  struct Constant {
    BufferArg value;
    size_t argument;
  };
  /// An argument that a call brings: a matrix, by Operand, or a workspace buffer, by its index.
  struct Patch {
    uint8_t argument;
    uint8_t source;
  };
  struct BoundKernel {
    const Kernel* kernel = nullptr;
    Entry entry = nullptr;
    size_t first_argument = 0;
    /// Machine code for one tasks loop with nothing to divide or to clamp: from `first` in steps to past + past_per_row * m.
    bool is_simple = false;
    int64_t first = 0;
    int64_t step = 1;
    int64_t past = 0;
    int64_t past_per_row = 0;
    bool is_gemm = false;            // reads the weights
    std::vector<uint8_t> workspace;  // the buffers that it reads or writes
  };
  /// Where a call's workspace buffers lie: at offsets from `memory`.
  struct Frame {
    std::byte* memory;
    std::array<int64_t, max_workspace> offsets;
  };
  struct KernelCall;

  int64_t lay_out(int64_t m, Frame& frame) const;
  static void run_task(void* context, int64_t task, int thread);
  void bind(const Kernel& kernel, size_t first_argument, const PackedWeights& packed);
  bool is_small(const BoundKernel& bound, int64_t m) const;
  bool is_serial(int64_t m, const Threads& threads, int count) const;
  void write_arguments(const CallOperands& call, const Frame& frame, Arguments& arguments) const;
  static Result<void> run_grid(const BoundKernel& bound, const BufferArg* arguments, int64_t m, std::byte* scratch);
  Result<void> run_shared(const BufferArg* arguments, int64_t m, std::byte* scratch, const Threads& threads,
                          int count) const;

  KernelCache::Handle program_;  // keeps the kernels alive
  std::vector<WorkspaceSize> workspace_;
  std::vector<BoundKernel> kernels_;
  std::vector<Constant> constants_;
  std::vector<Patch> matrices_;
  std::vector<Patch> buffers_;  // of the workspace
  int64_t scratch_bytes_ = 0;
  int64_t weight_bytes_ = 0;
  int64_t weights_ = 0;
};

}  // namespace tilejit

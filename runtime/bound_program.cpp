#include "runtime/bound_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "ir/check.h"
#include "runtime/arena.h"
#include "runtime/gpu_program.h"
#include "runtime/threads.h"

namespace tilejit {
namespace {

/// The first error of any task; the tasks after it are not run.
class Failure {
 public:
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  void report(Error error) {
    const std::lock_guard lock(mutex_);
    if (!failed_.exchange(true)) error_ = std::move(error);
  }
  Result<void> result() && {
    if (failed()) return std::move(error_);
    return {};
  }

 private:
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  Error error_{ErrorKind::invalid, {}};
};

}  // namespace

/// One kernel of a call, as the threads see it.
struct BoundProgram::KernelCall {
  const BoundKernel& bound;
  const BufferArg* arguments;
  TaskGrid grid;
  int64_t m;
  std::byte* scratch;  // of thread 0
  int64_t scratch_stride;
  Failure& failure;
};

/// In whole blocks of 64 bytes. One division less where a row of the buffer is a row of m.
inline int64_t BoundProgram::WorkspaceSize::at(int64_t m) const {
  const int64_t bits = rounds_rows ? rows.at(m) * row_bits : fixed_bits + bits_per_m * m;
  return (bits + 511) >> 9 << 6;
}

BoundProgram::BoundProgram(KernelCache::Handle program, const PackedWeights& packed, int64_t weights)
    : program_(std::move(program)), scratch_bytes_(program_->scratch_bytes), weight_bytes_(packed.bytes),
      weights_(weights) {
  CHECK(program_->workspace.size() <= max_workspace, "more workspace buffers than a call binds");
  for (const WorkspaceBuffer& buffer : program_->workspace) {
    ir::Extent rows = 1;
    int64_t row_bits = bits_of(buffer.type);
    for (const ir::Extent& dim : buffer.dims) {
      CHECK(dim.is_constant() || rows.is_constant(), "two dimensions of a workspace buffer depend on m");
      if (dim.is_constant())
        row_bits *= dim.constant;
      else
        rows = dim;
    }
    workspace_.push_back({.rows = rows,
                          .row_bits = row_bits,
                          .rounds_rows = rows.divisor != 1,
                          .fixed_bits = rows.constant * row_bits,
                          .bits_per_m = rows.per * row_bits});
  }
  size_t argument = 0;
  for (const Kernel& kernel : program_->kernels) {
    bind(kernel, argument, packed);
    argument += kernel.parameters().size();
  }
}

void BoundProgram::bind(const Kernel& kernel, size_t first_argument, const PackedWeights& packed) {
  BoundKernel bound;
  bound.kernel = &kernel;
  bound.first_argument = first_argument;
  for (size_t i = 0; i < kernel.parameters().size(); ++i) {
    const Parameter& parameter = kernel.parameters()[i];
    const size_t argument = first_argument + i;
    const auto operand = static_cast<size_t>(parameter.operand);
    if (parameter.operand == Operand::w) bound.is_gemm = true;
    if (parameter.operand == Operand::workspace) {
      bound.workspace.push_back(static_cast<uint8_t>(parameter.workspace));
      buffers_.push_back({static_cast<uint8_t>(argument), bound.workspace.back()});
    } else if (operand < CallOperands::matrix_count) {
      matrices_.push_back({static_cast<uint8_t>(argument), static_cast<uint8_t>(operand)});
    } else {
      constants_.push_back({{packed.operands[operand], 0}, argument});
    }
  }
  bound.entry = kernel.entry();
  const auto loops = kernel.task_loops();
  const auto is_fixed = [](const TaskLoop::End& end) { return end.is_exact && end.per_row == 0 && end.constant >= 0; };
  bound.is_simple = bound.entry != nullptr && loops.size() == 1 && is_fixed(loops[0].lo) && loops[0].hi.is_exact;
  if (bound.is_simple) {
    bound.first = loops[0].lo.constant;
    bound.step = loops[0].step;
    bound.past = loops[0].hi.constant;
    bound.past_per_row = loops[0].hi.per_row;
  }
  kernels_.push_back(std::move(bound));
}

int64_t BoundProgram::workspace_bytes(int64_t m, int threads) const {
  int64_t bytes = scratch_bytes_ * threads;
  for (const WorkspaceSize& size : workspace_) bytes += size.at(m);
  return bytes;
}

/// Whether the kernel's work is worth less than an OpenMP region. A fork and join cost 1.35 us at best; with the barriers
/// and caches that cool down, two threads add 4 us to a small call, so each must have as much to do: 128 KiB to read, or
/// 2^19 multiply-adds. Between one thread and all of them there is no step (see run_openmp).
bool BoundProgram::is_small(const BoundKernel& bound, int64_t m) const {
  constexpr int64_t shared_bytes = int64_t{2} * (int64_t{128} << 10);
  constexpr int64_t shared_multiply_adds = int64_t{2} << 19;
  int64_t bytes = bound.is_gemm ? weight_bytes_ : 0;
  for (const uint8_t buffer : bound.workspace) bytes += workspace_[buffer].at(m);
  return bytes < shared_bytes && (!bound.is_gemm || m * weights_ < shared_multiply_adds);
}

inline bool BoundProgram::is_serial(int64_t m, const Threads& threads, int count) const {
  if (count == 1 || threads.parallel_for) return count == 1;
  return std::all_of(kernels_.begin(), kernels_.end(), [&](const BoundKernel& bound) { return is_small(bound, m); });
}

inline void BoundProgram::write_arguments(const CallOperands& call, const Frame& frame, Arguments& arguments) const {
  for (const Constant& constant : constants_) arguments[constant.argument] = constant.value;
  for (const Patch& patch : matrices_)
    arguments[patch.argument] = {call.data[patch.source], call.row_stride_bytes[patch.source]};
  for (const Patch& patch : buffers_) arguments[patch.argument] = {frame.memory + frame.offsets[patch.source], 0};
}

/// Any grid of tasks, and the interpreter.
Result<void> BoundProgram::run_grid(const BoundKernel& bound, const BufferArg* arguments, int64_t m,
                                    std::byte* scratch) {
  const TaskGrid grid = bound.kernel->grid(m);
  for (int64_t id = 0; id < grid.tasks; ++id) TRY(bound.kernel->run_task(grid, id, arguments, m, scratch));
  return {};
}

/// The bytes of all workspace buffers, and where each lies.
inline int64_t BoundProgram::lay_out(int64_t m, Frame& frame) const {
  int64_t bytes = 0;
  int64_t* offset = frame.offsets.data();
  for (const WorkspaceSize& size : workspace_) {
    *offset++ = bytes;
    bytes += size.at(m);
  }
  return bytes;
}

Result<void> BoundProgram::run(const CallOperands& call, const Threads& threads, int count) const {
  const int64_t m = call.m;
  Frame frame;
  const int64_t bytes = lay_out(m, frame);
  const int64_t all_bytes = bytes + scratch_bytes_ * count;
  const ArenaLease memory(all_bytes, call.workspace);
  if (memory.data() == nullptr) return resource(fmt::format("no memory for {} bytes of workspace, m={}", all_bytes, m));
  frame.memory = memory.data();
  std::byte* const scratch = frame.memory + bytes;
  Arguments arguments;
  write_arguments(call, frame, arguments);
  if (!is_serial(m, threads, count)) return run_shared(arguments.data(), m, scratch, threads, count);
  for (const BoundKernel& bound : kernels_) {
    const BufferArg* own = arguments.data() + bound.first_argument;
    if (!bound.is_simple) {
      TRY(run_grid(bound, own, m, scratch));
      continue;
    }
    const int64_t past = bound.past + bound.past_per_row * m;
    for (int64_t v = bound.first; v < past; v += bound.step) {
      const int64_t task = v;  // has an address, and v stays in a register
      bound.entry(own, m, &task, scratch);
    }
  }
  return {};
}

Result<void> BoundProgram::queue(const CallOperands& call, hip::Stream stream) const {
  const hip::Place& place = program_->place;
  const hip::CurrentGpu current = TRY(hip::CurrentGpu::set(place));
  Frame frame;
  const int64_t bytes = lay_out(call.m, frame);
  std::optional<GpuWorkspace> lease;  // held until all kernels of the call are queued
  if (call.workspace == nullptr) lease = TRY(GpuWorkspace::lease(place, stream, bytes));
  frame.memory = lease ? lease->data() : call.workspace;
  Arguments arguments;
  write_arguments(call, frame, arguments);
  for (const BoundKernel& bound : kernels_)
    TRY(bound.kernel->gpu_launch()(arguments.data() + bound.first_argument, call.m, bound.kernel->grid(call.m),
                                   stream));
  return {};
}

void BoundProgram::run_task(void* context, int64_t task, int thread) {
  const auto& call = *static_cast<const KernelCall*>(context);
  if (call.failure.failed()) return;
  auto result =
      call.bound.kernel->run_task(call.grid, task, call.arguments, call.m, call.scratch + thread * call.scratch_stride);
  if (!result.ok()) call.failure.report(std::move(result.error()));
}

Result<void> BoundProgram::run_shared(const BufferArg* arguments, int64_t m, std::byte* scratch, const Threads& threads,
                                      int count) const {
  Failure failure;
  std::array<std::optional<KernelCall>, Executable::max_kernels> calls;
  std::array<Phase, Executable::max_kernels> phases;
  for (size_t i = 0; i < kernels_.size(); ++i) {
    const BoundKernel& bound = kernels_[i];
    KernelCall& call = calls[i].emplace(KernelCall{.bound = bound,
                                                   .arguments = arguments + bound.first_argument,
                                                   .grid = bound.kernel->grid(m),
                                                   .m = m,
                                                   .scratch = scratch,
                                                   .scratch_stride = scratch_bytes_,
                                                   .failure = failure});
    phases[i] = {.tasks = call.grid.tasks, .run = run_task, .context = &call, .is_small = is_small(bound, m)};
  }
  run_phases({phases.data(), kernels_.size()}, threads, count);
  return std::move(failure).result();
}

}  // namespace tilejit

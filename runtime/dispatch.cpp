#include "runtime/dispatch.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "ir/check.h"
#include "runtime/threads.h"

namespace tilejit {
namespace {

constexpr size_t max_workspace = 8;

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

int64_t buffer_bytes(const WorkspaceBuffer& buffer, int64_t m) {
  int64_t count = 1;
  for (const ir::Extent& dim : buffer.dims) count *= dim.at(m);
  return aligned(bytes_of(buffer.type, count));
}

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

/// One kernel of the call, as the threads see it.
struct KernelCall {
  const Kernel* kernel = nullptr;
  TaskGrid grid;
  std::array<BufferArg, Kernel::max_parameters> buffers{};
  int64_t m = 0;
  std::byte* scratch = nullptr;  // of thread 0
  int64_t scratch_stride = 0;
  Failure* failure = nullptr;
};

bool reads_weights(const Kernel& kernel) {
  const auto parameters = kernel.parameters();
  return std::any_of(parameters.begin(), parameters.end(), [](const auto& p) { return p.operand == Operand::w; });
}

/// Whether the kernel's work is worth less than an OpenMP region. A fork and join cost 1.35 us at best; with the barriers
/// and caches that cool down, two threads add 4 us to a small call, so each must have as much to do: 128 KiB to read, or
/// 2^19 multiply-adds. Between one thread and all of them there is no step (see run_openmp).
bool is_small(const Kernel& kernel, const Executable& program, const CallOperands& operands, int64_t m) {
  constexpr int64_t shared_bytes = int64_t{2} * (int64_t{128} << 10);
  constexpr int64_t shared_multiply_adds = int64_t{2} << 19;
  const bool is_gemm = reads_weights(kernel);
  int64_t bytes = is_gemm ? operands.weight_bytes : 0;
  for (const Parameter& parameter : kernel.parameters())
    if (parameter.operand == Operand::workspace)
      bytes += buffer_bytes(program.workspace[static_cast<size_t>(parameter.workspace)], m);
  return bytes < shared_bytes && (!is_gemm || m * operands.weights < shared_multiply_adds);
}

void run_task(void* context, int64_t task, int thread) {
  const auto& call = *static_cast<const KernelCall*>(context);
  if (call.failure->failed()) return;
  auto result =
      call.kernel->run_task(call.grid, task, call.buffers.data(), call.m, call.scratch + thread * call.scratch_stride);
  if (!result.ok()) call.failure->report(std::move(result.error()));
}

BufferArg bind_parameter(const Parameter& parameter, const CallOperands& operands, std::byte* const* workspace) {
  if (parameter.operand == Operand::workspace) return {.data = workspace[parameter.workspace], .row_stride_bytes = 0};
  const auto operand = static_cast<size_t>(parameter.operand);
  return {.data = operands.data[operand], .row_stride_bytes = operands.strides[operand]};
}

}  // namespace

int64_t workspace_bytes(const Executable& program, int64_t m, int threads) {
  int64_t bytes = program.scratch_bytes * threads;
  for (const WorkspaceBuffer& buffer : program.workspace) bytes += buffer_bytes(buffer, m);
  return bytes;
}

Result<void> execute(const Executable& program, const CallOperands& operands, int64_t m, std::byte* workspace,
                     const Threads& threads, int thread_count) {
  CHECK(program.workspace.size() <= max_workspace, "more workspace buffers than a call binds");
  std::array<std::byte*, max_workspace> buffers{};
  for (size_t i = 0; i < program.workspace.size(); ++i) {
    buffers[i] = workspace;
    workspace += buffer_bytes(program.workspace[i], m);
  }
  Failure failure;
  std::array<KernelCall, Executable::max_kernels> calls;
  std::array<Phase, Executable::max_kernels> phases;
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const Kernel& kernel = program.kernels[i];
    KernelCall& call = calls[i];
    call.kernel = &kernel;
    call.grid = kernel.grid(m);
    call.m = m;
    call.scratch = workspace;
    call.scratch_stride = program.scratch_bytes;
    call.failure = &failure;
    for (size_t p = 0; p < kernel.parameters().size(); ++p)
      call.buffers[p] = bind_parameter(kernel.parameters()[p], operands, buffers.data());
    phases[i] = {.tasks = call.grid.tasks,
                 .run = run_task,
                 .context = &call,
                 .is_small = is_small(kernel, program, operands, m)};
  }
  run_phases({phases.data(), program.kernels.size()}, threads, thread_count);
  return std::move(failure).result();
}

}  // namespace tilejit

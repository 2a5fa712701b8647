#include "runtime/bound_program.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "ir/check.h"
#include "runtime/arena.h"
#include "runtime/threads.h"

namespace tilejit {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + 63) & ~int64_t{63}; }

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
  KernelCall(const BoundKernel& kernel, const CallOperands& call, const Workspace& workspace)
      : bound(kernel), arguments(kernel.arguments),
        grid(kernel.has_fixed_grid ? kernel.grid : kernel.kernel->grid(call.m)), m(call.m) {
    for (size_t i = 0; i < bound.patch_count; ++i) {
      const Patch& patch = bound.patches[i];
      BufferArg& argument = arguments[patch.parameter];
      if (patch.operand == Operand::workspace)
        argument.data = workspace[patch.workspace];
      else
        argument = call.matrices[static_cast<size_t>(patch.operand)];
    }
  }
  KernelCall(const KernelCall&) = delete;
  KernelCall& operator=(const KernelCall&) = delete;
  ~KernelCall() = default;

  const BoundKernel& bound;
  Arguments arguments;
  TaskGrid grid;
  int64_t m;
  std::byte* scratch = nullptr;  // of thread 0
  int64_t scratch_stride = 0;
  Failure* failure = nullptr;
};

/// One division less where a row of the buffer is a row of m.
inline int64_t BoundProgram::WorkspaceSize::at(int64_t m) const {
  const int64_t units = rows.divisor == 1 ? rows.constant + rows.per * m : rows.at(m);
  return aligned((units * row_bits + 7) >> 3);
}

BoundProgram::BoundProgram(KernelCache::Handle program, const PackedWeights& packed, int64_t weights)
    : program_(std::move(program)), scratch_bytes_(program_->scratch_bytes), weight_bytes_(packed.bytes),
      weights_(weights) {
  CHECK(program_->workspace.size() <= max_workspace, "more workspace buffers than a call binds");
  for (const WorkspaceBuffer& buffer : program_->workspace) {
    WorkspaceSize size{.rows = 1, .row_bits = bits_of(buffer.type)};
    for (const ir::Extent& dim : buffer.dims) {
      CHECK(dim.is_constant() || size.rows.is_constant(), "two dimensions of a workspace buffer depend on m");
      if (dim.is_constant())
        size.row_bits *= dim.constant;
      else
        size.rows = dim;
    }
    workspace_.push_back(size);
  }
  for (const Kernel& kernel : program_->kernels) kernels_.push_back(bind(kernel, packed));
}

BoundProgram::BoundKernel BoundProgram::bind(const Kernel& kernel, const PackedWeights& packed) const {
  BoundKernel bound;
  bound.kernel = &kernel;
  bound.entry = kernel.entry();
  const auto parameters = kernel.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (parameter.operand == Operand::w) bound.is_gemm = true;
    const bool is_workspace = parameter.operand == Operand::workspace;
    if (is_workspace || static_cast<size_t>(parameter.operand) < CallOperands::matrix_count)
      bound.patches[bound.patch_count++] = {parameter.operand, static_cast<uint8_t>(i),
                                            static_cast<uint8_t>(is_workspace ? parameter.workspace : 0)};
    else
      bound.arguments[i].data = packed.operands[static_cast<size_t>(parameter.operand)];
  }
  bound.has_fixed_grid = kernel.has_fixed_grid();
  if (bound.has_fixed_grid) bound.grid = kernel.grid(1);
  return bound;
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
  for (size_t i = 0; i < bound.patch_count; ++i)
    if (bound.patches[i].operand == Operand::workspace) bytes += workspace_[bound.patches[i].workspace].at(m);
  return bytes < shared_bytes && (!bound.is_gemm || m * weights_ < shared_multiply_adds);
}

bool BoundProgram::is_serial(int64_t m, const Threads& threads, int count) const {
  if (count == 1 || threads.parallel_for) return count == 1;
  return std::all_of(kernels_.begin(), kernels_.end(), [&](const BoundKernel& bound) { return is_small(bound, m); });
}

Result<void> BoundProgram::run(const CallOperands& call, const Threads& threads, int count) const {
  std::array<int64_t, max_workspace> offsets;
  int64_t bytes = 0;
  for (size_t i = 0; i < workspace_.size(); ++i) {
    offsets[i] = bytes;
    bytes += workspace_[i].at(call.m);
  }
  const auto run_at = [&](std::byte* memory) {
    Workspace workspace;
    for (size_t i = 0; i < workspace_.size(); ++i) workspace[i] = memory + offsets[i];
    return is_serial(call.m, threads, count) ? run_serial(call, workspace, memory + bytes)
                                             : run_shared(call, workspace, memory + bytes, threads, count);
  };
  if (call.workspace != nullptr) return run_at(call.workspace);
  const int64_t all_bytes = bytes + scratch_bytes_ * count;
  const ArenaLease arena(all_bytes);
  if (arena.data() == nullptr)
    return resource(fmt::format("no memory for {} bytes of workspace, m={}", all_bytes, call.m));
  return run_at(arena.data());
}

Result<void> BoundProgram::run_serial(const CallOperands& operands, const Workspace& workspace,
                                      std::byte* scratch) const {
  for (const BoundKernel& bound : kernels_) {
    const KernelCall call(bound, operands, workspace);
    for (int64_t id = 0; id < call.grid.tasks; ++id) {
      if (bound.entry != nullptr)
        bound.entry(call.arguments.data(), call.m, call.grid.task(id).data(), scratch);
      else
        TRY(bound.kernel->run_task(call.grid, id, call.arguments.data(), call.m, scratch));
    }
  }
  return {};
}

void BoundProgram::run_task(void* context, int64_t task, int thread) {
  const auto& call = *static_cast<const KernelCall*>(context);
  if (call.failure->failed()) return;
  auto result = call.bound.kernel->run_task(call.grid, task, call.arguments.data(), call.m,
                                            call.scratch + thread * call.scratch_stride);
  if (!result.ok()) call.failure->report(std::move(result.error()));
}

Result<void> BoundProgram::run_shared(const CallOperands& operands, const Workspace& workspace, std::byte* scratch,
                                      const Threads& threads, int count) const {
  Failure failure;
  std::array<std::optional<KernelCall>, Executable::max_kernels> calls;
  std::array<Phase, Executable::max_kernels> phases;
  for (size_t i = 0; i < kernels_.size(); ++i) {
    KernelCall& call = calls[i].emplace(kernels_[i], operands, workspace);
    call.scratch = scratch;
    call.scratch_stride = scratch_bytes_;
    call.failure = &failure;
    phases[i] = {
        .tasks = call.grid.tasks, .run = run_task, .context = &call, .is_small = is_small(kernels_[i], operands.m)};
  }
  run_phases({phases.data(), kernels_.size()}, threads, count);
  return std::move(failure).result();
}

}  // namespace tilejit

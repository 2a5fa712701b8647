#include "runtime/dispatch.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "runtime/arena.h"
#include "runtime/threads.h"

namespace tilejit {
namespace {

constexpr int64_t max_m = int64_t{1} << 30;  // as in a problem line; byte counts then fit 64 bits
constexpr int64_t max_stride = int64_t{1} << 40;

/// A matrix of m rows of `length` elements, `stride` elements apart.
Result<void> check_stride(std::string_view name, std::string_view matrix, int64_t stride, std::string_view dimension,
                          int64_t length, Type type, int64_t m) {
  if (stride < length)
    return invalid(
        fmt::format("{}={} is shorter than a row of {}, {}={} elements", name, stride, matrix, dimension, length));
  if (stride > max_stride)
    return invalid(fmt::format("{}={} is more than {} elements between rows of {}", name, stride, max_stride, matrix));
  int64_t bytes = 0;
  if (__builtin_mul_overflow(m, bytes_of(type, stride), &bytes))
    return invalid(fmt::format("{}={} with m={}: {} spans more bytes than 64 bits count", name, stride, m, matrix));
  return {};
}

bool is_aligned(const void* workspace) { return reinterpret_cast<uintptr_t>(workspace) % ArenaLease::alignment == 0; }

/// An operand that the call gives exactly when the epilogue names it.
Result<void> check_operand(std::string_view name, const void* data, std::string_view stride_name, int64_t stride,
                           Epilogue epilogue, const Problem& problem, int64_t m) {
  if (!problem.has(epilogue)) {
    if (data == nullptr) return {};
    return invalid(fmt::format("{} is given, but the epilogue of '{}' does not name it", name, print_problem(problem)));
  }
  if (data == nullptr) return invalid(fmt::format("{} is null, but the epilogue names it", name));
  const int64_t columns = problem.columns_at(epilogue);
  return check_stride(stride_name, name, stride, columns == problem.n ? "n" : "n/2", columns, problem.out, m);
}

Result<void> check_call(const LinearCall& call, const Problem& problem) {
  TRY(check_rows(call.m));
  if (call.a == nullptr || call.out == nullptr)
    return invalid(fmt::format("{} is null", call.a == nullptr ? "a" : "out"));
  TRY(check_stride("lda", "a", call.lda, "k", problem.k, problem.a, call.m));
  TRY(check_stride("ldo", "out", call.ldo, problem.has(Epilogue::swiglu) ? "n/2" : "n", problem.out_columns(),
                   problem.out, call.m));
  TRY(check_operand("mul", call.mul, "ldmul", call.ldmul, Epilogue::mul, problem, call.m));
  TRY(check_operand("residual", call.residual, "ldres", call.ldres, Epilogue::residual, problem, call.m));
  if (!is_aligned(call.workspace))
    return invalid(fmt::format("workspace {} is not {}-byte aligned", fmt::ptr(call.workspace), ArenaLease::alignment));
  return {};
}

}  // namespace

Result<void> check_rows(int64_t m) {
  if (m < 1 || m > max_m) return invalid(fmt::format("m={} is not a number of rows from 1 to {}", m, max_m));
  return {};
}

Dispatch::Dispatch(Problem problem, const std::vector<Schedule>& schedules, PackedWeights packed, Threads threads,
                   Compile compile, Device device)
    : problem_(std::move(problem)), packed_(std::move(packed)), threads_(std::move(threads)),
      compile_(std::move(compile)), a_bytes_(bytes_of(problem_.a, 1)), out_bytes_(bytes_of(problem_.out, 1)),
      out_columns_(problem_.out_columns()),
      is_special_(problem_.has(Epilogue::mul) || problem_.has(Epilogue::residual) || device == Device::hip),
      is_queued_(device == Device::hip), ranges_(schedules.size()) {
  for (size_t i = 0; i < schedules.size(); ++i) {
    ranges_[i].last_m = i + 1 < schedules.size() ? schedules[i].loops.m_hi : std::numeric_limits<int64_t>::max();
    ranges_[i].schedule = schedules[i];
  }
}

/// A call that check_call accepts, told by a few comparisons: a CPU, no operands, strides and m so small that no byte count overflows.
inline bool Dispatch::is_plain(const LinearCall& call) const {
  constexpr int bits = 28;
  const auto number = [](int64_t n) { return static_cast<uint64_t>(n); };  // huge where n is negative
  const bool is_small = ((number(call.m) - 1) | number(call.lda) | number(call.ldo)) >> bits == 0;
  return is_small && call.a != nullptr && call.out != nullptr && call.lda >= problem_.k && call.ldo >= out_columns_ &&
         is_aligned(call.workspace) && !is_special_ && call.mul == nullptr && call.residual == nullptr;
}

inline Dispatch::Range& Dispatch::range_of(int64_t m) const {
  Range* range = ranges_.data();
  while (m > range->last_m) ++range;
  return *range;
}

Result<const BoundProgram*> Dispatch::program(Range& range) const {
  const BoundProgram* ready = range.ready.load(std::memory_order_acquire);
  if (ready == nullptr) return compile_range(range);
  return ready;
}

Result<const BoundProgram*> Dispatch::compile_range(Range& range) const {
  KernelCache::Handle program = TRY(compile_(range.schedule));
  const std::lock_guard lock(range.mutex);
  if (!range.program)
    range.program = std::make_unique<const BoundProgram>(std::move(program), packed_, problem_.n * problem_.k);
  range.ready.store(range.program.get(), std::memory_order_release);
  return range.program.get();
}

Result<void> Dispatch::warm(int64_t m) const {
  TRY(check_rows(m));
  TRY(program(range_of(m)));
  return {};
}

Result<int64_t> Dispatch::workspace_bytes(int64_t m, int threads) const {
  TRY(check_rows(m));
  const int count = TRY(thread_count({.max_threads = threads, .parallel_for = {}}));
  return TRY(program(range_of(m)))->workspace_bytes(m, count);
}

Result<void> Dispatch::run_closely(const LinearCall& call, const Threads& threads) const {
  TRY(check_call(call, problem_));
  const int count = TRY(thread_count(threads));
  const BoundProgram* found = TRY(program(range_of(call.m)));
  // Kernels write to `out` only; a buffer argument has one pointer type for both directions.
  const CallOperands operands{
      .data = {const_cast<void*>(call.a), call.out, const_cast<void*>(call.mul), const_cast<void*>(call.residual)},
      .row_stride_bytes = {call.lda * a_bytes_, call.ldo * out_bytes_, call.ldmul * out_bytes_,
                           call.ldres * out_bytes_},
      .m = call.m,
      .workspace = static_cast<std::byte*>(call.workspace)};
  return is_queued_ ? found->queue(operands, call.stream) : found->run(operands, threads, count);
}

Result<void> Dispatch::run(const LinearCall& call) const {
  const Threads& threads = call.threads != nullptr ? *call.threads : threads_;
  if (!is_plain(call) || threads.max_threads <= 0) return run_closely(call, threads);
  const BoundProgram* ready = range_of(call.m).ready.load(std::memory_order_acquire);
  if (ready == nullptr) return run_closely(call, threads);
  return ready->run({.data = {const_cast<void*>(call.a), call.out},
                     .row_stride_bytes = {call.lda * a_bytes_, call.ldo * out_bytes_},
                     .m = call.m,
                     .workspace = static_cast<std::byte*>(call.workspace)},
                    threads, threads.max_threads);
}

}  // namespace tilejit

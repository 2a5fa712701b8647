#include <fmt/format.h>
#include <tilejit/linear.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <utility>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/arena.h"
#include "runtime/cache.h"
#include "runtime/dispatch.h"
#include "runtime/exceptions.h"
#include "runtime/pack.h"
#include "runtime/threads.h"
#include "targets/targets.h"

namespace tilejit {
namespace {

constexpr int64_t max_m = int64_t{1} << 30;  // as in a problem line; byte counts then fit 64 bits
constexpr int64_t max_stride = int64_t{1} << 40;

/// A range of m and its program, which is compiled by the first call that needs it and then found without a lock.
struct Range {
  explicit Range(const Schedule& s) : schedule(s) {}
  Schedule schedule;
  std::atomic<const Executable*> ready = nullptr;
  std::mutex mutex;
  KernelCache::Handle program;  // keeps *ready alive; written once, under the mutex
};

bool prints_dispatch() {
  const char* setting = std::getenv("TILEJIT_VERBOSE");
  return setting != nullptr && std::string_view(setting).find("dispatch") != std::string_view::npos;
}

/// TILEJIT_VERBOSE=dispatch: one line per Linear, so that nobody has to guess what runs.
void print_created(const Weights& weights, const LinearInfo& info) {
  std::string schedules;
  for (const std::string& line : info.schedules) schedules += fmt::format(" [{}]", line);
  fmt::print(stderr, "tilejit: layer '{}': {} target={} device={} {}{} packed {} bytes in {:.3f} s\n", weights.name,
             info.problem, info.target, to_string(info.device), info.tuned ? "tuned" : "default", schedules,
             info.packed_bytes, info.pack_seconds);
}

/// Messages of `validate` name the layer already.
Error with_layer(const Weights& weights, Error error) {
  const std::string prefix = fmt::format("layer '{}': ", weights.name);
  if (!weights.name.empty() && !error.message.starts_with(prefix)) error.message.insert(0, prefix);
  return error;
}

Result<void> check_m(int64_t m) {
  if (m < 1 || m > max_m) return invalid(fmt::format("m={} is not a number of rows from 1 to {}", m, max_m));
  return {};
}

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
  TRY(check_m(call.m));
  if (call.a == nullptr || call.out == nullptr)
    return invalid(fmt::format("{} is null", call.a == nullptr ? "a" : "out"));
  TRY(check_stride("lda", "a", call.lda, "k", problem.k, problem.a, call.m));
  TRY(check_stride("ldo", "out", call.ldo, problem.has(Epilogue::swiglu) ? "n/2" : "n", problem.out_columns(),
                   problem.out, call.m));
  TRY(check_operand("mul", call.mul, "ldmul", call.ldmul, Epilogue::mul, problem, call.m));
  TRY(check_operand("residual", call.residual, "ldres", call.ldres, Epilogue::residual, problem, call.m));
  if (reinterpret_cast<uintptr_t>(call.workspace) % ArenaLease::alignment != 0) {
    return invalid(fmt::format("workspace {} is not {}-byte aligned", fmt::ptr(call.workspace), ArenaLease::alignment));
  }
  return {};
}

/// What a call must at least read: weights, scales (and c) as stored, zero points of as many bits as the weights.
int64_t information_bytes(const Problem& p) {
  const Type weight = p.weight_type();
  if (!p.has_scales()) return bytes_of(weight, p.n * p.k);
  const int64_t values = p.groups() * p.n;
  const int64_t floats = p.zp == ZeroDomain::floating ? 2 * values : values;
  const int64_t zeros = p.zp == ZeroDomain::integer ? bytes_of(weight, values) : 0;
  return bytes_of(weight, p.n * p.k) + bytes_of(p.s, floats) + zeros;
}

/// One schedule per range of m: the given line for every m, else the row's own choice.
Result<std::vector<Schedule>> choose_schedules(const Problem& problem, const std::string& line,
                                               const TargetFacts& facts) {
  std::vector<Schedule> schedules;
  if (line.empty()) {
    const Layout layout = default_layout(problem, facts);
    for (const Loops& loops : default_loops(problem, layout, facts)) schedules.push_back({layout, loops});
  } else {
    Schedule schedule = TRY(parse_schedule(line));
    schedule.loops.m_lo = 1;
    schedule.loops.m_hi = Loops::no_limit;
    schedules.push_back(schedule);
  }
  for (const Schedule& schedule : schedules) TRY(legal(problem, schedule, facts));
  return schedules;
}

Result<const Target*> find_executing_target(std::string_view name, Device device) {
  const Target* target = TRY(find_target(name));
  TRY(device == Device::native ? target->can_execute() : target->can_emulate());
  return target;
}

Result<Problem> resolve_line(std::string_view line, const Target& target) {
  Problem problem = TRY(parse_problem(line));
  problem.m = Problem::any_m;
  return resolve(problem, target.facts());
}

}  // namespace

struct Linear::State {
  const Target* target = nullptr;
  Device device = Device::native;
  Problem problem;
  std::deque<Range> ranges;  // ascending, covering every m; a deque, because a Range never moves
  PackedWeights packed;
  Threads threads;
  LinearInfo info;

  static Result<std::unique_ptr<State>> make(std::string_view line, const Weights& weights,
                                             const LinearOptions& options);
  /// The program for m, compiled when this is its first use.
  Result<const Executable*> program(int64_t m);
  Result<const Executable*> compile_range(Range& range);
  Result<void> run(const LinearCall& call);
};

Result<const Executable*> Linear::State::program(int64_t m) {
  for (Range& range : ranges) {
    if (m > range.schedule.loops.m_hi) continue;
    const Executable* ready = range.ready.load(std::memory_order_acquire);
    return ready != nullptr ? ready : compile_range(range);
  }
  return unsupported(fmt::format("no schedule covers m={}", m));
}

Result<const Executable*> Linear::State::compile_range(Range& range) {
  const auto compile_program = [&]() -> Result<Executable> {
    auto kernels = TRY(compile(build_linear(problem, range.schedule), *target, {}));
    kernels = TRY(for_device(std::move(kernels), *target, device));
    return load_program(std::move(kernels), print_problem(problem));
  };
  KernelCache::Handle program =
      TRY(process_cache().get(cache_key(problem, range.schedule, target->facts(), device), compile_program));
  const std::lock_guard lock(range.mutex);
  if (!range.program) range.program = std::move(program);
  range.ready.store(range.program.get(), std::memory_order_release);
  return range.program.get();
}

Result<std::unique_ptr<Linear::State>> Linear::State::make(std::string_view line, const Weights& weights,
                                                           const LinearOptions& options) {
  auto state = std::make_unique<State>();
  state->device = options.device;
  state->target = TRY(find_executing_target(options.target, options.device));
  const TargetFacts& facts = state->target->facts();
  state->problem = TRY(resolve_line(line, *state->target));
  state->threads = options.threads;
  const std::vector<Schedule> schedules = TRY(choose_schedules(state->problem, options.schedule, facts));
  for (const Schedule& schedule : schedules) state->ranges.emplace_back(schedule);
  for (const int64_t m : options.warm_m) TRY(check_m(m));

  TRY(check_match(state->problem, weights));
  TRY(validate(weights));
  const auto start = std::chrono::steady_clock::now();
  state->packed = TRY(pack(weights, state->problem, schedules.front().layout, options.threads));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;

  state->info = {.problem = print_problem(state->problem),
                 .target = facts.name,
                 .device = options.device,
                 .schedules = {},
                 .tuned = false,
                 .packed_bytes = state->packed.bytes,
                 .information_bytes = information_bytes(state->problem),
                 .pack_seconds = seconds.count()};
  for (const Schedule& schedule : schedules) state->info.schedules.push_back(print_schedule(schedule));
  for (const int64_t m : options.warm_m) TRY(state->program(m));
  return state;
}

Linear::Linear(std::unique_ptr<State> state) : state_(std::move(state)) {}
Linear::Linear(Linear&&) noexcept = default;
Linear& Linear::operator=(Linear&&) noexcept = default;
Linear::~Linear() = default;
const LinearInfo& Linear::info() const { return state_->info; }

Result<Linear> Linear::create(std::string_view problem, const Weights& weights, const LinearOptions& options) {
  return guarded("create", [&]() -> Result<Linear> {
    auto state = guarded("create", [&] { return State::make(problem, weights, options); });
    if (!state.ok()) {
      Error error = with_layer(weights, std::move(state.error()));
      if (prints_dispatch())
        fmt::print(stderr, "tilejit: refused '{}' target={}: {}\n", problem, options.target, error.message);
      return error;
    }
    if (prints_dispatch()) print_created(weights, (*state)->info);
    return Linear(std::move(*state));
  });
}

Result<int64_t> Linear::workspace_bytes(int64_t m, int max_threads) const {
  return guarded("workspace_bytes", [&]() -> Result<int64_t> {
    TRY(check_m(m));
    const int count = TRY(thread_count({.max_threads = max_threads, .parallel_for = {}}));
    return tilejit::workspace_bytes(*TRY(state_->program(m)), m, count);
  });
}

Result<void> Linear::run(const LinearCall& call) const {
  return guarded("run", [&] { return state_->run(call); });
}

Result<void> Linear::State::run(const LinearCall& call) {
  TRY(check_call(call, problem));
  const Threads& used = call.threads != nullptr ? *call.threads : threads;
  const int count = TRY(thread_count(used));
  const Executable& executable = *TRY(program(call.m));

  CallOperands operands{
      .data = packed.operands, .strides = {}, .weight_bytes = packed.bytes, .weights = problem.n * problem.k};
  const auto bind = [&](Operand operand, const void* data, Type type, int64_t stride) {
    // Kernels write to `out` only; a buffer argument has one pointer type for both directions.
    operands.data[static_cast<size_t>(operand)] = static_cast<std::byte*>(const_cast<void*>(data));
    operands.strides[static_cast<size_t>(operand)] = bytes_of(type, stride);
  };
  bind(Operand::a, call.a, problem.a, call.lda);
  bind(Operand::out, call.out, problem.out, call.ldo);
  bind(Operand::mul, call.mul, problem.out, call.ldmul);
  bind(Operand::residual, call.residual, problem.out, call.ldres);
  if (call.workspace != nullptr) {
    return execute(executable, operands, call.m, static_cast<std::byte*>(call.workspace), used, count);
  }
  const int64_t bytes = tilejit::workspace_bytes(executable, call.m, count);
  const ArenaLease arena(bytes);
  if (arena.data() == nullptr) return resource(fmt::format("no memory for {} bytes of workspace, m={}", bytes, call.m));
  return execute(executable, operands, call.m, arena.data(), used, count);
}

const char* to_string(Device device) { return device == Device::native ? "native" : "emulated"; }

Result<void> can_implement(std::string_view problem, std::string_view target, Device device) {
  return guarded("can_implement", [&]() -> Result<void> {
    const Target* executing = TRY(find_executing_target(target, device));
    TRY(resolve_line(problem, *executing));
    return {};
  });
}

const char* version() { return TILEJIT_VERSION; }

}  // namespace tilejit

#include <fmt/format.h>
#include <tilejit/linear.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/cache.h"
#include "runtime/choose.h"
#include "runtime/dispatch.h"
#include "runtime/exceptions.h"
#include "runtime/pack.h"
#include "runtime/verbose.h"
#include "targets/targets.h"

namespace tilejit {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string_view device_of(const LinearInfo& info) {
  return info.target == "ref" ? "interpreted" : to_string(info.device);
}

/// TILEJIT_VERBOSE=dispatch: one line per Linear, so that nobody has to guess what runs.
void print_created(const std::string& layer, const LinearInfo& info, double create_seconds) {
  std::string schedules;
  for (const std::string& line : info.schedules) schedules += fmt::format(" [{}]", line);
  fmt::print(
      stderr,
      "tilejit: layer '{}': {} target={} device={} schedules {}:{} packed {} bytes in {:.3f} s, created in {:.3f} s\n",
      layer, info.problem, info.target, device_of(info), info.schedule_origin, schedules, info.packed_bytes,
      info.pack_seconds, create_seconds);
}

/// Messages of `validate` name the layer already.
Error with_layer(const Weights& weights, Error error) {
  const std::string prefix = fmt::format("layer '{}': ", weights.name);
  if (!weights.name.empty() && !error.message.starts_with(prefix)) error.message.insert(0, prefix);
  return error;
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

/// The program of a schedule, from the cache of the process.
Result<KernelCache::Handle> compile_cached(const Problem& problem, const Schedule& schedule, const Target& target,
                                           Device device, const std::string& layer) {
  const auto compile_program = [&]() -> Result<Executable> {
    const auto start = std::chrono::steady_clock::now();
    auto kernels = TRY(compile(build_linear(problem, schedule), target, {}));
    kernels = TRY(for_device(std::move(kernels), target, device));
    Executable program = TRY(load_program(std::move(kernels), print_problem(problem)));
    if (is_told(Topic::dispatch))
      fmt::print(stderr, "tilejit: layer '{}': compiled in {:.0f} us: [{}]\n", layer, seconds_since(start) * 1e6,
                 print_schedule(schedule));
    return program;
  };
  return process_cache().get(cache_key(problem, schedule, target.facts(), device), compile_program);
}

}  // namespace

struct Linear::State {
  LinearInfo info;
  std::optional<Dispatch> dispatch;

  static Result<std::unique_ptr<State>> make(std::string_view line, const Weights& weights,
                                             const LinearOptions& options);
};

Result<std::unique_ptr<Linear::State>> Linear::State::make(std::string_view line, const Weights& weights,
                                                           const LinearOptions& options) {
  const Target& target = *TRY(find_executing_target(options.target, options.device));
  const TargetFacts& facts = target.facts();
  const Problem problem = TRY(resolve_line(line, target));
  const ScheduleChoice choice = TRY(choose_schedules(problem, options, facts));
  if (is_told(Topic::dispatch))
    for (const std::string& remark : choice.remarks)
      fmt::print(stderr, "tilejit: layer '{}': {}\n", weights.name, remark);
  for (const int64_t m : options.warm_m) TRY(check_rows(m));

  TRY(check_match(problem, weights));
  TRY(validate(weights));
  const auto start = std::chrono::steady_clock::now();
  PackedWeights packed = TRY(pack(weights, problem, choice.schedules.front().layout, options.threads));

  auto state = std::make_unique<State>();
  state->info = {.problem = print_problem(problem),
                 .target = facts.name,
                 .device = options.device,
                 .schedules = {},
                 .tuned = choice.tuned,
                 .schedule_origin = choice.origin,
                 .packed_bytes = packed.bytes,
                 .information_bytes = information_bytes(problem),
                 .pack_seconds = seconds_since(start)};
  for (const Schedule& schedule : choice.schedules) state->info.schedules.push_back(print_schedule(schedule));
  const auto compile = [problem, &target, device = options.device, name = weights.name](const Schedule& schedule) {
    return compile_cached(problem, schedule, target, device, name);
  };
  state->dispatch.emplace(problem, choice.schedules, std::move(packed), options.threads, compile);
  for (const int64_t m : options.warm_m) TRY(state->dispatch->warm(m));
  return state;
}

Linear::Linear(std::unique_ptr<State> state) : state_(std::move(state)) {}
Linear::Linear(Linear&&) noexcept = default;
Linear& Linear::operator=(Linear&&) noexcept = default;
Linear::~Linear() = default;
const LinearInfo& Linear::info() const { return state_->info; }

Result<Linear> Linear::create(std::string_view problem, const Weights& weights, const LinearOptions& options) {
  return guarded("create", [&]() -> Result<Linear> {
    const auto start = std::chrono::steady_clock::now();
    auto state = guarded("create", [&] { return State::make(problem, weights, options); });
    if (!state.ok()) {
      Error error = with_layer(weights, std::move(state.error()));
      if (is_told(Topic::dispatch))
        fmt::print(stderr, "tilejit: refused '{}' target={}: {}\n", problem, options.target, error.message);
      return error;
    }
    if (is_told(Topic::dispatch)) print_created(weights.name, (*state)->info, seconds_since(start));
    return Linear(std::move(*state));
  });
}

Result<int64_t> Linear::workspace_bytes(int64_t m, int max_threads) const {
  return guarded("workspace_bytes", [&] { return state_->dispatch->workspace_bytes(m, max_threads); });
}

Result<void> Linear::run(const LinearCall& call) const {
  return guarded("run", [&] { return state_->dispatch->run(call); });
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

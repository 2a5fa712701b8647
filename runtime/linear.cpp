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
#include "runtime/code_store.h"
#include "runtime/dispatch.h"
#include "runtime/exceptions.h"
#include "runtime/gpu_program.h"
#include "runtime/pack.h"
#include "runtime/user_store.h"
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

/// A target and where its code runs here.
struct Executing {
  const Target* target;
  hip::Place place;
};

Result<Executing> find_executing_target(std::string_view name, Device device, int gpu) {
  const Target* target = TRY(find_target(name));
  switch (device) {
    case Device::native: TRY(target->can_execute()); break;
    case Device::emulated: TRY(target->can_emulate()); break;
    case Device::hip: return Executing{target, TRY(find_gpu(target->facts(), gpu))};
  }
  return Executing{target, {}};
}

Result<Problem> resolve_line(std::string_view line, const Target& target) {
  Problem problem = TRY(parse_problem(line));
  problem.m = Problem::any_m;
  return resolve(problem, target.facts());
}

/// Compiled, or from the user's store where the target's code is kept there. A store that cannot be used costs time only.
Result<std::vector<CompiledKernel>> compile_or_load(const CacheKey& key, ir::Program program, const Target& target) {
  const Result<std::string> folder = user_store_folder();
  if (!target.facts().keeps_code || !folder) return compile(std::move(program), target, {});
  const CodeStore store(*folder);
  std::optional<std::vector<Code>> kept = store.load(key);
  if (kept && kept->size() == program.kernels.size())
    return with_code(lower_program(std::move(program), {}), std::move(*kept));
  std::vector<CompiledKernel> kernels = TRY(compile(std::move(program), target, {}));
  std::vector<const Code*> codes;
  for (const CompiledKernel& kernel : kernels) codes.push_back(&kernel.code);
  if (auto saved = store.save(key, codes); !saved && is_told(Topic::dispatch))
    fmt::print(stderr, "tilejit: {}; the code is generated again next time\n", saved.error().message);
  return kernels;
}

/// The program of a schedule, from the cache of the process.
Result<KernelCache::Handle> compile_cached(const Problem& problem, const Schedule& schedule, const Target& target,
                                           Device device, const hip::Place& place, const std::string& layer) {
  const CacheKey code_key = cache_key(problem, schedule, target.facts(), Device::native);  // wherever the code runs
  const auto compile_program = [&]() -> Result<Executable> {
    const auto start = std::chrono::steady_clock::now();
    auto kernels = TRY(compile_or_load(code_key, build_linear(problem, schedule), target));
    kernels = TRY(for_device(std::move(kernels), target, device));
    const std::string label = print_problem(problem);
    Executable program = device == Device::hip ? TRY(load_on_gpu(std::move(kernels), label, place))
                                               : TRY(load_program(std::move(kernels), label));
    if (is_told(Topic::dispatch))
      fmt::print(stderr, "tilejit: layer '{}': compiled in {:.0f} us: [{}]\n", layer, seconds_since(start) * 1e6,
                 print_schedule(schedule));
    return program;
  };
  return process_cache().get(cache_key(problem, schedule, target.facts(), device, place.gpu), compile_program);
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
  const Executing executing = TRY(find_executing_target(options.target, options.device, options.gpu));
  const Target& target = *executing.target;
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
                 .gpu = options.gpu,
                 .schedules = {},
                 .tuned = choice.tuned,
                 .schedule_origin = choice.origin,
                 .packed_bytes = packed.bytes,
                 .information_bytes = information_bytes(problem),
                 .pack_seconds = seconds_since(start)};
  for (const Schedule& schedule : choice.schedules) state->info.schedules.push_back(print_schedule(schedule));
  if (options.device == Device::hip) packed = TRY(to_gpu(std::move(packed), executing.place));
  const auto compile = [problem, executing, device = options.device, name = weights.name](const Schedule& schedule) {
    return compile_cached(problem, schedule, *executing.target, device, executing.place, name);
  };
  state->dispatch.emplace(problem, choice.schedules, std::move(packed), options.threads, compile, options.device);
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

const char* to_string(Device device) {
  switch (device) {
    case Device::native: return "native";
    case Device::emulated: return "emulated";
    case Device::hip: return "hip";
  }
  return "";
}

Result<void> can_implement(std::string_view problem, std::string_view target, Device device) {
  return guarded("can_implement", [&]() -> Result<void> {
    const Executing executing = TRY(find_executing_target(target, device, 0));
    TRY(resolve_line(problem, *executing.target));
    return {};
  });
}

const char* version() { return TILEJIT_VERSION; }

}  // namespace tilejit

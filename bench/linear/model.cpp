#include "bench/linear/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "bench/measure/clock.h"
#include "bench/measure/machine.h"
#include "bench/measure/roofs.h"
#include "ir/check.h"
#include "jit/build_linear.h"
#include "jit/default_schedule.h"
#include "jit/predict.h"
#include "runtime/kernel.h"
#include "targets/targets.h"
#include "tools/inspect/program_memory.h"
#include "tools/report/table.h"

namespace tilejit::bench {
namespace {

constexpr double sample_seconds = 0.005;
constexpr uint64_t seed = 1;

struct Case {
  std::string problem;
  std::string schedule;  // empty: the target's choice
};

/// Kernels whose operands lie in L1 (the first) or L2: one row and several, both row loops and expanded panels, short groups
/// and stored zero points, so that permutes, shifts, dots, subtractions and chains each limit some. Several passes over the
/// rows keep the ends of a call small.
const Case float_cases[] = {
    {"w4a16 m=6 n=64 k=256 g=128", "panel=64 mr=1 nr=64"},
    {"w4a16 m=6 n=64 k=256 g=32", "panel=64 mr=1 nr=64"},
    {"w4a16 m=6 n=64 k=256 g=128 zp=int", "panel=64 mr=1 nr=64"},
    {"w4a16 m=4 n=128 k=256 g=128", "panel=128 mr=1 nr=128"},
    {"w4a16 m=8 n=64 k=256 g=128", "panel=64 mr=2 nr=64"},
    {"w4a16 m=9 n=64 k=256 g=128 zp=int", "panel=64 mr=3 nr=64"},
    {"w4a16 m=6 n=64 k=256 g=64", "panel=64 mr=6 nr=32"},
    {"w4a16 m=8 n=64 k=256 g=128", "panel=64 mr=4 nr=64"},
    {"w4a16 m=8 n=32 k=256 g=128", "panel=32 mr=8 nr=32"},
    {"w4a16 m=1 n=256 k=1024 g=128", "panel=64 mr=1 nr=64"},
    {"w4a16 m=4 n=256 k=1024 g=128", "panel=64 mr=4 nr=64"},
    {"w4a16 m=2 n=256 k=1024 g=128 zp=int", "panel=64 mr=2 nr=64"},
    {"w4a16 m=48 n=64 k=512 g=128", "panel=64 mr=6 nr=64 expand=panel mc=48"},
};
/// The same of integer dots.
const Case integer_cases[] = {
    {"w4a8 m=8 n=64 k=512 g=128", "panel=64 mr=1 nr=64"},   {"w4a8 m=8 n=64 k=512 g=128", "panel=64 mr=4 nr=64"},
    {"w8a8 m=12 n=64 k=256", "panel=64 kk=4 mr=1 nr=64"},   {"w8a8 m=12 n=64 k=256", "panel=64 kk=4 mr=6 nr=64"},
    {"w4a8 m=2 n=256 k=1024 g=128", "panel=64 mr=2 nr=64"}, {"w8a8 m=6 n=256 k=512", "panel=64 kk=4 mr=6 nr=64"},
};

std::vector<Case> default_cases(const TargetFacts& target) {
  std::vector<Case> cases;
  for (const char* dot : {" dot=fma", " dot=bf16"})
    for (const Case& one : float_cases)
      if (target.has_dot_bf16 || std::string_view(dot) == " dot=fma")
        cases.push_back({one.problem + dot, one.schedule});
  cases.insert(cases.end(), std::begin(integer_cases), std::end(integer_cases));
  return cases;
}

/// The gemm of a problem with memory of its own, ready to run.
struct Trial {
  ModelRow row;
  std::vector<double> samples;  // cycles

  std::optional<Kernel> kernel;  // none where nothing is measured
  std::unique_ptr<measure::HugeBuffer> memory;
  std::vector<BufferArg> arguments;
  std::byte* scratch = nullptr;

  /// Seconds of one launch, all tasks on this thread.
  double time(int64_t rows, int64_t launches) const {
    const TaskGrid grid = kernel->grid(rows);
    const double start = measure::now();
    for (int64_t i = 0; i < launches; ++i)
      for (int64_t task = 0; task < grid.tasks; ++task)
        CHECK(kernel->run_task(grid, task, arguments.data(), rows, scratch).ok(), "machine code does not fail");
    return (measure::now() - start) / static_cast<double>(launches);
  }
};

int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

Level level_of(int64_t bytes, const TargetFacts& target) {
  constexpr double most = 0.75;  // of a cache: some of it holds other things
  const auto size = static_cast<double>(bytes);
  if (size <= most * static_cast<double>(target.l1_bytes)) return Level::l1;
  return size <= most * static_cast<double>(target.l2_bytes) ? Level::l2 : Level::memory;
}

void fill_prediction(ModelRow& row, const CompiledKernel& gemm) {
  const KernelPrediction whole = predict_kernel(gemm, row.m).front();
  const KernelPrediction entry = predict_kernel(gemm, 0).front();
  const bool is_l1 = row.level == Level::l1;
  row.machine = whole.machine;
  row.predicted = is_l1 ? whole.cycles - entry.cycles : whole.l2_cycles - entry.l2_cycles;
  if (whole.steady_loop < 0) return;
  const LoopResources& loop = gemm.code.resources.loops[static_cast<size_t>(whole.steady_loop)];
  row.loop = loop.name;
  row.limit = loop.predictions.front().limit;
  row.loop_cycles = is_l1 ? loop.predictions.front().cycles : loop.predictions.front().l2_cycles;
}

/// Copies of the operands on cache lines of their own, then scratch.
Result<void> place_operands(Trial& trial, const CompiledKernel& gemm, inspect::ProgramMemory& operands, int64_t bytes) {
  trial.memory = std::make_unique<measure::HugeBuffer>(static_cast<size_t>(bytes));
  if (trial.memory->data() == nullptr) return resource(fmt::format("--model: no memory for {} bytes", bytes));
  trial.arguments = inspect::arguments_of(gemm.kernel, operands);
  std::byte* at = trial.memory->data();
  size_t argument = 0;
  for (const ir::Buffer& buffer : gemm.kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    const inspect::Memory& one = operands.find(buffer.name)->second;
    std::memcpy(at, one.bytes.data(), static_cast<size_t>(one.size));
    trial.arguments[argument++].data = at;
    at += aligned(one.size);
  }
  trial.scratch = at;
  return {};
}

Result<Trial> make_trial(const Case& one, int64_t m, const Target& target, bool is_measured) {
  const Problem asked = TRY(parse_problem(one.problem));
  const Problem problem = TRY(resolve(asked, target.facts()));
  const Schedule schedule =
      one.schedule.empty() ? default_schedule(problem, m, target.facts()) : TRY(parse_schedule(one.schedule));
  TRY(legal(problem, schedule, target.facts()));
  const ir::Program program = build_linear(problem, schedule);
  const std::vector<CompiledKernel> kernels =
      TRY(compile(program, target, {.vector_registers = 32, .stages = {}, .predict = Predict::own_row}));
  const CompiledKernel& gemm =
      *std::find_if(kernels.begin(), kernels.end(), [](const CompiledKernel& k) { return k.kernel.name == "gemm"; });
  inspect::ProgramMemory operands = TRY(inspect::make_memory(program, m, seed));
  int64_t bytes = aligned(gemm.code.scratch_bytes);
  for (const ir::Buffer& buffer : gemm.kernel.buffers)
    if (buffer.is_parameter()) bytes += aligned(operands.find(buffer.name)->second.size);
  Trial trial;
  Problem printed = problem;
  printed.m = m;
  trial.row.problem = print_problem(printed);
  trial.row.schedule = print_schedule(schedule);
  trial.row.m = m;
  trial.row.level = level_of(bytes, target.facts());
  if (gemm.code.resources.straight.empty())
    return unsupported(fmt::format("--model: target {} has no model; CPU rows have", target.facts().name));
  fill_prediction(trial.row, gemm);
  if (!is_measured || trial.row.level == Level::memory) return trial;
  TRY(place_operands(trial, gemm, operands, bytes));
  trial.kernel = TRY(Kernel::load(gemm, "model"));
  return trial;
}

/// Cycles a second by a loop of register-only FMA.
double clock_hz(const TargetFacts& target) {
  constexpr double operations = 32;  // of one zmm FMA
  return measure::peak_gops(measure::Peak::vfmadd231ps, 1) * 1e9 / (operations * target.fma_per_cycle);
}

void measure_trials(std::vector<Trial>& trials, const TargetFacts& target, int repetitions) {
  for (int i = 0; i < repetitions; ++i)
    for (Trial& trial : trials) {
      if (!trial.kernel) continue;
      (void)trial.time(trial.row.m, 1);
      const double once = trial.time(trial.row.m, 1);
      const auto launches = std::max<int64_t>(1, std::llround(sample_seconds / once));
      const double hz = clock_hz(target);
      const double seconds = trial.time(trial.row.m, launches) - trial.time(0, launches);
      trial.samples.push_back(seconds * hz);
    }
  for (Trial& trial : trials)
    if (trial.kernel) trial.row.measured = measure::summarize(trial.samples).median;
}

/// Empty where this machine is the target's row.
std::string why_not_measured(const Target& target) {
  const auto can = target.can_execute();
  if (!can) return can.error().message;
  const auto host = find_target("host");
  if (host && *host == &target) return "";
  return fmt::format("target {} is not this machine's row{}", target.facts().name,
                     host ? " " + (*host)->facts().name : "");
}

std::string_view to_string(Level level) {
  switch (level) {
    case Level::l1: return "L1";
    case Level::l2: return "L2";
    case Level::memory: return "memory";
  }
  return "?";
}

/// `L1: median error 3.1 %, 90th percentile 8.0 %, 20 kernels`; empty for a level without measured rows.
std::string summary(std::span<const ModelRow> rows, Level level) {
  std::vector<double> errors;
  for (const ModelRow& row : rows)
    if (row.level == level && row.error()) errors.push_back(std::abs(*row.error()));
  if (errors.empty()) return "";
  return fmt::format("{}: median error {:.1f} %, 90th percentile {:.1f} %, {} kernels\n", to_string(level),
                     100 * measure::percentile(errors, 0.5), 100 * measure::percentile(errors, 0.9), errors.size());
}

}  // namespace

std::optional<double> ModelRow::error() const {
  if (!measured || *measured <= 0) return std::nullopt;
  return predicted / *measured - 1;
}

Result<ModelReport> compare_with_model(const Options& options) {
  const auto found = find_target(options.target);
  if (!found) return Error{found.error().kind, found.error().message + "; --target zen4 predicts without measuring"};
  const Target& target = **found;
  ModelReport report;
  report.not_measured = why_not_measured(target);
  std::vector<Case> cases;
  std::vector<std::string> schedules = options.schedules;
  if (schedules.empty()) schedules.emplace_back();
  for (const std::string& problem : options.problems)
    for (const std::string& schedule : schedules) cases.push_back({problem, schedule});
  if (cases.empty()) cases = default_cases(target.facts());
  std::vector<Trial> trials;
  for (const Case& one : cases) {
    const Problem asked = TRY(parse_problem(one.problem));
    std::vector<int64_t> ms = options.m;
    if (ms.empty() || options.problems.empty()) ms = {asked.m == Problem::any_m ? 1 : asked.m};
    for (const int64_t m : ms) trials.push_back(TRY(make_trial(one, m, target, report.not_measured.empty())));
  }
  measure_trials(trials, target.facts(), options.repetitions);
  for (Trial& trial : trials) report.rows.push_back(std::move(trial.row));
  return report;
}

std::string to_text(const ModelReport& report) {
  report::Table table;
  for (const char* title : {"problem", "schedule", "machine", "in", "loop", "limit"})
    table.add_column(title, report::Align::left);
  for (const char* title : {"cycles/iteration", "predicted", "measured", "error"})
    table.add_column(title, report::Align::right);
  for (const ModelRow& row : report.rows)
    table.add_row({row.problem, row.schedule, row.machine, std::string(to_string(row.level)), "%" + row.loop, row.limit,
                   fmt::format("{:.1f}", row.loop_cycles), fmt::format("{:.0f}", row.predicted),
                   row.measured ? fmt::format("{:.0f}", *row.measured) : "",
                   row.error() ? fmt::format("{:+.1f} %", 100 * *row.error()) : ""});
  std::string text = table.text();
  if (!report.not_measured.empty()) text += "not measured: " + report.not_measured + "\n";
  for (const Level level : {Level::l1, Level::l2}) text += summary(report.rows, level);
  return text;
}

nlohmann::ordered_json to_json(const ModelReport& report) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  using Json = nlohmann::ordered_json;
  const auto or_null = [](std::optional<double> value) { return value ? Json(*value) : Json(); };
  const Json reason = report.not_measured.empty() ? Json() : Json(report.not_measured);
  for (const ModelRow& row : report.rows)
    rows.push_back({{"problem", row.problem},
                    {"schedule", row.schedule},
                    {"machine", row.machine},
                    {"level", std::string(to_string(row.level))},
                    {"steady_loop", row.loop},
                    {"limit", row.limit},
                    {"loop_cycles", row.loop_cycles},
                    {"predicted_cycles", row.predicted},
                    {"measured_cycles", or_null(row.measured)},
                    {"error", or_null(row.error())},
                    {"not_measured", reason}});
  return rows;
}

}  // namespace tilejit::bench

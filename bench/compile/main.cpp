// bench_compile: what a new kernel costs, stage by stage, and what a call of a cached one costs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/compile/stages.h"
#include "bench/measure/clock.h"
#include "bench/measure/machine.h"
#include "jit/problem.h"
#include "targets/targets.h"
#include "tools/report/exit_status.h"
#include "tools/report/table.h"

namespace tilejit::bench {
namespace {

constexpr const char* tool = "bench_compile";

struct Options {
  std::vector<std::string> problems;
  std::vector<int64_t> m;
  std::string target = "host";
  int repetitions = 200;
  int together = 0;  // threads; 0: not measured
  bool json = false;
};

struct StageRow {
  std::string problem;
  std::string stage;
  double median_us;
  double p99_us;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("problem", options.problems, "Problem lines")->required();
  app.add_option("--m", options.m, "Rows: 1,256; default: the problem's m, else 1")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  app.add_option("--target", options.target,
                 "host, or a row of a CPU or GPU; only what this machine executes runs a layer");
  app.add_option("--repetitions", options.repetitions, "Compilations of each problem")->check(CLI::Range(1, 100000));
  app.add_option("--together", options.together,
                 "Compile all problems for all m once, on so many threads, as a model's first load does; nothing else")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--json", options.json, "One array of objects instead of a table");
}

/// The problems for every m, each with its m.
Result<std::vector<Problem>> problems_of(const Options& options) {
  std::vector<Problem> problems;
  for (const std::string& line : options.problems) {
    Problem problem = TRY(parse_problem(line));
    std::vector<int64_t> ms = options.m;
    if (ms.empty()) ms = {problem.m == Problem::any_m ? 1 : problem.m};
    for (const int64_t m : ms) {
      problem.m = m;
      problems.push_back(problem);
    }
  }
  return problems;
}

Result<std::vector<StageRow>> stage_rows(const Options& options, const Target& target) {
  std::vector<StageRow> rows;
  for (const Problem& problem : TRY(problems_of(options))) {
    const std::string line = print_problem(problem);
    const StageTimes times = TRY(time_stages(line, problem.m, target, options.repetitions));
    for (const std::string& stage : times.order) {
      const std::vector<double>& samples = times.samples.find(stage)->second;
      rows.push_back({line, stage, measure::percentile(samples, 0.5), measure::percentile(samples, 0.99)});
    }
  }
  return rows;
}

Result<int> bench_together(const Options& options, const Target& target) {
  std::vector<std::string> lines;
  for (const Problem& problem : TRY(problems_of(options))) lines.push_back(print_problem(problem));
  const Together all = TRY(time_together(lines, target, options.together));
  if (options.json)
    fmt::print("{}\n", nlohmann::ordered_json::array({{{"target", target.facts().name},
                                                       {"threads", options.together},
                                                       {"problems", lines},
                                                       {"kernels", all.kernels},
                                                       {"compile_us", all.seconds * 1e6}}})
                           .dump(1));
  else
    fmt::print("{}\n{} kernels on {} threads: {:.2f} s\n", measure::to_line(measure::inspect_machine()), all.kernels,
               options.together, all.seconds);
  return report::exit_ok;
}

/// What a call of cached kernels costs.
struct CallRow {
  std::string stage;
  measure::Summary ns;
};

/// The tiny layer only where this machine executes the target.
Result<std::vector<CallRow>> call_rows(const Options& options, const Target& target) {
  constexpr int batches = 101;
  std::vector<CallRow> rows = {{"dispatch, empty kernels", measure::summarize(TRY(time_empty_calls(batches)))}};
  if (target.can_execute())
    rows.push_back({"call of a tiny layer", measure::summarize(TRY(time_tiny_calls(options.target, batches)))});
  return rows;
}

void print_text(const std::vector<StageRow>& rows, const std::vector<CallRow>& calls) {
  report::Table table;
  for (const char* title : {"problem", "stage"}) table.add_column(title, report::Align::left);
  for (const char* title : {"p50 us", "p99 us"}) table.add_column(title, report::Align::right);
  for (const StageRow& row : rows)
    table.add_row({row.problem, row.stage, fmt::format("{:.1f}", row.median_us), fmt::format("{:.1f}", row.p99_us)});
  fmt::print("{}\n{}\n", measure::to_line(measure::inspect_machine()), table.text());
  for (const CallRow& call : calls)
    fmt::print("{}: {:.1f} ns ({:.1f}..{:.1f})\n", call.stage, call.ns.median, call.ns.low, call.ns.high);
}

void print_json(const std::vector<StageRow>& rows, const std::vector<CallRow>& calls, const std::string& target) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const StageRow& row : rows)
    array.push_back({{"problem", row.problem},
                     {"target", target},
                     {"stage", row.stage},
                     {"compile_us", row.median_us},
                     {"p99_us", row.p99_us}});
  for (const CallRow& call : calls)
    array.push_back({{"target", target}, {"stage", call.stage}, {"time_us", call.ns.median * 1e-3}});
  fmt::print("{}\n", array.dump(1));
}

Result<int> bench(const Options& options) {
  const Target* target = TRY(find_target(options.target));
  if (options.together != 0) return bench_together(options, *target);
  const std::vector<StageRow> rows = TRY(stage_rows(options, *target));
  const std::vector<CallRow> calls = TRY(call_rows(options, *target));
  if (options.json)
    print_json(rows, calls, target->facts().name);
  else
    print_text(rows, calls);
  return report::exit_ok;
}

}  // namespace
}  // namespace tilejit::bench

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("What a new kernel costs, and a call of a cached one", bench::tool);
  bench::Options options;
  bench::declare(app, options);
  return report::run_main(app, argc, argv, [&] { return bench::bench(options); });
}

#include <fmt/format.h>

#include "bench/measure/machine.h"
#include "tools/report/device.h"
#include "tools/report/operands.h"
#include "tools/report/run_layer.h"
#include "tools/tilejit/commands.h"

namespace tilejit::command {
namespace {

constexpr std::string_view columns[] = {"n x k", "scheme",  "m",      "device",  "compile us", "time us",
                                        "GB/s",  "GFLOP/s", "rel_l2", "SQNR dB", "ok",         "schedule"};

std::vector<int64_t> rows_of(const LinearArguments& arguments, const Problem& problem) {
  if (!arguments.m.empty()) return arguments.m;
  if (problem.m != Problem::any_m) return {problem.m};
  return {1, 16, 256};
}

}  // namespace

Result<int> linear(const LinearArguments& arguments) {
  report::LayerRun run;
  run.problem = TRY(parse_problem(arguments.problem));
  // Weights for a problem that is refused would be made for nothing (or could not be: dense schemes have none).
  run.options.device = TRY(report::choose_device(arguments.device, arguments.target));
  TRY(can_implement(arguments.problem, arguments.target, run.options.device));
  run.m = rows_of(arguments, run.problem);
  run.refusal = report::Refusal::is_an_error;
  run.options.target = arguments.target;
  run.options.schedule = arguments.schedule;
  run.options.threads.max_threads = arguments.threads;
  const Weights weights = report::random_weights(run.problem, 1);
  const auto rows = TRY(report::run_layer(report::describe_row(run.problem, arguments.target), weights, run));
  if (arguments.json)
    fmt::print("{}", report::to_json_text(rows));
  else
    fmt::print("{}\n{}\n{}", measure::to_line(measure::inspect_machine()), rows.front().problem,
               report::to_table(rows, columns));
  return report::exit_status_of(rows);
}

}  // namespace tilejit::command

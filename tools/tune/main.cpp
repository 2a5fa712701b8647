// tune: measures the legal schedules of problems on this machine and stores the best, where Linear::create finds them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "bench/measure/clock.h"
#include "bench/measure/machine.h"
#include "jit/candidates.h"
#include "runtime/threads.h"
#include "runtime/tuned.h"
#include "targets/targets.h"
#include "tools/report/exit_status.h"
#include "tools/report/table.h"
#include "tools/search/order.h"
#include "tools/search/predictor.h"
#include "tools/search/search.h"
#include "tools/tune/progress.h"
#include "tools/tune/request.h"
#include "tools/tune/stopwatch.h"

namespace tilejit::tune {
namespace {

constexpr const char* tool = "tune";
constexpr double predictions_share = 0.15;  // of the budget, at most

struct Options {
  std::vector<std::string> problems;
  std::vector<int64_t> m = {1, 4, 16, 64, 256};
  std::string target = "host";
  double budget_seconds = 60;
  int threads = 0;
  std::string out;
  bool list = false;
  bool predict = false;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("problem", options.problems, "Problem lines; those that differ in m alone are tuned together")
      ->required();
  app.add_option("--m", options.m, "Rows for lines without m; default: 1,4,16,64,256")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  app.add_option("--target", options.target, "host or a row that this machine executes; any row for --list");
  app.add_option("--budget", options.budget_seconds, "Seconds for all problems together; default: 60")
      ->check(CLI::Range(1e-3, 1e6));
  app.add_option("--threads", options.threads, "Threads of each call; default: OpenMP's")->check(CLI::Range(0, 1024));
  app.add_option("--out", options.out, "File to write instead of the user's store (README: Tuning)");
  CLI::Option* list =
      app.add_flag("--list", options.list, "Print the space of schedules, each legal or with the reasons why not");
  app.add_flag("--predict", options.predict,
               "With --list: the legal schedules alone, in the order predicted, with the cycles of a call for each m")
      ->needs(list);
}

/// A `+` and each legal schedule, a `-` and each other with its reasons.
void print_space(const Group& group, const TargetFacts& target) {
  int64_t legal_ones = 0;
  int64_t all = 0;
  fmt::print("# {}\n", group.key);
  for (const Layout& layout : candidate_layouts(group.problem, target))
    for (const Candidate& candidate : candidates(group.problem, layout, target)) {
      ++all;
      legal_ones += candidate.verdict.ok();
      if (candidate.verdict)
        fmt::print("+ {}\n", print_schedule(candidate.schedule));
      else
        fmt::print("- {}\n", candidate.verdict.error().message);
    }
  fmt::print("# {} of {} schedules are legal\n", legal_ones, all);
}

/// Of every layout.
std::vector<Schedule> all_legal_schedules(const Group& group, const TargetFacts& target) {
  std::vector<Schedule> schedules;
  for (const Layout& layout : candidate_layouts(group.problem, target)) {
    const std::vector<Schedule> legal_ones = legal_schedules(group.problem, layout, target);
    schedules.insert(schedules.end(), legal_ones.begin(), legal_ones.end());
  }
  return schedules;
}

/// Each legal schedule and its cycles, by the regret summed over m.
void print_order(const Group& group, const Target& target, int threads) {
  const std::vector<Schedule> schedules = all_legal_schedules(group, target.facts());
  search::Predictor predictor(group.problem, target, group.m, threads);
  predictor.predict(schedules, [] { return true; });
  std::vector<double> regrets(schedules.size(), 0);
  for (const int64_t m : group.m) {
    double best = predictor.cycles(schedules.front(), m);
    for (const Schedule& schedule : schedules) best = std::min(best, predictor.cycles(schedule, m));
    for (size_t i = 0; i < schedules.size(); ++i) regrets[i] += predictor.cycles(schedules[i], m) / best;
  }
  fmt::print("# {}, predicted cycles of a call on {} threads\n", group.key, threads);
  for (const Schedule& schedule : search::in_order(schedules, regrets)) {
    fmt::print("+ {} #", print_schedule(schedule));
    for (const int64_t m : group.m) fmt::print(" m={} {:.0f}", m, predictor.cycles(schedule, m));
    fmt::print("\n");
  }
}

/// The file that will be written, which must be readable now and not after the measurements.
Result<std::string> output_path(const Options& options) {
  const std::string path = options.out.empty() ? TRY(tuned_store_path()) : options.out;
  const TunedText text = TRY(read_tuned(path));
  if (!text.malformed.empty()) return invalid(text.malformed.front() + "; mend or remove the line");
  return path;
}

void print_found(const Group& group, const search::Found& found) {
  report::Table table;
  for (const char* title : {"m", "default us", "tuned us", "gain", "predicted place"})
    table.add_column(title, report::Align::right);
  table.add_column("schedule", report::Align::left);
  for (const search::Outcome& outcome : found.outcomes)
    table.add_row({std::to_string(outcome.m), fmt::format("{:.2f}", outcome.default_seconds * 1e6),
                   fmt::format("{:.2f}", outcome.tuned_seconds * 1e6),
                   fmt::format("{:.3f}x", outcome.default_seconds / outcome.tuned_seconds),
                   fmt::format("{} of {}", outcome.place, outcome.places), print_schedule(outcome.tuned)});
  fmt::print("{}\n{}{} samples; {}\n\n", group.key, table.text(), found.measured,
             found.is_default ? "nothing was faster over all m: the default is kept" : "the tuned schedules are kept");
}

Result<search::Found> tune_group(const Group& group, const Target& target, int threads, double budget_seconds,
                                 Progress& progress) {
  Stopwatch stopwatch(group.problem, target, threads);
  const search::Machine machine{
      .measure = [&](const Schedule& schedule, int64_t m) { return stopwatch.measure(schedule, m); },
      .keep = [&](const std::vector<Layout>& layouts) { return stopwatch.keep(layouts); },
      .now = measure::now};
  const double start = measure::now();
  const double end = start + budget_seconds;
  const auto tell = [&](const std::string& what) {
    progress.show(fmt::format("{}: {}", group.key, what), end - measure::now());
  };
  tell("predictions");
  search::Predictor predictor(group.problem, target, group.m, threads);
  predictor.predict(all_legal_schedules(group, target.facts()),
                    [&] { return measure::now() < start + predictions_share * budget_seconds; });
  const search::Task task{
      .problem = group.problem,
      .target = &target.facts(),
      .m = group.m,
      .budget_seconds = end - measure::now(),
      .predicted = [&](const Schedule& schedule, int64_t m) { return predictor.cycles(schedule, m); },
      .progress = tell};
  return search::search(task, machine);
}

Result<int> tune(const Options& options) {
  const Target& target = *TRY(find_target(options.target));
  const std::vector<Group> groups = TRY(group_problems(options.problems, options.m, target.facts()));
  const int threads = TRY(thread_count({.max_threads = options.threads, .parallel_for = {}}));
  if (options.list) {
    for (const Group& group : groups)
      options.predict ? print_order(group, target, threads) : print_space(group, target.facts());
    return report::exit_ok;
  }
  TRY(target.can_execute());
  const std::string path = TRY(output_path(options));
  fmt::print("{}\ntarget {}, {} threads, {} s\n\n", measure::to_line(measure::inspect_machine()), target.facts().name,
             threads, options.budget_seconds);
  const double end = measure::now() + options.budget_seconds;
  for (size_t i = 0; i < groups.size(); ++i) {
    Progress progress;
    const double share = std::max(0.0, end - measure::now()) / static_cast<double>(groups.size() - i);
    const search::Found found = TRY(tune_group(groups[i], target, threads, share, progress));
    TRY(write_tuned(path, {{groups[i].key, {found.layout, found.loops}}}));
    print_found(groups[i], found);
  }
  fmt::print("written to {}\n", path);
  return report::exit_ok;
}

}  // namespace
}  // namespace tilejit::tune

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("Measures the legal schedules of problems on this machine and stores the best", tune::tool);
  tune::Options options;
  tune::declare(app, options);
  return report::run_main(app, argc, argv, [&] { return tune::tune(options); });
}

// bench_linear: how fast problems run against this machine's roofs, measured in turns within one process.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/linear/contest.h"
#include "bench/linear/model.h"
#include "bench/linear/peer_contest.h"
#include "bench/measure/machine.h"
#include "bench/measure/roof_table.h"
#include "bench/peers/contestant.h"
#include "targets/targets.h"
#include "tools/report/exit_status.h"
#include "tools/report/table.h"

namespace tilejit::bench {
namespace {

constexpr const char* tool = "bench_linear";
constexpr std::string_view columns[] = {"problem", "threads", "compile us", "time us", "of m = 1",
                                        "spread",  "GB/s",    "GFLOP/s",    "roof",    "share",
                                        "of read", "rel_l2",  "ok",         "schedule"};
constexpr std::string_view peer_columns[] = {"problem", "threads", "peer",  "time us", "of ours", "spread", "GB/s",
                                             "GFLOP/s", "roof",    "share", "of read", "rel_l2",  "ok",     "schedule"};

void declare(CLI::App& app, Options& options) {
  app.add_option("problem", options.problems, "Problem lines; --model has some of its own");
  app.add_option("--threads", options.threads, "Thread counts: 1,2")->delimiter(',')->check(CLI::Range(1, 1024));
  app.add_option("--m", options.m, "Rows: 1,256; default: the problem's m, else 1")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  app.add_option("--schedule", options.schedules,
                 "A schedule line for all problems, several times: side by side; default: the target's choice")
      ->allow_extra_args(false);
  app.add_option("--target", options.target, "host or a CPU row");
  app.add_option("--repetitions", options.repetitions, "Samples of each contestant")->check(CLI::Range(1, 1000));
  app.add_flag("--roofs", options.roofs, "Print every roof");
  app.add_flag("--peers", options.peers, "Other libraries on the same operands, in turns (those found by CMake)");
  app.add_flag("--model", options.model, "The static model's cycles against measured ones");
  app.add_flag("--json", options.json, "One array of objects instead of a table");
}

/// The peers of one of our contestants.
struct Rivals {
  std::unique_ptr<peers::PlainActivations> a;
  std::vector<peers::PeerContestant> contestants;
};

Result<Rivals> make_rivals(const Copies& copies, const PeerLayers& opened, const Contestant& ours) {
  Rivals rivals;
  if (!opened.reason.empty()) return rivals;
  rivals.a = std::make_unique<peers::PlainActivations>(peers::plain_activations(copies.problem, ours.activations()));
  peers::PeerReference reference(opened.weights, *rivals.a);
  for (const peers::PeerLayer& layer : opened.layers) {
    rivals.contestants.emplace_back(layer, copies.problem.n, *rivals.a, ours.threads());
    TRY(rivals.contestants.back().prepare(reference));
  }
  return rivals;
}

/// One problem's contestants, in turns with each other, with their peers and with the roofs.
Result<void> contest(const std::string& line, const Options& options, measure::RoofTable& roofs,
                     std::vector<report::Row>& rows) {
  const Problem asked = TRY(parse_problem(line));
  std::vector<int64_t> ms = options.m;
  if (ms.empty()) ms = {asked.m == Problem::any_m ? 1 : asked.m};
  std::vector<std::string> schedules = options.schedules;
  if (schedules.empty()) schedules.emplace_back();
  std::deque<Copies> copies;
  std::unique_ptr<PeerLayers> opened;
  std::vector<Contestant> contestants;
  std::vector<Rivals> rivals;  // of each contestant; peers run beside the first schedule
  for (const std::string& schedule : schedules) {
    copies.push_back(TRY(make_copies(line, schedule, options)));
    const bool has_rivals = options.peers && copies.size() == 1;
    if (has_rivals) opened = open_peers(copies.back());
    for (const int64_t m : ms)
      for (const int threads : options.threads) {
        contestants.emplace_back(copies.back(), m, threads);
        TRY(contestants.back().prepare());
        rivals.push_back(has_rivals ? TRY(make_rivals(copies.back(), *opened, contestants.back())) : Rivals{});
      }
  }
  for (int i = 0; i < options.repetitions; ++i) {
    roofs.measure();
    for (size_t c = 0; c < contestants.size(); ++c) {
      TRY(contestants[c].measure(roofs));
      for (peers::PeerContestant& rival : rivals[c].contestants) rival.measure();
    }
  }
  for (size_t c = 0; c < contestants.size(); ++c) {
    report::Row ours = TRY(contestants[c].result(roofs));
    const auto one_row = std::ranges::find_if(
        contestants, [&](const Contestant& other) { return other.m() == 1 && other.is_beside(contestants[c]); });
    if (one_row != contestants.end()) ours.of_one_row = contestants[c].times_of(*one_row);
    rows.push_back(ours);
    const bool is_first = c < ms.size() * options.threads.size();
    if (opened && is_first && !opened->reason.empty()) rows.push_back(peers::no_peer_row(ours, "any", opened->reason));
    for (const peers::PeerContestant& rival : rivals[c].contestants)
      for (report::Row& row : rival.results(ours)) rows.push_back(std::move(row));
  }
  return {};
}

std::string roofs_text(const measure::RoofTable& roofs) {
  report::Table table;
  table.add_column("roof", report::Align::left);
  for (const char* title : {"threads", "median", "10%", "90%", "unit"}) table.add_column(title, report::Align::right);
  for (const auto& line : roofs.lines())
    table.add_row({line.name, std::to_string(line.threads), fmt::format("{:.1f}", line.summary.median),
                   fmt::format("{:.1f}", line.summary.low), fmt::format("{:.1f}", line.summary.high), line.unit});
  return table.text();
}

Result<int> compare(const Options& options) {
  const ModelReport report = TRY(compare_with_model(options));
  if (options.json)
    fmt::print("{}\n", to_json(report).dump(1));
  else
    fmt::print("{}\n{}", measure::to_line(measure::inspect_machine()), to_text(report));
  return report::exit_ok;
}

Result<int> bench(const Options& options) {
  if (options.model) return compare(options);
  if (options.problems.empty()) return invalid("problem: none is given; a line is like 'w4a16 n=4096 k=4096 g=128'");
  const Target* target = TRY(find_target(options.target));
  TRY(target->can_execute());
  measure::RoofTable roofs = TRY(measure::RoofTable::create(options.threads));
  std::vector<report::Row> rows;
  for (const std::string& line : options.problems) TRY(contest(line, options, roofs, rows));
  if (options.json) {
    fmt::print("{}", report::to_json_text(rows));
  } else {
    const std::span<const std::string_view> titles =
        options.peers ? peer_columns : std::span<const std::string_view>(columns);
    fmt::print("{}\nroof buffer in huge pages: {:.0f}%; medians of {} samples\n{}{}",
               measure::to_line(measure::inspect_machine()), roofs.huge_page_share() * 100, options.repetitions,
               report::to_table(rows, titles), peers::peer_summary(rows));
    if (options.roofs) fmt::print("\n{}", roofs_text(roofs));
  }
  return report::exit_status_of(rows);
}

}  // namespace
}  // namespace tilejit::bench

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("Linear layers against this machine's roofs", bench::tool);
  bench::Options options;
  bench::declare(app, options);
  return report::run_main(app, argc, argv, [&] { return bench::bench(options); });
}

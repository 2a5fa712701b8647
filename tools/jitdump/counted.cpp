#include "tools/jitdump/counted.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "tools/jitdump/in_flight.h"
#include "tools/report/table.h"

namespace tilejit::jitdump {
namespace {

using Json = nlohmann::ordered_json;

Result<inspect::FirstTask> count_one(const Source& source, const CompiledKernel& kernel, uint64_t seed) {
  inspect::ProgramMemory memory = TRY(inspect::make_memory(source.program, source.m, seed));
  return inspect::profile_first_task(kernel, *source.target, memory, source.m);
}

/// Whole numbers as such, means with two digits.
std::string number(double value) {
  return value == static_cast<double>(static_cast<int64_t>(value)) ? fmt::format("{:.0f}", value)
                                                                   : fmt::format("{:.2f}", value);
}

std::string shares(std::span<const NamedNumber> numbers) {
  std::string text;
  for (const NamedNumber& one : numbers)
    if (one.value >= 0.0005) text += fmt::format("{}{} {:.1f}%", text.empty() ? "" : ", ", one.name, 100 * one.value);
  return text;
}

/// The first of what waves wait for is the limit.
std::string limit_of(const SlotEstimate& e) { return e.waiting.empty() ? "" : e.waiting.front().name; }

std::string estimate_text(const SlotEstimate& e) {
  std::string text =
      fmt::format("issue slots: {} waves of a SIMD make an iteration each in {:.1f} clocks", e.waves, e.clocks);
  text +=
      fmt::format("; the matrix unit works in {:.1f}% of them\nports busy: {}\n", 100 * e.matrix_share, shares(e.busy));
  if (e.waiting.empty()) return text + "limit: matrix instructions, always busy\n";
  return text + fmt::format("limit: {}; while the matrix unit is idle, waves have or wait for: {}\n", limit_of(e),
                            shares(e.waiting));
}

Json object(std::span<const NamedNumber> numbers) {
  Json json = Json::object();
  for (const NamedNumber& one : numbers) json[one.name] = one.value;
  return json;
}

Json loop_json(const LoopProfile& loop) {
  const SlotEstimate& e = loop.estimate;
  return {{"first_address", loop.first_address},
          {"last_address", loop.last_address},
          {"iterations", loop.iterations},
          {"share", loop.share},
          {"counts", object(loop.counts)},
          {"estimate",
           {{"waves", e.waves},
            {"clocks", e.clocks},
            {"matrix_share", e.matrix_share},
            {"limit", e.waiting.empty() ? Json("matrix instructions") : Json(limit_of(e))},
            {"busy", object(e.busy)},
            {"waiting", object(e.waiting)}}}};
}

}  // namespace

std::vector<Counted> count_first_tasks(const Source& source, const std::vector<CompiledKernel>& kernels,
                                       uint64_t seed) {
  std::vector<Counted> all;
  for (const CompiledKernel& kernel : kernels) {
    auto task = count_one(source, kernel, seed);
    if (task)
      all.push_back({std::move(*task), ""});
    else
      all.push_back({std::nullopt, task.error().message});
  }
  return all;
}

std::string counted_text(const Counted& counted, int64_t m, const TargetFacts& target) {
  if (!counted.first_task) return fmt::format("not counted: {}\n", counted.reason);
  const TaskProfile& task = counted.first_task->profile;
  const std::string in_flight = in_flight_text(*counted.first_task, target);
  std::string text = fmt::format("counted on the emulator for m={}: the first of {} tasks, {} wave{}\n", m,
                                 counted.first_task->tasks, task.waves, task.waves == 1 ? "" : "s");
  report::Table table;
  table.add_column("counted", report::Align::left);
  table.add_column("task", report::Align::right);
  const LoopProfile* loop = task.steady_loop ? &*task.steady_loop : nullptr;
  if (loop != nullptr) table.add_column("an iteration of a wave", report::Align::right);
  for (size_t i = 0; i < task.counts.size(); ++i) {
    std::vector<std::string> row{task.counts[i].name, number(task.counts[i].value)};
    if (loop != nullptr) row.push_back(number(loop->counts[i].value));
    table.add_row(std::move(row));
  }
  if (loop == nullptr) return text + "steady loop: none, nothing is repeated\n" + table.text() + in_flight;
  // How it is found: emulator/cycle_trace.h.
  text += fmt::format(
      "steady loop: {:x}..{:x}, {} iterations of all waves, {:.1f}% of the task's instructions (the loop that executes "
      "most, "
      "or the one inside it that executes at least half of that)\n",
      loop->first_address, loop->last_address, loop->iterations, 100 * loop->share);
  return text + table.text() + estimate_text(loop->estimate) + in_flight;
}

nlohmann::ordered_json counted_json(const Counted& counted, int64_t m, const TargetFacts& target) {
  if (!counted.first_task) return {{"reason", counted.reason}};
  const TaskProfile& task = counted.first_task->profile;
  return {{"m", m},
          {"tasks", counted.first_task->tasks},
          {"waves", task.waves},
          {"counts", object(task.counts)},
          {"in_flight", in_flight_json(*counted.first_task, target)},
          {"steady_loop", task.steady_loop ? loop_json(*task.steady_loop) : Json()}};
}

}  // namespace tilejit::jitdump

#include "runtime/choose.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "jit/default_schedule.h"
#include "runtime/tuned.h"

namespace tilejit {
namespace {

Result<ScheduleChoice> given(const Problem& problem, const std::string& line, const TargetFacts& target) {
  Schedule schedule = TRY(parse_schedule(line));
  schedule.loops.m_lo = 1;
  schedule.loops.m_hi = Loops::no_limit;
  TRY(legal(problem, schedule, target));
  return ScheduleChoice{.schedules = {schedule}, .tuned = false, .origin = "given", .remarks = {}};
}

Result<ScheduleChoice> by_default(const Problem& problem, const TargetFacts& target, std::vector<std::string> remarks) {
  ScheduleChoice choice{.schedules = {}, .tuned = false, .origin = "default", .remarks = std::move(remarks)};
  const Layout layout = default_layout(problem, target);
  for (const Loops& loops : default_loops(problem, layout, target)) {
    TRY(legal(problem, {layout, loops}, target));
    choice.schedules.push_back({layout, loops});
  }
  return choice;
}

/// The file that the options name; empty: none.
Result<std::string> tuned_file(const std::string& setting, std::vector<std::string>& remarks) {
  if (setting == "off") return std::string();
  if (setting == "auto") {
    auto path = tuned_store_path();
    if (!path) remarks.push_back(path.error().message);
    return path ? *path : std::string();
  }
  std::error_code ignored;
  if (!std::filesystem::exists(setting, ignored))
    return invalid(fmt::format("tuned={}: no such file; auto is the user's own, off is none", setting));
  return setting;
}

/// The problem's schedules in the file; none when there are none, or when `remarks` say why they cannot be used.
std::vector<Schedule> tuned_schedules(const std::string& path, const Problem& problem, const TargetFacts& target,
                                      std::vector<std::string>& remarks) {
  std::vector<Schedule> schedules;
  const auto text = read_tuned_once(path);
  if (!text) {
    remarks.push_back(text.error().message);
    return schedules;
  }
  if (const auto& malformed = (*text)->malformed; !malformed.empty())
    remarks.push_back(fmt::format("{} ({} such lines are ignored)", malformed.front(), malformed.size()));
  const std::string key = tuned_key(problem, target);
  const auto found = (*text)->table.find(key);
  if (found == (*text)->table.end()) return schedules;
  const TunedSchedules& tuned = found->second;
  if (const auto usable = check_tuned(tuned, problem, target); !usable) {
    remarks.push_back(fmt::format("{}: '{}' is not used: {}", path, key, usable.error().message));
    return schedules;
  }
  for (const Loops& loops : tuned.loops) schedules.push_back({tuned.layout, loops});
  return schedules;
}

}  // namespace

Result<ScheduleChoice> choose_schedules(const Problem& resolved, const LinearOptions& options,
                                        const TargetFacts& target) {
  if (!options.schedule.empty()) return given(resolved, options.schedule, target);
  std::vector<std::string> remarks;
  const std::string path = TRY(tuned_file(options.tuned, remarks));
  std::vector<Schedule> tuned;
  if (!path.empty()) tuned = tuned_schedules(path, resolved, target, remarks);
  if (tuned.empty()) return by_default(resolved, target, std::move(remarks));
  return ScheduleChoice{.schedules = std::move(tuned),
                        .tuned = true,
                        .origin = fmt::format("tuned in {}", path),
                        .remarks = std::move(remarks)};
}

}  // namespace tilejit

#include "runtime/tuned.h"

#include <fmt/format.h>
#include <tilejit/linear.h>

#include <algorithm>

#include "runtime/build_id.h"

namespace tilejit {
namespace {

constexpr std::string_view header = "# tilejit tuned schedules 1";

/// Takes a word and the blanks after it off the front.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

Problem without_details(Problem problem) {
  const bool pairs = problem.has(Epilogue::swiglu);
  problem.m = Problem::any_m;
  if (problem.has_scales()) problem.zero = 1 << (problem.weight_bits() - 1);
  problem.perm = false;
  problem.epilogue.clear();
  if (pairs) problem.epilogue.push_back(Epilogue::swiglu);
  problem.bias_type = Type::f32;
  problem.bits = Bits::exact;
  return problem;
}

Result<void> add_layout(TunedTable& table, const std::string& key, std::string_view text) {
  const Schedule schedule = TRY(parse_schedule(text));
  if (print_layout(schedule.layout) != text)
    return invalid(fmt::format("'{}' is not a layout such as '{}'", text, print_layout({})));
  table[key] = {schedule.layout, {}};
  return {};
}

Result<void> add_loops(TunedTable& table, const std::string& key, std::string_view text) {
  const Schedule schedule = TRY(parse_schedule(text));
  const auto found = table.find(key);
  if (found == table.end()) return invalid("a loops line before the layout line of its problem");
  TunedSchedules& tuned = found->second;
  if (schedule.layout != tuned.layout)
    return invalid(fmt::format("the loops are for '{}', the problem's layout is '{}'", print_layout(schedule.layout),
                               print_layout(tuned.layout)));
  if (!tuned.loops.empty() && schedule.loops.m_lo <= tuned.loops.back().m_hi)
    return invalid(fmt::format("rows from {} on overlap the line before", schedule.loops.m_lo));
  tuned.loops.push_back(schedule.loops);
  return {};
}

Result<void> add_line(TunedTable& table, std::string_view line) {
  constexpr std::string_view separator = " : ";
  const std::string_view kind = take_word(line);
  if (kind != "layout" && kind != "loops")
    return invalid(fmt::format("'{}' is neither layout nor loops nor a comment (#)", kind));
  const std::string_view row = take_word(line);
  const size_t colon = line.find(separator);
  if (colon == std::string_view::npos) return invalid("no ' : ' between the problem and its schedule");
  const Problem problem = TRY(parse_problem(line.substr(0, colon)));
  const std::string key = fmt::format("{} {}", row, print_problem(problem));
  const std::string_view schedule = line.substr(colon + separator.size());
  return kind == "layout" ? add_layout(table, key, schedule) : add_loops(table, key, schedule);
}

}  // namespace

std::string tuned_key(const Problem& resolved, const TargetFacts& target) {
  return fmt::format("{} {}", target.name, print_problem(without_details(resolved)));
}

TunedText parse_tuned(std::string_view text, const std::string& path) {
  TunedText read;
  if (text.empty()) return read;
  if (text.substr(0, text.find('\n')) != header) {
    read.malformed.push_back(fmt::format("{}:1: the first line is not '{}'", path, header));
    return read;
  }
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    if (auto added = add_line(read.table, line); !added)
      read.malformed.push_back(fmt::format("{}:{}: {}", path, number, added.error().message));
  }
  return read;
}

std::string print_tuned(const TunedTable& table) {
  std::string text = fmt::format("{}\n# written by tilejit {}, build {}\n", header, version(), build_id());
  for (const auto& [key, tuned] : table) {
    text += fmt::format("layout {} : {}\n", key, print_layout(tuned.layout));
    for (const Loops& loops : tuned.loops)
      text += fmt::format("loops {} : {}\n", key, print_schedule({tuned.layout, loops}));
  }
  return text;
}

Result<void> check_tuned(const TunedSchedules& tuned, const Problem& resolved, const TargetFacts& target) {
  int64_t next = 1;
  for (const Loops& loops : tuned.loops) {
    if (loops.m_lo != next) break;
    TRY(legal(resolved, {tuned.layout, loops}, target));
    if (loops.m_hi == Loops::no_limit) return {};
    next = loops.m_hi + 1;
  }
  return invalid(fmt::format("no loops line begins at rows={}", next));
}

}  // namespace tilejit

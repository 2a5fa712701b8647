#include "tools/jitdump/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "ir/parse.h"
#include "ir/verify.h"
#include "jit/build_linear.h"
#include "jit/default_schedule.h"
#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/choose.h"
#include "targets/targets.h"

namespace tilejit::jitdump {
namespace {

constexpr int64_t default_m = 5;  // no multiple of a usual row tile, so that tails run

Result<Source> load_problem(const Request& request) {
  const Problem asked = TRY(parse_problem(request.problem));
  const Target& target = *TRY(find_target(request.target));
  const Problem problem = TRY(resolve(asked, target.facts()));
  Source source;
  source.target = &target;
  source.m = request.m > 0 ? request.m : asked.m == Problem::any_m ? default_m : asked.m;
  LinearOptions options;
  options.schedule = request.schedule;
  const ScheduleChoice choice = TRY(choose_schedules(problem, options, target.facts()));
  const Schedule& schedule = *std::find_if(choice.schedules.begin(), choice.schedules.end(),
                                           [&](const Schedule& s) { return source.m <= s.loops.m_hi; });
  source.problem = print_problem(problem);
  source.schedule = print_schedule(schedule);
  source.origin = choice.origin;
  source.remarks = choice.remarks;
  source.program = build_linear(problem, schedule);
  return source;
}

Result<Source> load_file(const Request& request) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(request.file, ignored))
    return invalid(fmt::format("{}: no such file, or not a regular one", request.file));
  std::ifstream file(request.file, std::ios::binary);
  if (!file) return invalid(fmt::format("{}: cannot be read", request.file));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  Source source;
  source.target = TRY(find_target(request.target));
  source.m = request.m > 0 ? request.m : default_m;
  source.program = TRY(ir::parse(text, request.file));
  TRY(ir::check_legal(source.program, request.file));
  return source;
}

}  // namespace

Result<Source> load_source(const Request& request) {
  return request.file.empty() ? load_problem(request) : load_file(request);
}

}  // namespace tilejit::jitdump

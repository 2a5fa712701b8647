// Which schedules a Linear uses: the given line, else the tuned ones of its problem, else the target's default.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <string>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

struct ScheduleChoice {
  std::vector<Schedule> schedules;  // one for each range of m, ascending, all legal, of one layout
  bool tuned = false;
  std::string origin;                // "given", "default", or "tuned in FILE"
  std::vector<std::string> remarks;  // why tuned lines were not used
};

/// A given line must be legal, and a named file exist. Anything else that is wrong with a file or a line of it is a remark: the
/// default serves.
Result<ScheduleChoice> choose_schedules(const Problem& resolved, const LinearOptions& options,
                                        const TargetFacts& target);

}  // namespace tilejit

// What is asked for: problem lines that differ in m (or in what does not decide the schedule) are tuned together.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "jit/problem.h"
#include "targets/target.h"

namespace tilejit::tune {

struct Group {
  std::string key;         // of the store
  Problem problem;         // resolved; of the first line
  std::vector<int64_t> m;  // ascending
};

/// One group for each entry of the store, in the order of their first lines. `m` serves lines that name none.
Result<std::vector<Group>> group_problems(const std::vector<std::string>& lines, const std::vector<int64_t>& m,
                                          const TargetFacts& target);

}  // namespace tilejit::tune

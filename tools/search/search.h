// Finds the schedules of one problem: first the layout, by the summed regret (its best time / the best time - 1) over the m
// that were asked for, then the loops for each m under that layout, and at last a comparison with the default.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"
#include "tools/search/contest.h"

namespace tilejit::search {

struct Task {
  Problem problem;  // resolved
  const TargetFacts* target = nullptr;
  std::vector<int64_t> m;  // ascending, not empty
  double budget_seconds = 0;
  /// Smaller is better; only the order counts.
  std::function<double(const Schedule& schedule, int64_t m)> predicted;
  /// Told what is measured next; may be empty.
  std::function<void(const std::string& what)> progress;
};

/// The chosen schedule of an m, and its time beside that of the default.
struct Outcome {
  int64_t m = 1;
  Schedule tuned;
  double tuned_seconds = 0;
  double default_seconds = 0;
  int64_t place = 1;  // of the chosen one in the order predicted for its layout and m; equals share the first place
  int64_t places = 1;
};

struct Found {
  Layout layout;
  std::vector<Loops> loops;  // one for each range of m, ascending, covering every m
  std::vector<Outcome> outcomes;
  bool is_default = false;  // nothing measured was better than the default over all m
  int64_t measured = 0;     // samples taken
};

/// `resource`: the budget ended before one layout was measured for every m.
Result<Found> search(const Task& task, const Machine& machine);

/// The loops of each m for a range around it: neighbours part at their geometric mean, the first begins at 1, the last has no
/// end, and equal neighbours join.
std::vector<Loops> split_ranges(const std::vector<int64_t>& m, const std::vector<Loops>& loops);

}  // namespace tilejit::search

// The schedule space that `tune` searches: every layout and every loops from small tables of values. What changes bits (`dot`,
// `ks`) belongs to the problem and is not part of it. Each point is legal or carries legal()'s reasons; the order is fixed.
#pragma once

#include <tilejit/result.h>

#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

struct Candidate {
  Schedule schedule;  // for every m: rows=1..*
  Result<void> verdict;
};

/// Panels no wider than the layer, each with every number of streams that it fills.
std::vector<Layout> candidate_layouts(const Problem& resolved, const TargetFacts& target);
/// Every loops under one layout: those of the tables, then the default ones that are not among them.
std::vector<Candidate> candidates(const Problem& resolved, const Layout& layout, const TargetFacts& target);
/// The legal ones of them.
std::vector<Schedule> legal_schedules(const Problem& resolved, const Layout& layout, const TargetFacts& target);

}  // namespace tilejit

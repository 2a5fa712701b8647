// The order in which schedules are measured: by their predicted times, and among equals each register tile in turn.
#pragma once

#include <span>
#include <vector>

#include "jit/schedule.h"

namespace tilejit::search {

/// The schedule without what tells variants of one register tile apart: unroll, prefetch, its spread and the rows of a task.
Schedule tile_of(Schedule schedule);

/// Best first. Times within a percent count as equal, which is less than a static model knows: of equals every register
/// tile shows one schedule before any shows a second, in the order given.
std::vector<Schedule> in_order(const std::vector<Schedule>& schedules, std::span<const double> predicted);

}  // namespace tilejit::search

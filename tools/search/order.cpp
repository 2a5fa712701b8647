#include "tools/search/order.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace tilejit::search {

Schedule tile_of(Schedule schedule) {
  schedule.loops.unroll = 1;
  schedule.loops.prefetch = 0;
  schedule.loops.spread = 1;
  schedule.loops.mc = 0;
  return schedule;
}

std::vector<Schedule> in_order(const std::vector<Schedule>& schedules, std::span<const double> predicted) {
  constexpr double percents = 100;
  std::map<std::pair<double, std::string>, int> shown;  // of a step of time and a tile
  std::vector<std::tuple<double, int, size_t>> keys;
  for (size_t i = 0; i < schedules.size(); ++i) {
    const double step = std::floor(std::log(predicted[i]) * percents);
    keys.emplace_back(step, shown[{step, print_schedule(tile_of(schedules[i]))}]++, i);
  }
  std::sort(keys.begin(), keys.end());
  std::vector<Schedule> order;
  for (const auto& [step, turn, i] : keys) order.push_back(schedules[i]);
  return order;
}

}  // namespace tilejit::search

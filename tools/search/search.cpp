#include "tools/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "jit/candidates.h"
#include "jit/default_schedule.h"
#include "tools/search/order.h"

namespace tilejit::search {
namespace {

constexpr int rounds = 3;            // between two cuts: a median of three forgives one interruption
constexpr size_t most_layouts = 12;  // that are measured
constexpr size_t layout_loops = 4;   // of each layout and m, while layouts compete
constexpr double layouts_share = 0.45;
constexpr double loops_share = 0.45;  // the rest compares with the default
constexpr int compare_rounds = 9;

constexpr double unmeasured = std::numeric_limits<double>::infinity();

Loops covering(const std::vector<Loops>& ranges, int64_t m) {
  Loops loops = loops_for(ranges, m);
  loops.m_lo = 1;
  loops.m_hi = Loops::no_limit;
  return loops;
}

class Search {
 public:
  Search(const Task& task, const Machine& machine)
      : task_(task), machine_(machine), start_(machine.now()),
        default_layout_(default_layout(task.problem, *task.target)),
        default_loops_(default_loops(task.problem, default_layout_, *task.target)) {}

  Result<Found> run() {
    const Layout layout = TRY(choose_layout());
    std::vector<Schedule> chosen;
    for (size_t i = 0; i < task_.m.size(); ++i) chosen.push_back(TRY(choose_loops(layout, i)));
    return compare(chosen);
  }

 private:
  double deadline(double share) const { return start_ + share * task_.budget_seconds; }

  void tell(const std::string& what) const {
    if (task_.progress) task_.progress(what);
  }

  /// In the order predicted for m; under the default layout the default's loops come first.
  std::vector<Schedule> ranked(const std::vector<Schedule>& schedules, const Layout& layout, int64_t m) const {
    std::vector<double> predicted;
    for (const Schedule& schedule : schedules) predicted.push_back(task_.predicted(schedule, m));
    std::vector<Schedule> order = in_order(schedules, predicted);
    if (layout != default_layout_) return order;
    const Schedule by_default{layout, covering(default_loops_, m)};
    order.erase(std::remove(order.begin(), order.end(), by_default), order.end());
    order.insert(order.begin(), by_default);
    return order;
  }

  /// The layouts that compete and their loops for each m: the default's, then the others by predicted regret.
  struct LayoutSpace {
    Layout layout;
    std::vector<std::vector<Schedule>> schedules;  // by m, in the order predicted
    double regret = 0;
  };
  std::vector<LayoutSpace> ranked_layouts() const {
    std::vector<Layout> layouts = candidate_layouts(task_.problem, *task_.target);
    if (std::find(layouts.begin(), layouts.end(), default_layout_) == layouts.end()) layouts.push_back(default_layout_);
    std::vector<LayoutSpace> spaces;
    for (const Layout& layout : layouts) {
      LayoutSpace space{.layout = layout, .schedules = {}};
      const std::vector<Schedule> schedules = legal_schedules(task_.problem, layout, *task_.target);
      for (const int64_t m : task_.m) space.schedules.push_back(ranked(schedules, layout, m));
      if (!space.schedules.front().empty()) spaces.push_back(std::move(space));
    }
    for (size_t i = 0; i < task_.m.size(); ++i) {
      std::vector<double> predicted;
      for (const LayoutSpace& space : spaces) predicted.push_back(best_predicted(space.schedules[i], task_.m[i]));
      const double best = *std::min_element(predicted.begin(), predicted.end());
      if (best == unmeasured) continue;
      for (size_t s = 0; s < spaces.size(); ++s) spaces[s].regret += predicted[s] / best - 1;
    }
    std::stable_sort(spaces.begin(), spaces.end(), [&](const LayoutSpace& a, const LayoutSpace& b) {
      const bool a_default = a.layout == default_layout_;
      const bool b_default = b.layout == default_layout_;
      return a_default != b_default ? a_default : a.regret < b.regret;
    });
    spaces.resize(std::min(spaces.size(), most_layouts));
    return spaces;
  }

  double best_predicted(const std::vector<Schedule>& schedules, int64_t m) const {
    double best = unmeasured;
    for (const Schedule& schedule : schedules) best = std::min(best, task_.predicted(schedule, m));
    return best;
  }

  /// Neighbours in turn are of different layouts, so that each finds its weights out of the caches.
  std::vector<Entry> layout_entries(const std::vector<LayoutSpace>& spaces) const {
    std::vector<Entry> entries;
    for (size_t rank = 0; rank < layout_loops; ++rank)
      for (size_t i = 0; i < task_.m.size(); ++i)
        for (const LayoutSpace& space : spaces)
          if (rank < space.schedules[i].size())
            entries.push_back({.schedule = space.schedules[i][rank], .m = task_.m[i]});
    return entries;
  }

  /// By layout; infinite where an m was not measured.
  std::vector<double> regrets(const Contest& contest, const std::vector<Layout>& layouts) const {
    std::vector<double> regrets(layouts.size(), 0);
    for (const int64_t m : task_.m) {
      std::vector<double> times;
      for (const Layout& layout : layouts) {
        const Entry* best =
            contest.best([&](const Entry& entry) { return entry.m == m && entry.schedule.layout == layout; });
        times.push_back(best != nullptr ? best->median() : unmeasured);
      }
      const double least = *std::min_element(times.begin(), times.end());
      for (size_t i = 0; i < layouts.size(); ++i)
        regrets[i] += times[i] == unmeasured ? unmeasured : times[i] / least - 1;
    }
    return regrets;
  }

  /// The better half of the layouts, best first.
  std::vector<Layout> better_half(const Contest& contest, const std::vector<Layout>& layouts) const {
    const std::vector<double> regret = regrets(contest, layouts);
    std::vector<size_t> order(layouts.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return regret[a] < regret[b]; });
    std::vector<Layout> better;
    for (size_t i = 0; i < (order.size() + 1) / 2; ++i) better.push_back(layouts[order[i]]);
    return better;
  }

  Result<Layout> choose_layout() {
    const std::vector<LayoutSpace> spaces = ranked_layouts();
    std::vector<Layout> layouts;
    for (const LayoutSpace& space : spaces) layouts.push_back(space.layout);
    Contest contest(layout_entries(spaces), machine_);
    TRY(machine_.keep(layouts));
    bool in_time = true;
    while (in_time && layouts.size() > 1) {
      tell(fmt::format("{} layouts", layouts.size()));
      in_time = TRY(contest.play(rounds, deadline(layouts_share)));
      layouts = better_half(contest, layouts);
      if (!in_time) break;
      for (const LayoutSpace& space : spaces)
        for (const int64_t m : task_.m)
          contest.drop_worse_half(
              [&](const Entry& entry) { return entry.m == m && entry.schedule.layout == space.layout; });
      for (Entry& entry : contest.entries())
        if (std::find(layouts.begin(), layouts.end(), entry.schedule.layout) == layouts.end()) entry.in_play = false;
      TRY(machine_.keep(layouts));
    }
    if (layouts.size() == 1 && contest.measured() == 0) return layouts.front();  // there is no other
    if (regrets(contest, {layouts.front()}).front() == unmeasured)
      return resource(
          fmt::format("{}: the budget of {} s ended before one layout was measured for every m; {} s may do",
                      print_problem(task_.problem), task_.budget_seconds, 10 * task_.budget_seconds));
    measured_ += contest.measured();
    for (const int64_t m : task_.m) {
      const Entry* best =
          contest.best([&](const Entry& entry) { return entry.m == m && entry.schedule.layout == layouts.front(); });
      leaders_.push_back(best->schedule);
    }
    return layouts.front();
  }

  /// The layout contest's leader and as many others, in the order predicted, as their share of the time can measure down to
  /// one: with a half dropped after every few rounds, each costs twice the rounds.
  Result<Schedule> choose_loops(const Layout& layout, size_t index) {
    const int64_t m = task_.m[index];
    if (index == 0) TRY(machine_.keep({layout}));
    const double now = machine_.now();
    const double end =
        now + (deadline(layouts_share + loops_share) - now) / static_cast<double>(task_.m.size() - index);
    std::vector<Schedule> schedules = ranked(legal_schedules(task_.problem, layout, *task_.target), layout, m);
    if (index < leaders_.size()) {
      schedules.erase(std::remove(schedules.begin(), schedules.end(), leaders_[index]), schedules.end());
      schedules.insert(schedules.begin(), leaders_[index]);
    }
    tell(fmt::format("loops for m={}", m));
    Contest first({{.schedule = schedules.front(), .m = m}}, machine_);
    TRY(first.play(1, end));
    const double cost = std::max(machine_.now() - now, 1e-9);
    const auto affordable = static_cast<size_t>(std::max(1.0, (end - machine_.now()) / (2 * rounds * cost)));
    schedules.resize(std::min(schedules.size(), affordable));

    std::vector<Entry> entries;
    for (const Schedule& schedule : schedules) entries.push_back({.schedule = schedule, .m = m});
    const Schedule leader = schedules.front();
    Contest contest(std::move(entries), machine_);
    const auto all = [](const Entry&) { return true; };
    for (size_t left = schedules.size(); left > 1; left = (left + 1) / 2) {
      tell(fmt::format("loops for m={}, {} left", m, left));
      if (!TRY(contest.play(rounds, end))) break;
      contest.drop_worse_half(all);
    }
    measured_ += contest.measured() + first.measured();
    const Entry* best = contest.best(all);
    return best != nullptr ? best->schedule : leader;
  }

  /// Chosen and default in turns; the default stays where the chosen ones are not faster over all m.
  Result<Found> compare(const std::vector<Schedule>& chosen) {
    std::vector<Layout> layouts = {chosen.front().layout};
    if (default_layout_ != layouts.front()) layouts.push_back(default_layout_);
    TRY(machine_.keep(layouts));
    tell("comparison with the default");
    std::vector<Entry> entries;
    for (size_t i = 0; i < task_.m.size(); ++i) {
      entries.push_back({.schedule = chosen[i], .m = task_.m[i]});
      entries.push_back({.schedule = {default_layout_, covering(default_loops_, task_.m[i])}, .m = task_.m[i]});
    }
    Contest contest(std::move(entries), machine_);
    TRY(contest.play(1, unmeasured));  // so that there is a comparison, whatever the budget
    TRY(contest.play(compare_rounds - 1, deadline(1)));
    measured_ += contest.measured();
    Found found{.layout = chosen.front().layout, .loops = {}, .outcomes = {}, .measured = measured_};
    double gain = 0;
    std::vector<Loops> loops;
    for (size_t i = 0; i < task_.m.size(); ++i) {
      const double tuned = contest.entries()[2 * i].median();
      const double by_default = contest.entries()[2 * i + 1].median();
      found.outcomes.push_back(
          {.m = task_.m[i], .tuned = chosen[i], .tuned_seconds = tuned, .default_seconds = by_default});
      place(found.outcomes.back());
      gain += by_default / tuned - 1;
      loops.push_back(chosen[i].loops);
    }
    found.loops = split_ranges(task_.m, loops);
    if (gain > 0) return found;
    found.is_default = true;
    found.layout = default_layout_;
    found.loops = default_loops_;
    return found;
  }

  /// Where the prediction had put it.
  void place(Outcome& outcome) const {
    const double chosen = task_.predicted(outcome.tuned, outcome.m);
    const std::vector<Schedule> all = legal_schedules(task_.problem, outcome.tuned.layout, *task_.target);
    outcome.places = static_cast<int64_t>(all.size());
    outcome.place = 1 + std::count_if(all.begin(), all.end(), [&](const Schedule& schedule) {
                      return task_.predicted(schedule, outcome.m) < chosen;
                    });
  }

  const Task& task_;
  const Machine& machine_;
  const double start_;
  const Layout default_layout_;
  const std::vector<Loops> default_loops_;
  std::vector<Schedule> leaders_;  // of the layout contest, by m
  int64_t measured_ = 0;
};

}  // namespace

Result<Found> search(const Task& task, const Machine& machine) { return Search(task, machine).run(); }

std::vector<Loops> split_ranges(const std::vector<int64_t>& m, const std::vector<Loops>& loops) {
  std::vector<Loops> ranges;
  int64_t next = 1;
  for (size_t i = 0; i < m.size(); ++i) {
    Loops range = loops[i];
    range.m_lo = next;
    range.m_hi = Loops::no_limit;
    if (i + 1 < m.size())
      range.m_hi = static_cast<int64_t>(std::sqrt(static_cast<double>(m[i]) * static_cast<double>(m[i + 1])));
    next = range.m_hi + (i + 1 < m.size() ? 1 : 0);
    const auto is_equal = [&](Loops last) {
      last.m_lo = range.m_lo;
      last.m_hi = range.m_hi;
      return last == range;
    };
    if (!ranges.empty() && is_equal(ranges.back()))
      ranges.back().m_hi = range.m_hi;
    else
      ranges.push_back(range);
  }
  return ranges;
}

}  // namespace tilejit::search

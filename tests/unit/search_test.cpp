// The search with a clock and costs of its own: nothing here is measured.
#include "tools/search/search.h"
#include "jit/default_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "jit/candidates.h"
#include "targets/targets.h"

namespace tilejit::search {
namespace {

using Cost = std::function<double(const Schedule& schedule, int64_t m)>;

/// A machine whose calls take what `cost` says, whose clock drifts, and that notes what it was asked.
class FakeMachine {
 public:
  explicit FakeMachine(Cost cost) : cost_(std::move(cost)) {}

  Machine machine() {
    return {.measure = [this](const Schedule& schedule, int64_t m) -> Result<double> {
              const bool kept = std::find(kept_.begin(), kept_.end(), schedule.layout) != kept_.end();
              EXPECT_TRUE(kept) << print_schedule(schedule);
              asked.push_back(print_schedule(schedule));
              layouts.insert(print_layout(schedule.layout));
              const double slow = 1 + drift * std::sin(time);
              time += cost_(schedule, m) * slow;
              return cost_(schedule, m) * slow;
            },
            .keep = [this](const std::vector<Layout>& kept) -> Result<void> {
              kept_ = kept;
              time += keep_seconds;
              return {};
            },
            .now = [this] { return time; }};
  }

  double drift = 0;
  double keep_seconds = 0;
  double time = 100;
  std::vector<std::string> asked;
  std::set<std::string> layouts;

 private:
  Cost cost_;
  std::vector<Layout> kept_;
};

const TargetFacts& zen4() { return (*find_target("zen4"))->facts(); }

Task task_of(std::vector<int64_t> m, double budget, const Cost& predicted) {
  Task task;
  task.problem = *resolve(*parse_problem("w4a16 n=4096 k=4096 g=128"), zen4());
  task.target = &zen4();
  task.m = std::move(m);
  task.budget_seconds = budget;
  task.predicted = predicted;
  return task;
}

/// Best at 96 channels and 4 streams, and at one row of tiles for each m; smooth, so that near is better than far.
double smooth_cost(const Schedule& s, int64_t m) {
  const double panel = std::abs(std::log(s.layout.panel / 96.0));
  const double streams = std::abs(std::log(s.layout.streams / 4.0));
  const double rows = std::abs(std::log(s.loops.mr / std::min<double>(4, static_cast<double>(m))));
  const double rest = (s.loops.unroll == 2 ? 0 : 0.05) + (s.loops.prefetch == 1024 ? 0 : 0.05);
  return 1e-3 * static_cast<double>(m) * (1 + panel + streams + rows + rest);
}

double no_prediction(const Schedule&, int64_t) { return 1; }

TEST(Search, FindsTheBestOfAGoodPrediction) {
  FakeMachine fake(smooth_cost);
  const auto found = search(task_of({1, 8}, 1000, smooth_cost), fake.machine());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->layout.panel, 96);
  EXPECT_EQ(found->layout.streams, 4);
  ASSERT_EQ(found->outcomes.size(), 2u);
  EXPECT_EQ(found->outcomes[0].place, 1) << "the prediction was perfect";
  EXPECT_GT(found->outcomes[0].places, 10);
  EXPECT_EQ(found->outcomes[0].tuned.loops.mr, 1);
  EXPECT_EQ(found->outcomes[0].tuned.loops.unroll, 2);
  EXPECT_EQ(found->outcomes[0].tuned.loops.prefetch, 1024);
  EXPECT_FALSE(found->is_default);
  EXPECT_EQ(found->measured, static_cast<int64_t>(fake.asked.size()));
}

TEST(Search, DriftOfTheMachineChangesNoChoice) {
  FakeMachine fake(smooth_cost);
  fake.drift = 0.3;
  const auto found = search(task_of({1, 8}, 1000, smooth_cost), fake.machine());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->layout.panel, 96);
  EXPECT_EQ(found->layout.streams, 4);
}

TEST(Search, LoopsAreFoundWithoutAnyPredictionWhenTheBudgetAllows) {
  FakeMachine fake(smooth_cost);
  const auto found = search(task_of({2}, 10000, no_prediction), fake.machine());
  ASSERT_TRUE(found);
  const Outcome& outcome = found->outcomes.front();
  for (const Schedule& schedule : legal_schedules(task_of({2}, 1, no_prediction).problem, found->layout, zen4()))
    EXPECT_GE(smooth_cost(schedule, 2), smooth_cost(outcome.tuned, 2) - 1e-12);
}

TEST(Search, ALayoutIsChosenByTheRegretOverAllM) {
  // 64 channels win m=1 by 10 % and lose m=64 by half; 128 are near the best of both.
  const Cost cost = [](const Schedule& s, int64_t m) {
    const double one = s.layout.panel == 64 ? 0.9 : s.layout.panel == 128 ? 1.0 : 2.0;
    const double many = s.layout.panel == 64 ? 1.5 : s.layout.panel == 128 ? 1.0 : 2.0;
    return 1e-3 * (m == 1 ? one : many) * (s.layout.streams == 1 ? 1 : 1.01);
  };
  FakeMachine both(cost);
  EXPECT_EQ(search(task_of({1, 64}, 1000, cost), both.machine())->layout.panel, 128);
  FakeMachine alone(cost);
  EXPECT_EQ(search(task_of({1}, 1000, cost), alone.machine())->layout.panel, 64);
}

TEST(Search, KeepsToTheBudget) {
  for (const double budget : {0.2, 1.0, 5.0, 60.0}) {
    FakeMachine fake([](const Schedule&, int64_t) { return 1e-3; });
    const auto found = search(task_of({1, 16}, budget, no_prediction), fake.machine());
    ASSERT_TRUE(found) << budget;
    EXPECT_LT(fake.time - 100, budget + 0.01) << "one round of the comparison may come late";
    EXPECT_GT(fake.asked.size(), 50u) << budget;
  }
}

TEST(Search, ASmallBudgetGoesToThePredictedBest) {
  const Cost predicted = [](const Schedule& s, int64_t) { return s.layout.panel == 32 ? 1 : 2; };
  FakeMachine fake([](const Schedule&, int64_t) { return 1e-3; });
  const auto found = search(task_of({1}, 0.011, predicted), fake.machine());
  ASSERT_TRUE(found);
  // The default, then the four numbers of streams at 32 channels.
  ASSERT_GE(fake.asked.size(), 5u);
  EXPECT_EQ(parse_schedule(fake.asked[0])->layout, default_layout(task_of({1}, 1, predicted).problem, zen4()));
  for (size_t i = 1; i < 4; ++i) EXPECT_EQ(parse_schedule(fake.asked[i])->layout.panel, 32) << i;
}

TEST(Search, ABudgetForNothingIsAnError) {
  FakeMachine fake([](const Schedule&, int64_t) { return 1.0; });
  const auto found = search(task_of({1, 16}, 0.5, no_prediction), fake.machine());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::resource);
  EXPECT_NE(found.error().message.find("the budget of 0.5 s"), std::string::npos) << found.error().message;
}

TEST(Search, TheDefaultStaysWhereNothingIsFaster) {
  const TargetFacts& facts = zen4();
  const Problem problem = task_of({1}, 1, no_prediction).problem;
  const Layout layout = default_layout(problem, facts);
  const std::vector<Loops> loops = default_loops(problem, layout, facts);
  const Cost cost = [&](const Schedule& s, int64_t) {
    const bool is_default = s.layout == layout && s.loops.mr == loops[0].mr && s.loops.nr == loops[0].nr &&
                            s.loops.unroll == 1 && s.loops.prefetch == 0;
    return is_default ? 1e-3 : 2e-3;
  };
  FakeMachine fake(cost);
  const auto found = search(task_of({1}, 100, no_prediction), fake.machine());
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_default);
  EXPECT_EQ(found->layout, layout);
  EXPECT_EQ(found->loops, loops);
}

TEST(Search, AnErrorOfAMeasurementEndsIt) {
  const Machine machine{.measure = [](const Schedule&, int64_t) -> Result<double> { return resource("no memory"); },
                        .keep = [](const std::vector<Layout>&) -> Result<void> { return {}; },
                        .now = [] { return 0.0; }};
  const auto found = search(task_of({1}, 1, no_prediction), machine);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().message, "no memory");
}

TEST(Search, EverySchedulesIsLegalAndCoversItsRange) {
  FakeMachine fake(smooth_cost);
  const Task task = task_of({1, 16, 256}, 1000, smooth_cost);
  const auto found = search(task, fake.machine());
  ASSERT_TRUE(found);
  int64_t next = 1;
  for (const Loops& loops : found->loops) {
    EXPECT_EQ(loops.m_lo, next);
    EXPECT_TRUE(legal(task.problem, {found->layout, loops}, zen4()));
    next = loops.m_hi == Loops::no_limit ? 0 : loops.m_hi + 1;
  }
  EXPECT_EQ(next, 0);
  EXPECT_LE(fake.layouts.size(), 12u);
}

TEST(SplitRanges, PartAtTheGeometricMean) {
  Loops one;
  Loops four;
  four.mr = 4;
  const auto ranges = split_ranges({1, 16, 100}, {one, four, one});
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0].m_lo, 1);
  EXPECT_EQ(ranges[0].m_hi, 4);
  EXPECT_EQ(ranges[1].m_lo, 5);
  EXPECT_EQ(ranges[1].m_hi, 40);
  EXPECT_EQ(ranges[1].mr, 4);
  EXPECT_EQ(ranges[2].m_lo, 41);
  EXPECT_EQ(ranges[2].m_hi, Loops::no_limit);
}

TEST(SplitRanges, EqualNeighboursJoin) {
  Loops four;
  four.mr = 4;
  const auto ranges = split_ranges({1, 2, 3}, {four, four, Loops()});
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].m_hi, 2);
  EXPECT_EQ(ranges[1].m_lo, 3);
  EXPECT_EQ(split_ranges({7}, {four}).front().m_hi, Loops::no_limit);
}

TEST(Contest, RotatesItsOrderFromRoundToRound) {
  std::vector<int64_t> order;
  const Machine machine{.measure = [&](const Schedule&, int64_t m) -> Result<double> {
                          order.push_back(m);
                          return static_cast<double>(m);
                        },
                        .keep = [](const std::vector<Layout>&) -> Result<void> { return {}; },
                        .now = [] { return 0.0; }};
  std::vector<Entry> entries;
  for (int64_t m = 1; m <= 5; ++m) entries.push_back({.schedule = {}, .m = m});
  Contest contest(std::move(entries), machine);
  ASSERT_TRUE(*contest.play(2, 1.0));
  EXPECT_EQ(order, (std::vector<int64_t>{1, 2, 3, 4, 5, 3, 4, 5, 1, 2}));
  contest.drop_worse_half([](const Entry&) { return true; });
  EXPECT_EQ(contest.best([](const Entry& e) { return e.m > 1; })->m, 2);
  EXPECT_EQ(contest.best([](const Entry& e) { return e.m > 3; }), nullptr) << "4 and 5 were the worse half";
}

}  // namespace
}  // namespace tilejit::search

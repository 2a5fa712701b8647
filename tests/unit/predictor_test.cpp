// The order in which tune measures, by the static model of rows that this machine need not be.
#include "tools/search/predictor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "jit/candidates.h"
#include "jit/default_schedule.h"
#include "targets/targets.h"
#include "tools/search/order.h"

namespace tilejit::search {
namespace {

constexpr const char* usual = "w4a16 n=4096 k=4096 g=128";

Predictor predictor_of(const char* target, std::vector<int64_t> m, int threads = 1) {
  const Target& row = **find_target(target);
  return {*resolve(*parse_problem(usual), row.facts()), row, std::move(m), threads};
}

double cycles(Predictor predictor, const char* schedule, int64_t m) {
  return predictor.cycles(*parse_schedule(schedule), m);
}

TEST(Predictor, ChainsHideTheLatencyOfDotSteps) {
  const Predictor zen4 = predictor_of("zen4", {256});
  EXPECT_LT(2 * cycles(zen4, "panel=64 nr=64 mr=6", 256), cycles(zen4, "panel=64 nr=16 mr=1", 256));
}

TEST(Predictor, RowsShareWhatIsUnpackedAndPaddedRowsAreComputedToo) {
  const Predictor spr = predictor_of("spr", {64});
  EXPECT_LT(cycles(spr, "panel=64 nr=64 mr=3", 64), cycles(spr, "panel=64 nr=64 mr=1", 64));
  const Predictor zen4 = predictor_of("zen4", {4});
  EXPECT_LT(cycles(zen4, "panel=64 nr=64 mr=4", 4), cycles(zen4, "panel=64 nr=64 mr=5", 4));
}

TEST(Predictor, OneRowReadsFasterAheadOrThroughSeveralStreams) {
  const Predictor spr = predictor_of("spr", {1});
  EXPECT_LT(cycles(spr, "panel=64 nr=64 prefetch=4096", 1), cycles(spr, "panel=64 nr=64", 1));
  EXPECT_LT(cycles(spr, "panel=64 streams=4 nr=64", 1), cycles(spr, "panel=64 nr=64", 1));
  EXPECT_LT(cycles(spr, "panel=16 streams=8 nr=16 prefetch=1024", 1),
            cycles(spr, "panel=16 streams=8 nr=16 sr=2 prefetch=1024", 1));
}

TEST(Predictor, NoCallIsFasterThanMemory) {
  const TargetFacts& facts = (*find_target("zen4"))->facts();
  EXPECT_GE(cycles(predictor_of("zen4", {1}), "panel=64 nr=64", 1), 4096.0 * 4096 / 2 / facts.memory_bytes_per_cycle);
}

TEST(Predictor, ThreadsWaitForTheOneWithTheMostTasks) {
  const char* two_tasks = "panel=256 streams=8 nr=16";
  EXPECT_NEAR(cycles(predictor_of("zen4", {1}, 16), two_tasks, 1) / cycles(predictor_of("zen4", {1}), two_tasks, 1),
              0.5, 0.05);
  EXPECT_LT(cycles(predictor_of("zen4", {1}, 16), "panel=64 nr=64", 1),
            cycles(predictor_of("zen4", {1}, 16), two_tasks, 1) / 4);
}

TEST(Predictor, AVariantThatTimeDidNotReachIsAsItsTile) {
  Predictor predictor = predictor_of("spr", {1});
  const Schedule tile = *parse_schedule("panel=64 nr=64 prefetch=8192");
  const Schedule variant = *parse_schedule("panel=64 nr=64 prefetch=0");
  predictor.predict({variant, tile}, [] { return false; });
  EXPECT_TRUE(std::isinf(predictor.cycles(tile, 1)));
  std::atomic<int> asked = 0;
  predictor.predict({variant, tile}, [&] { return asked++ < 1; });
  EXPECT_FALSE(std::isinf(predictor.cycles(tile, 1)));
  EXPECT_EQ(predictor.cycles(variant, 1), predictor.cycles(tile, 1));
  predictor.predict({variant, tile}, [] { return true; });
  EXPECT_LT(predictor.cycles(tile, 1), predictor.cycles(variant, 1));
}

/// A block of k in place has its own tile, which time comes to before any variant, and a shared prefetch is a variant.
TEST(Predictor, ABlockInPlaceStandsForItsVariants) {
  Predictor predictor = predictor_of("spr", {64});
  const Schedule block = *parse_schedule("panel=64 nr=64 mr=2 kc=1024 mc=64");
  const Schedule variant = *parse_schedule("panel=64 nr=64 mr=2 kc=1024 mc=64 unroll=4 prefetch=32768 spread=16");
  EXPECT_EQ(tile_of(block), tile_of(variant));
  std::atomic<int> asked = 0;
  predictor.predict({block, variant}, [&] { return asked++ < 1; });
  EXPECT_FALSE(std::isinf(predictor.cycles(block, 64)));
  EXPECT_EQ(predictor.cycles(variant, 64), predictor.cycles(block, 64));
}

TEST(Predictor, WithoutAModelAllAreAlike) {
  Predictor ref = predictor_of("ref", {1});
  const Schedule narrow = *parse_schedule("panel=64 nr=16");
  ref.predict({narrow}, [] { return true; });
  EXPECT_EQ(ref.cycles(narrow, 1), ref.cycles(*parse_schedule("panel=64 nr=64"), 1));
}

TEST(Order, OfALayoutIsTheSameEachTimeAndHoldsTheDefaultFarInFront) {
  const TargetFacts& facts = (*find_target("zen4"))->facts();
  const Problem problem = *resolve(*parse_problem(usual), facts);
  const std::vector<Schedule> schedules = legal_schedules(problem, default_layout(problem, facts), facts);
  const auto order = [&] {
    Predictor predictor = predictor_of("zen4", {16});
    predictor.predict(schedules, [] { return true; });
    std::vector<double> predicted;
    for (const Schedule& schedule : schedules) predicted.push_back(predictor.cycles(schedule, 16));
    return in_order(schedules, predicted);
  };
  const std::vector<Schedule> first = order();
  EXPECT_EQ(first, order());
  EXPECT_EQ(first.size(), schedules.size());
  Schedule by_default = default_schedule(problem, 16, facts);
  by_default.loops.m_lo = 1;
  by_default.loops.m_hi = Loops::no_limit;
  const auto place = std::find(first.begin(), first.end(), by_default) - first.begin();
  EXPECT_LT(place, static_cast<int64_t>(first.size()) / 3);
}

TEST(Order, EqualTilesTakeTurns) {
  const std::vector<Schedule> schedules = {*parse_schedule("mr=1 unroll=1"), *parse_schedule("mr=1 unroll=2"),
                                           *parse_schedule("mr=1 prefetch=1024"), *parse_schedule("mr=2"),
                                           *parse_schedule("mr=3")};
  const std::vector<double> predicted = {1.000, 1.001, 1.002, 1.001, 0.9};
  const std::vector<Schedule> order = in_order(schedules, predicted);
  EXPECT_EQ(order, (std::vector<Schedule>{schedules[4], schedules[0], schedules[3], schedules[1], schedules[2]}));
}

}  // namespace
}  // namespace tilejit::search

// A library's configurations in the turns, by layers of peers that copy a known output and move a clock of their own.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/contestant.h"
#include "tools/report/operands.h"

namespace tilejit::peers {
namespace {

constexpr const char* line = "w16a16 n=16 k=32 a=f32 dot=fma ks=1";
constexpr int64_t rows = 2;

/// What a configuration does: it takes so long, adds `error` to the first output, and fails from a call on.
struct Fake {
  std::string configuration;
  double seconds;
  float error = 0;
  int calls_that_work = 1 << 30;
};

/// The operands, their product, and a clock that only the configurations move.
struct Stage {
  Problem problem = *parse_problem(line);
  Weights weights = report::random_weights(problem, 1);
  PlainWeights plain = plain_weights(problem, weights);
  PlainActivations a = plain_activations(problem, report::random_matrix(problem.a, rows, problem.k, 2));
  PeerReference reference{plain, a};
  std::vector<float> product;
  double now = 0;
  std::vector<int> calls;  // of each configuration

  Stage() {
    const std::vector<float> w = f32_weights(plain);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t n = 0; n < problem.n; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < problem.k; ++k)
          sum += double{a.f32[static_cast<size_t>(r * problem.k + k)]} * w[static_cast<size_t>(k * problem.n + n)];
        product.push_back(static_cast<float>(sum));
      }
  }

  bool run(const Fake& fake, size_t index, void* out) {
    now += fake.seconds;
    if (++calls[index] > fake.calls_that_work) return false;
    std::vector<float> result = product;
    result[0] += fake.error;
    std::memcpy(out, result.data(), result.size() * sizeof(float));
    return true;
  }

  PeerCalls calls_of(const std::vector<Fake>& fakes) {
    PeerCalls all{.calls = {}, .reason = "no such multiplication"};
    calls.assign(fakes.size(), 0);
    for (size_t i = 0; i < fakes.size(); ++i)
      all.calls.push_back({.configuration = fakes[i].configuration,
                           .a = Form::f32,
                           .out = Type::f32,
                           .rel_l2_limit = 1e-5,
                           .copies = 3,
                           .run = [this, fake = fakes[i], i](int64_t, void* out) { return run(fake, i, out); }});
    return all;
  }

  PeerLayer layer_of(const std::vector<Fake>& fakes) {
    return {.name = "Fake 1.0",
            .calls = [this, fakes](const PlainActivations&, int) -> Result<PeerCalls> { return calls_of(fakes); },
            .use_threads = [](int) {}};
  }
};

report::Row our_row() {
  report::Row row;
  row.problem = line;
  row.m = rows;
  row.threads = 1;
  row.target = "zen4";
  row.schedule = "ours";
  row.time_us = 1000;
  row.gbps = 40;
  row.roof = "read x8 streams";
  row.roof_share = 0.8;
  row.read_share = 0.6;
  row.ok = true;
  return row;
}

/// The library's rows after some turns.
std::vector<report::Row> rows_after(const std::vector<Fake>& fakes, int turns, std::vector<int>* calls = nullptr) {
  Stage stage;
  const PeerLayer layer = stage.layer_of(fakes);
  PeerContestant contestant(layer, stage.problem.n, stage.a, 1, [&] { return stage.now; });
  EXPECT_TRUE(contestant.prepare(stage.reference));
  for (int i = 0; i < turns; ++i) contestant.measure();
  if (calls != nullptr) *calls = stage.calls;
  return contestant.results(our_row());
}

TEST(PeerContestant, TheFastestRightConfigurationIsMeasuredAgainstOurs) {
  const auto rows_of_peer = rows_after({{"slower", 0.005}, {"right", 0.004}, {"wrong", 0.001, 1.0f}}, 3);
  ASSERT_EQ(rows_of_peer.size(), 2u);
  const report::Row& best = rows_of_peer[0];
  EXPECT_EQ(best.peer, "Fake 1.0");
  EXPECT_EQ(best.schedule, "right");
  EXPECT_EQ(best.problem, line);
  EXPECT_EQ(best.ok, true);
  EXPECT_EQ(best.note, "");
  EXPECT_NEAR(best.time_us.value(), 4000, 1e-6);
  EXPECT_NEAR(best.relative.value(), 4, 1e-9);
  EXPECT_NEAR(best.gbps.value(), 10, 1e-9);
  EXPECT_EQ(best.roof, "read x8 streams");
  EXPECT_NEAR(best.roof_share.value(), 0.2, 1e-9);
  EXPECT_NEAR(best.read_share.value(), 0.15, 1e-9);
  EXPECT_FALSE(best.gflops);
  const report::Row& wrong = rows_of_peer[1];
  EXPECT_EQ(wrong.schedule, "wrong");
  EXPECT_EQ(wrong.ok, false);
  EXPECT_FALSE(wrong.time_us || wrong.relative);
  EXPECT_TRUE(wrong.note.starts_with("wrong: out[0,0] = ")) << wrong.note;
}

TEST(PeerContestant, AnErrorLeavesTheTurns) {
  // One call for the check, two that choose five for a sample: the first error comes in each, or in the second sample.
  for (const int calls_that_work : {0, 1, 3, 8}) {
    std::vector<int> calls;
    const auto rows_of_peer = rows_after({{"right", 0.005}, {"fails", 0.004, 0, calls_that_work}}, 4, &calls);
    ASSERT_EQ(rows_of_peer.size(), 2u) << calls_that_work;
    EXPECT_EQ(rows_of_peer[0].schedule, "right");
    EXPECT_NEAR(rows_of_peer[0].relative.value(), 5, 1e-9) << calls_that_work;
    const report::Row& failed = rows_of_peer[1];
    EXPECT_EQ(failed.schedule, "fails");
    EXPECT_FALSE(failed.ok || failed.time_us || failed.relative || failed.rel_l2) << calls_that_work;
    EXPECT_TRUE(failed.note.starts_with("unsupported: the library reports an error")) << failed.note;
    EXPECT_EQ(calls[1], calls_that_work + 1) << "it is called again after its error";
  }
}

TEST(PeerContestant, OneThatFailsAloneHasNoTime) {
  const auto rows_of_peer = rows_after({{"fails", 0.004, 0, 1}}, 2);
  ASSERT_EQ(rows_of_peer.size(), 1u);
  EXPECT_FALSE(rows_of_peer[0].time_us || rows_of_peer[0].relative);
  EXPECT_EQ(peer_summary(rows_of_peer), "");
}

TEST(PeerContestant, AHopelessConfigurationIsNotSampled) {
  std::vector<int> calls;
  const auto rows_of_peer = rows_after({{"hopeless", 0.007}, {"right", 0.004}}, 3, &calls);
  ASSERT_EQ(rows_of_peer.size(), 1u);
  EXPECT_EQ(rows_of_peer[0].schedule, "right");
  EXPECT_EQ(calls, (std::vector<int>{3, 3 + 3 * 5}));
}

TEST(PeerContestant, ALibraryWithoutConfigurationsSaysWhy) {
  const auto rows_of_peer = rows_after({}, 1);
  ASSERT_EQ(rows_of_peer.size(), 1u);
  EXPECT_EQ(rows_of_peer[0].peer, "Fake 1.0");
  EXPECT_EQ(rows_of_peer[0].target, "zen4");
  EXPECT_EQ(rows_of_peer[0].threads, 1);
  EXPECT_EQ(rows_of_peer[0].note, "unsupported: no such multiplication");
  EXPECT_FALSE(rows_of_peer[0].schedule || rows_of_peer[0].time_us || rows_of_peer[0].ok);
}

TEST(PeerContestant, AWrongPeerDoesNotChangeTheStatus) {
  std::vector<report::Row> all = rows_after({{"wrong", 0.001, 1.0f}}, 1);
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].ok, false);
  all.push_back(our_row());
  EXPECT_EQ(report::exit_status_of(all), 0);
  all.back().ok = false;
  EXPECT_EQ(report::exit_status_of(all), 1);
}

report::Row relative_row(const std::string& problem, int threads, std::optional<double> relative) {
  report::Row row;
  row.problem = problem;
  row.threads = threads;
  row.relative = relative;
  return row;
}

TEST(PeerSummary, TakesTheFastestPeerOfEachProblemAndThreads) {
  const std::vector<report::Row> all = {
      relative_row("a", 1, {}),  relative_row("a", 1, 8.0), relative_row("a", 1, 2.0),
      relative_row("a", 2, 4.0), relative_row("b", 1, 0.5), relative_row("b", 1, 3.0),
  };
  EXPECT_EQ(peer_summary(all), "fastest peer's time / ours: geometric mean 1.59 of 3, lowest 0.50 (b, 1 threads)\n");
  EXPECT_EQ(peer_summary(std::vector{relative_row("a", 1, {})}), "");
}

}  // namespace
}  // namespace tilejit::peers

#include "runtime/threads.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace tilejit {
namespace {

/// Counts how often each task ran, and checks that no task of a phase starts before the phase ahead has ended.
struct Recorder {
  explicit Recorder(int64_t tasks, Recorder* ahead = nullptr) : runs(static_cast<size_t>(tasks)), previous(ahead) {}

  std::vector<std::atomic<int>> runs;
  Recorder* previous;
  std::atomic<int64_t> done = 0;
  std::atomic<int> highest_thread = 0;
  std::atomic<bool> too_early = false;
  std::atomic<bool> in_openmp = false;

  static void run(void* context, int64_t task, int thread) {
    auto& self = *static_cast<Recorder*>(context);
    if (self.previous != nullptr && self.previous->done != static_cast<int64_t>(self.previous->runs.size()))
      self.too_early = true;
    self.runs[static_cast<size_t>(task)]++;
    if (omp_in_parallel() != 0) self.in_openmp = true;
    for (int seen = self.highest_thread; thread > seen && !self.highest_thread.compare_exchange_weak(seen, thread);)
      continue;
    self.done++;
  }
  Phase phase() { return {.tasks = static_cast<int64_t>(runs.size()), .run = run, .context = this}; }
  void expect_each_once() const {
    for (size_t i = 0; i < runs.size(); ++i) EXPECT_EQ(runs[i], 1) << "task " << i;
    EXPECT_FALSE(too_early);
  }
};

/// A caller's pool: `count` fresh threads that share out the tasks.
Threads caller_threads(int count, std::atomic<int>* calls = nullptr) {
  return {.max_threads = count, .parallel_for = [count, calls](int64_t tasks, const auto& fn) {
            if (calls != nullptr) ++*calls;
            std::atomic<int64_t> next = 0;
            std::vector<std::thread> pool;
            for (int t = 0; t < count; ++t) {
              pool.emplace_back([&, t] {
                for (int64_t task = next++; task < tasks; task = next++) fn(task, t);
              });
            }
            for (std::thread& thread : pool) thread.join();
          }};
}

TEST(Threads, EveryTaskRunsOnceAndPhasesWait) {
  for (const int count : {1, 2, 3, 8}) {
    for (const bool own_pool : {false, true}) {
      for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
        SCOPED_TRACE(testing::Message() << count << " threads, own pool " << own_pool << ", " << tasks << " tasks");
        Recorder first(tasks);
        Recorder second(3 * tasks, &first);
        Recorder third(1, &second);
        const std::vector<Phase> phases = {first.phase(), second.phase(), third.phase()};
        run_phases(phases, own_pool ? caller_threads(count) : Threads{.max_threads = count, .parallel_for = {}}, count);
        for (const Recorder* r : {&first, &second, &third}) {
          r->expect_each_once();
          EXPECT_LT(r->highest_thread, count);
        }
      }
    }
  }
}

TEST(Threads, OneThreadEntersNeitherOpenMpNorTheCallersPool) {
  std::atomic<int> calls = 0;
  for (const Threads& threads : {Threads{.max_threads = 1, .parallel_for = {}}, caller_threads(1, &calls)}) {
    Recorder recorder(100);
    const Phase phase = recorder.phase();
    run_phases({&phase, 1}, threads, 1);
    recorder.expect_each_once();
    EXPECT_FALSE(recorder.in_openmp);
  }
  EXPECT_EQ(calls, 0);
}

TEST(Threads, OneTaskStaysOnTheCallingThread) {
  Recorder recorder(1);
  const Phase phase = recorder.phase();
  run_phases({&phase, 1}, {}, 8);
  recorder.expect_each_once();
  EXPECT_FALSE(recorder.in_openmp);
}

TEST(Threads, SmallPhasesOpenNoRegionButRunInOne) {
  for (const int64_t large_tasks : {0, 100}) {
    Recorder small(100);
    Recorder large(large_tasks, &small);
    std::vector<Phase> phases = {small.phase(), large.phase()};
    phases[0].is_small = true;
    run_phases(phases, {}, 3);
    small.expect_each_once();
    large.expect_each_once();
    EXPECT_EQ(small.in_openmp, large_tasks > 0);
  }
}

TEST(Threads, ACallersPoolIsUsedAsGiven) {
  std::atomic<int> calls = 0;
  Recorder recorder(100);
  Phase phase = recorder.phase();
  phase.is_small = true;
  run_phases({&phase, 1}, caller_threads(2, &calls), 2);
  recorder.expect_each_once();
  EXPECT_EQ(calls, 1);
}

/// A region of fewer threads would end the others, and the next full one would start them again.
TEST(Threads, EveryRegionHasAllThreads) {
  for (const int64_t tasks : {2, 3, 100}) {
    static std::atomic<int> widest = 0;
    const auto note = [](void*, int64_t, int) { widest = std::max<int>(widest, omp_get_num_threads()); };
    widest = 0;
    const Phase phase{.tasks = tasks, .run = note, .context = nullptr};
    run_phases({&phase, 1}, {}, 4);
    EXPECT_EQ(widest, 4) << tasks << " tasks";
  }
}

TEST(Threads, WorksInsideACallersParallelRegion) {
  std::atomic<int> bad = 0;
#pragma omp parallel num_threads(2)
  {
    Recorder recorder(50);
    const Phase phase = recorder.phase();
    run_phases({&phase, 1}, {}, 4);
    for (const auto& runs : recorder.runs) bad += runs != 1 ? 1 : 0;
  }
  EXPECT_EQ(bad, 0);
}

TEST(Threads, CountIsCheckedAndDefaultsToOpenMp) {
  EXPECT_EQ(*thread_count({}), omp_get_max_threads());
  EXPECT_EQ(*thread_count({.max_threads = 3, .parallel_for = {}}), 3);
  const auto negative = thread_count({.max_threads = -1, .parallel_for = {}});
  ASSERT_FALSE(negative.ok());
  EXPECT_EQ(negative.error().kind, ErrorKind::invalid);
  const auto uncounted = thread_count(caller_threads(0));
  ASSERT_FALSE(uncounted.ok());
  EXPECT_NE(uncounted.error().message.find("parallel_for"), std::string::npos);
}

}  // namespace
}  // namespace tilejit

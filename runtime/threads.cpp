#include "runtime/threads.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "ir/check.h"

namespace tilejit {
namespace {

constexpr size_t max_phases = 4;

/// The next task of each phase that no thread has taken; each on a cache line of its own.
struct alignas(64) Counter {
  std::atomic<int64_t> next = 0;
};

void run_serial(const Phase& phase) {
  for (int64_t task = 0; task < phase.tasks; ++task) phase.run(phase.context, task, 0);
}

/// Takes a few tasks at a time: 16 takes per thread keep the counter cold and the imbalance below a sixteenth.
void take_tasks(const Phase& phase, Counter& counter, int count, int thread) {
  const int64_t chunk = std::max<int64_t>(1, phase.tasks / (int64_t{16} * count));
  for (;;) {
    const int64_t first = counter.next.fetch_add(chunk, std::memory_order_relaxed);
    if (first >= phase.tasks) return;
    const int64_t last = std::min(first + chunk, phase.tasks);
    for (int64_t task = first; task < last; ++task) phase.run(phase.context, task, thread);
  }
}

/// All `count` threads, however few the tasks: libgomp ends the threads that a smaller region leaves out, and a later call
/// would start them again.
void run_openmp(std::span<const Phase> phases, int count) {
  CHECK(phases.size() <= max_phases, "more phases than a program has kernels");
  std::array<Counter, max_phases> counters;
#pragma omp parallel num_threads(count)
  {
    const int thread = omp_get_thread_num();
    for (size_t i = 0; i < phases.size(); ++i) {
      if (i > 0) {
#pragma omp barrier
      }
      take_tasks(phases[i], counters[i], count, thread);
    }
  }
}

}  // namespace

Result<int> thread_count(const Threads& threads) {
  if (threads.max_threads < 0)
    return invalid(fmt::format("max_threads={} is negative; 0 is OpenMP's default", threads.max_threads));
  if (threads.parallel_for && threads.max_threads == 0) {
    return invalid("max_threads=0 with a parallel_for: say how many threads it uses");
  }
  return threads.max_threads == 0 ? std::max(1, omp_get_max_threads()) : threads.max_threads;
}

void run_phases(std::span<const Phase> phases, const Threads& threads, int count) {
  const bool openmp = !threads.parallel_for;
  const auto is_shared = [&](const Phase& phase) { return phase.tasks > 1 && !(openmp && phase.is_small); };
  if (count == 1 || std::none_of(phases.begin(), phases.end(), is_shared)) {
    for (const Phase& phase : phases) run_serial(phase);
    return;
  }
  if (openmp) return run_openmp(phases, count);
  for (const Phase& phase : phases) {
    if (phase.tasks <= 1) {
      run_serial(phase);
      continue;
    }
    // One captured pointer fits std::function's own buffer: nothing is allocated.
    threads.parallel_for(phase.tasks, [p = &phase](int64_t task, int thread) { p->run(p->context, task, thread); });
  }
}

}  // namespace tilejit

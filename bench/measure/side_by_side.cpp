#include "bench/measure/side_by_side.h"

#include <atomic>
#include <thread>
#include <vector>

#include "bench/measure/clock.h"

namespace tilejit::measure {

double side_by_side(int threads, const std::function<void(int thread)>& work) {
  std::atomic<int> ready{1};
  std::atomic<bool> go{threads == 1};
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back([&, thread] {
      ready.fetch_add(1);
      go.wait(false);
      work(thread);
    });
  while (ready.load() < threads) std::this_thread::yield();
  const double start = now();
  go.store(true);
  go.notify_all();
  work(0);
  for (std::jthread& other : others) other.join();
  return now() - start;
}

}  // namespace tilejit::measure

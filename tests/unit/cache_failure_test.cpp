// Memory that runs out while the cache keeps a new program: those who wait for it are woken, and the cache stays whole.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "runtime/cache.h"

namespace tilejit {
namespace {

/// Leaves the process a few MiB of address space.
class ScarceMemory {
 public:
  ScarceMemory() {
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &old_);
    rlimit low = old_;
    low.rlim_cur = static_cast<rlim_t>(pages * 4096 + (int64_t{16} << 20));
    setrlimit(RLIMIT_AS, &low);
  }
  ~ScarceMemory() { setrlimit(RLIMIT_AS, &old_); }
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;

 private:
  rlimit old_{};
};

TEST(CacheFailure, AProgramThatCannotBeKeptStillWakesThoseWhoWait) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer aborts when memory is exhausted";
#endif
  static KernelCache cache;  // a waiter that hangs must not meet its end
  static CacheKey key = key_of_text("x");
  key.text.assign(size_t{64} << 20, 'x');  // insert copies it, and cannot
  static std::atomic<bool> compiling = false;
  static std::atomic<bool> woken = false;
  static std::optional<ScarceMemory> scarce;
  std::thread waiter([] {
    compiling.wait(false);
    woken = cache.get(key, []() -> Result<Executable> { return Executable(); }).ok();
  });
  const auto compile = []() -> Result<Executable> {
    compiling = true;
    compiling.notify_one();
    while (cache.stats().hits == 0) std::this_thread::yield();
    scarce.emplace();
    Executable program;
    program.bytes = 10;
    return program;
  };
  EXPECT_THROW(static_cast<void>(cache.get(key, compile)), std::bad_alloc);
  scarce.reset();
  for (int i = 0; i < 200 && !woken; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(woken);
  woken ? waiter.join() : waiter.detach();
  EXPECT_EQ(cache.stats().entries, 0);
  EXPECT_EQ(cache.stats().bytes, 0);
}

}  // namespace
}  // namespace tilejit

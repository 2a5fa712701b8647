#include "runtime/cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/build_id.h"

namespace tilejit {
namespace {

using Handle = KernelCache::Handle;

KernelCache::Compile of_bytes(int64_t bytes, std::atomic<int>* compiles = nullptr) {
  return [=]() -> Result<Executable> {
    if (compiles != nullptr) ++*compiles;
    Executable program;
    program.bytes = bytes;
    return program;
  };
}

Problem problem_of(std::string_view line) {
  auto problem = parse_problem(line);
  EXPECT_TRUE(problem.ok()) << problem.error().message;
  return *problem;
}

TEST(Cache, CompilesOnceAndThenHits) {
  KernelCache cache;
  std::atomic<int> compiles = 0;
  const auto first = cache.get(key_of_text("a"), of_bytes(10, &compiles));
  const auto second = cache.get(key_of_text("a"), of_bytes(10, &compiles));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->get(), second->get());
  EXPECT_EQ(compiles, 1);
  const CacheStats stats = cache.stats();
  EXPECT_EQ(stats.hits, 1);
  EXPECT_EQ(stats.misses, 1);
  EXPECT_EQ(stats.entries, 1);
  EXPECT_EQ(stats.bytes, 10);
}

/// Asks for one key from `count` threads; a compilation goes on when each of them waits for one or has begun one.
std::vector<Result<Handle>> get_together(KernelCache& cache, int count, const KernelCache::Compile& compile) {
  std::latch asked(1);
  const auto held = [&] {
    asked.wait();
    return compile();
  };
  std::vector<Result<Handle>> results(static_cast<size_t>(count), Handle());
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = cache.get(key_of_text("together"), held); });
  for (CacheStats stats; stats.hits + stats.misses < count; stats = cache.stats()) std::this_thread::yield();
  asked.count_down();
  for (std::thread& thread : threads) thread.join();
  return results;
}

TEST(Cache, EightThreadsShareOneCompilation) {
  KernelCache cache;
  std::atomic<int> compiles = 0;
  const auto slow = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return of_bytes(1, &compiles)();
  };
  const auto results = get_together(cache, 8, slow);
  EXPECT_EQ(compiles, 1);
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(*result, *results[0]);
  }
  EXPECT_EQ(cache.stats().hits, 7);
  EXPECT_GE(cache.stats().compile_us, 5'000);
}

TEST(Cache, AnErrorReachesThoseWhoWaitAndIsNotKept) {
  KernelCache cache;
  std::atomic<int> tries = 0;
  const auto failing = [&]() -> Result<Executable> {
    ++tries;
    return resource("no registers");
  };
  for (const auto& result : get_together(cache, 4, failing)) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message, "no registers");
  }
  EXPECT_EQ(tries, 1);
  EXPECT_TRUE(cache.get(key_of_text("together"), of_bytes(1)).ok());
}

TEST(Cache, AnExceptionIsAnError) {
  KernelCache cache;
  const auto throwing = []() -> Result<Executable> { throw std::bad_alloc(); };
  const auto result = cache.get(key_of_text("x"), throwing);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind, ErrorKind::resource);
  EXPECT_TRUE(cache.get(key_of_text("x"), of_bytes(1)).ok());
}

TEST(Cache, DropsTheLeastRecentlyUsedThatNobodyHolds) {
  KernelCache cache(30);
  const Handle held = *cache.get(key_of_text("held"), of_bytes(10));
  const auto touch = [&](const char* key) { return cache.get(key_of_text(key), of_bytes(10)).ok(); };
  ASSERT_TRUE(touch("b") && touch("c") && touch("b"));
  ASSERT_TRUE(touch("d"));  // held is the oldest but in use; c is the oldest free one
  EXPECT_EQ(cache.stats().evictions, 1);
  EXPECT_EQ(cache.stats().bytes, 30);
  const int64_t misses = cache.stats().misses;
  ASSERT_TRUE(touch("held") && touch("b") && touch("d"));
  EXPECT_EQ(cache.stats().misses, misses);
  ASSERT_TRUE(touch("c"));
  EXPECT_EQ(cache.stats().misses, misses + 1);
}

TEST(Cache, AProgramOverTheCapacityStillRuns) {
  KernelCache cache(5);
  EXPECT_TRUE(cache.get(key_of_text("large"), of_bytes(100)).ok());
  EXPECT_TRUE(cache.get(key_of_text("next"), of_bytes(100)).ok());
  EXPECT_LE(cache.stats().entries, 1);
}

TEST(Cache, TheCapacityIsASettingInMebibytes) {
  EXPECT_EQ(*cache_capacity(nullptr), KernelCache::default_capacity);
  EXPECT_EQ(*cache_capacity("0"), 0);
  EXPECT_EQ(*cache_capacity("256"), int64_t{256} << 20);
  for (const char* bad : {"", "many", "-1", "1.5", "64M", "1048577"}) {
    const auto capacity = cache_capacity(bad);
    ASSERT_FALSE(capacity) << bad;
    EXPECT_NE(capacity.error().message.find("TILEJIT_KERNEL_CACHE_MIB"), std::string::npos);
  }
}

TEST(CacheKey, NamesEverythingThatCanChangeAByte) {
  const Problem problem = problem_of("w4a16 m=* n=64 k=128 a=bf16 g=32 dot=fma ks=1");
  const TargetFacts target{.name = "zen4", .identity = "features 1"};
  const Schedule schedule;
  const CacheKey key = cache_key(problem, schedule, target, Device::native);
  for (const std::string& part :
       {std::string("w4a16"), std::string("zen4"), std::string("features 1"), build_id(), std::string("panel=")}) {
    EXPECT_NE(key.text.find(part), std::string::npos) << part << " in " << key.text;
  }
  EXPECT_EQ(key.hex().size(), 32u);

  Schedule unrolled = schedule;
  unrolled.loops.unroll = 4;
  Schedule wide = schedule;
  wide.layout.panel = 128;
  TargetFacts other_row = target;
  other_row.name = "zen5";
  TargetFacts other_features = target;
  other_features.identity = "features 2";
  const std::vector<CacheKey> different = {
      cache_key(problem_of("w4a16 m=* n=65 k=128 a=bf16 g=32 dot=fma ks=1"), schedule, target, Device::native),
      cache_key(problem_of("w4a16 m=* n=64 k=128 a=bf16 g=32 dot=fma ks=2"), schedule, target, Device::native),
      cache_key(problem, unrolled, target, Device::native),
      cache_key(problem, wide, target, Device::native),
      cache_key(problem, schedule, other_row, Device::native),
      cache_key(problem, schedule, other_features, Device::native),
      cache_key(problem, schedule, target, Device::emulated)};
  for (const CacheKey& other : different) {
    EXPECT_NE(key, other) << other.text;
    EXPECT_NE(key.hex(), other.hex());
  }
}

TEST(CacheKey, LeavesOutWhatOnlySaysWhenAKernelIsUsed) {
  const TargetFacts target{.name = "zen4", .identity = ""};
  Schedule ranged;
  ranged.loops.m_lo = 5;
  ranged.loops.m_hi = 9;
  EXPECT_EQ(cache_key(problem_of("w4a16 m=7 n=64 k=128 a=bf16 ks=1 dot=fma"), ranged, target, Device::native),
            cache_key(problem_of("w4a16 m=* n=64 k=128 a=bf16 ks=1 dot=fma"), {}, target, Device::native));
}

TEST(BuildId, IsTheNoteOfThisExecutable) {
  EXPECT_EQ(build_id().size(), 40u) << build_id();  // --build-id=sha1
  EXPECT_EQ(build_id().find_first_not_of("0123456789abcdef"), std::string::npos) << build_id();
}

}  // namespace
}  // namespace tilejit

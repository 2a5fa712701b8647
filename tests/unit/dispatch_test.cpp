// The way from a call to machine code, with code that only returns: it runs on any x86-64 machine.
#include "runtime/dispatch.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <mutex>

#include "tests/unit/allocations.h"
#include "tests/unit/locks.h"
#include "tools/report/empty_calls.h"

namespace tilejit {
namespace {

TEST(Dispatch, AHitTakesNoLockAndAllocatesNothing) {
  std::mutex mutex;
  const int64_t unlocked = test::locks();
  { const std::lock_guard lock(mutex); }
  ASSERT_EQ(test::locks(), unlocked + 1) << "a lock is not seen";

  auto calls = report::make_empty_calls(1);
  ASSERT_TRUE(calls) << calls.error().message;
  ASSERT_TRUE(calls->dispatch->run(calls->call));  // the arena grows
  const int64_t allocations = test::allocations();
  const int64_t locks = test::locks();
  const size_t used = mallinfo2().uordblks;
  const int64_t seen = test::locks() - locks;  // by mallinfo2 itself
  bool ok = true;
  for (int i = 0; i < 100; ++i) ok &= calls->dispatch->run(calls->call).ok();
  EXPECT_EQ(test::locks(), locks + seen);
  EXPECT_EQ(test::allocations(), allocations);
  EXPECT_EQ(mallinfo2().uordblks, used);
  EXPECT_TRUE(ok);
}

TEST(Dispatch, TheFirstCallOfARangeCompilesAndOnlyThat) {
  int compiled = 0;
  const Problem problem = *parse_problem("w4a16 n=16 k=8 a=f32 s=f32 dot=fma ks=1");
  const auto compile = [&](const Schedule&) -> Result<KernelCache::Handle> {
    ++compiled;
    return KernelCache::Handle(std::make_shared<const Executable>());
  };
  Schedule few;
  few.loops.m_hi = 4;
  Schedule many;
  many.loops.m_lo = 5;
  const Dispatch dispatch(problem, {few, many}, PackedWeights(), {.max_threads = 1, .parallel_for = {}}, compile,
                          Device::native);
  std::vector<float> memory(1000);
  LinearCall call{.a = memory.data(), .lda = 8, .m = 1, .out = memory.data(), .ldo = 16};
  for (const auto& [m, total] : {std::pair(1, 1), {4, 1}, {2, 1}, {5, 2}, {1000, 2}, {3, 2}}) {
    call.m = m;
    ASSERT_TRUE(dispatch.run(call));
    EXPECT_EQ(compiled, total) << "m=" << m;
  }
}

TEST(Dispatch, AFailedCompilationIsTriedAgain) {
  bool fails = true;
  const auto compile = [&](const Schedule&) -> Result<KernelCache::Handle> {
    if (fails) return resource("no executable memory");
    return KernelCache::Handle(std::make_shared<const Executable>());
  };
  const Dispatch dispatch(*parse_problem("w4a16 n=16 k=8 a=f32 s=f32 dot=fma ks=1"), {Schedule()}, PackedWeights(),
                          {.max_threads = 1, .parallel_for = {}}, compile, Device::native);
  EXPECT_EQ(dispatch.warm(1).error().message, "no executable memory");
  fails = false;
  EXPECT_TRUE(dispatch.warm(1));
}

}  // namespace
}  // namespace tilejit

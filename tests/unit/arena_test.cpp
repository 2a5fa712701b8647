#include "runtime/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

namespace tilejit {
namespace {

TEST(Arena, ReusesItsMemoryAndOnlyGrows) {
  std::byte* first = nullptr;
  {
    const ArenaLease lease(100000);
    first = lease.data();
    ASSERT_NE(first, nullptr);
    std::memset(first, 1, 100000);
  }
  for (const int64_t bytes : {1, 50000, 100000}) {
    const ArenaLease lease(bytes);
    EXPECT_EQ(lease.data(), first) << bytes;
  }
  const ArenaLease larger(10'000'000);
  ASSERT_NE(larger.data(), nullptr);
  std::memset(larger.data(), 2, 10'000'000);
}

TEST(Arena, IsAligned) {
  for (const int64_t bytes : {0, 1, 63, 4097, 1 << 20}) {
    const ArenaLease lease(bytes);
    ASSERT_NE(lease.data(), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(lease.data()) % 64, 0u) << bytes;
  }
}

TEST(Arena, NestedLeasesDoNotShare) {
  const ArenaLease outer(1000);
  std::memset(outer.data(), 1, 1000);
  {
    const ArenaLease inner(1000);
    std::memset(inner.data(), 2, 1000);
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(outer.data()[i], std::byte{1});
}

TEST(Arena, EveryThreadHasItsOwn) {
  const ArenaLease mine(1000);
  std::byte* other = nullptr;
  std::thread([&] { other = ArenaLease(1000).data(); }).join();
  EXPECT_NE(mine.data(), other);
}

TEST(Arena, ExhaustedMemoryIsNull) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer aborts where malloc returns null";
#endif
  {
    const ArenaLease lease(int64_t{1} << 60);
    EXPECT_EQ(lease.data(), nullptr);
  }
  const ArenaLease after(1000);
  EXPECT_NE(after.data(), nullptr);
}

}  // namespace
}  // namespace tilejit

#include "bench/measure/roofs.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>

#include "bench/measure/clock.h"
#include "bench/measure/machine.h"
#include "bench/measure/side_by_side.h"

namespace tilejit::measure {
namespace {

TEST(Clock, SummarizesByRank) {
  const Summary s = summarize({5, 1, 3, 2, 4, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ(s.median, 6);
  EXPECT_EQ(s.low, 2);
  EXPECT_EQ(s.high, 10);
  EXPECT_DOUBLE_EQ(s.spread(), 8.0 / 6);
  EXPECT_EQ(summarize({}).median, 0);
  EXPECT_EQ(percentile({3, 1, 2}, 1.0), 3);
  EXPECT_GT(measure_clock_hz(), 1e8);
}

TEST(SideBySide, RunsEveryThreadOnce) {
  for (const int threads : {1, 2, 5}) {
    std::atomic<uint32_t> seen{0};
    const double seconds = side_by_side(threads, [&](int thread) { seen.fetch_or(1u << thread); });
    EXPECT_EQ(seen.load(), (1u << threads) - 1);
    EXPECT_GT(seconds, 0);
  }
}

TEST(Machine, IsNamed) {
  const Machine machine = inspect_machine();
  EXPECT_FALSE(machine.cpu.empty());
  EXPECT_GE(machine.threads, 1);
  EXPECT_NE(to_line(machine).find(machine.cpu), std::string::npos);
}

TEST(Machine, HugePageShareIsAShare) {
  HugeBuffer buffer(size_t{8} << 20);
  ASSERT_NE(buffer.data(), nullptr);
  std::memset(buffer.data(), 1, buffer.size());
  const double share = huge_page_share(buffer.data(), buffer.size());
  EXPECT_GE(share, 0);
  EXPECT_LE(share, 1);
}

// No time is asserted: only that every roof there is has a finite positive value for every way to call it.
TEST(Roofs, AreThereWhereTheInstructionIs) {
  for (const Peak peak : all_peaks)
    for (const int threads : {1, 2}) {
      const double gops = peak_gops(peak, threads);
      EXPECT_EQ(gops > 0, has(peak)) << to_string(peak);
      EXPECT_LT(gops, 1e6);
    }
  auto roof = ReadRoof::create(size_t{4} << 20);
  if (!roof && roof.error().kind == ErrorKind::unsupported) GTEST_SKIP() << roof.error().message;
  ASSERT_TRUE(roof.ok()) << roof.error().message;
  for (const int threads : {1, 2, 3})
    for (const int streams : ReadRoof::stream_counts) EXPECT_GT(roof->gbps(threads, streams), 0);
}

}  // namespace
}  // namespace tilejit::measure

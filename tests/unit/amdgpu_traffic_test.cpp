// Bytes and loads in flight by memory range, on kernels that are small enough to count by hand.
#ifdef TILEJIT_HAVE_AMDGPU

#include "targets/amdgpu/emulator/traffic.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "targets/amdgpu/emulator/cycle_trace.h"
#include "targets/amdgpu/emulator/in_flight.h"
#include "tests/unit/assemble_amdgpu.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;
using amdgpu::emulator::Traffic;  // not that of a loop

TEST(AmdgpuTraffic, LinesCountOnceAndLanesEachTime) {
  Traffic traffic;
  const std::string name = "w";
  for (int round = 0; round < 2; ++round)
    for (uint64_t at = 0; at < 128; at += 16) traffic.note(name, at, 16, Traffic::Direction::read);
  traffic.note(name, 60, 8, Traffic::Direction::read);  // across two lines
  traffic.note(name, 0, 2, Traffic::Direction::write);
  const std::vector<RangeTraffic> ranges = traffic.ranges();
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges[0].read, 2 * 128 + 8);
  EXPECT_EQ(ranges[0].read_wide, 2 * 128);
  EXPECT_EQ(ranges[0].visited, (4 + 2 + 1) * line_bytes);
  EXPECT_EQ(ranges[0].lines_read, 2 * line_bytes);
  EXPECT_EQ(ranges[0].written, 2);
  EXPECT_EQ(ranges[0].lines_written, line_bytes);
}

struct Ran {
  std::vector<InFlight> in_flight;
  std::vector<RangeTraffic> ranges;
};

/// One wave, with the address of `in` as argument.
Ran run(const char* body) {
  Ran ran;
  const std::vector<uint32_t> in(4096, 1);
  const auto emulator = load_assembled({.body = body});
  EXPECT_TRUE(emulator.ok()) << emulator.error().message;
  if (!emulator.ok()) return ran;
  const std::array<uint64_t, 8> arguments = {reinterpret_cast<uint64_t>(in.data())};
  const std::vector<MemoryRange> memory = {{in.data(), 4 * in.size(), Access::read, "in"}};
  Traffic traffic;
  Launch launch;
  launch.size = {64, 1, 1};
  launch.kernarg = {reinterpret_cast<const uint8_t*>(arguments.data()), sizeof arguments};
  launch.memory = memory;
  launch.detail = Detail::trace;
  launch.traffic = &traffic;
  const auto outcome = emulator->run_workgroup(launch);
  EXPECT_TRUE(outcome.ok()) << outcome.error().message;
  if (!outcome.ok()) return ran;
  for (const Report& report : outcome->reports) ADD_FAILURE() << describe(report);
  const auto loop = steady_loop(outcome->trace);
  const std::vector<int32_t> path = loop ? iteration_path(outcome->trace, *loop) : outcome->trace.path;
  ran.in_flight = most_in_flight(emulator->program(), outcome->trace, path, loop ? Path::repeated : Path::once);
  ran.ranges = traffic.ranges();
  return ran;
}

TEST(AmdgpuTraffic, LoadsAreInFlightUntilTheyAreWaitedFor) {
  const Ran ran = run(R"(
  s_load_dwordx2 s[4:5], s[0:1], 0x0
  v_and_b32 v0, 0x3ff, v0
  v_lshlrev_b32 v1, 4, v0
  s_waitcnt lgkmcnt(0)
  global_load_dwordx4 v[4:7], v1, s[4:5]
  global_load_dwordx4 v[8:11], v1, s[4:5] offset:1024
  s_waitcnt vmcnt(1)
  global_load_dwordx4 v[12:15], v1, s[4:5] offset:2048
  global_load_dwordx4 v[16:19], v1, s[4:5] offset:3072
  s_waitcnt vmcnt(0)
)");
  ASSERT_EQ(ran.in_flight.size(), 1U);
  EXPECT_EQ(ran.in_flight[0].range, 0);
  EXPECT_EQ(ran.in_flight[0].loads, 3);
  EXPECT_EQ(ran.in_flight[0].bytes, 3 * 1024);
  for (const RangeTraffic& range : ran.ranges)
    if (range.name == "in") { EXPECT_EQ(range.read_wide, 4 * 1024U); }
}

// What a loop leaves outstanding is in flight when the next iteration loads; lanes that ask for the same bytes move them once.
TEST(AmdgpuTraffic, LoopsCarryLoadsIntoTheNextIteration) {
  const Ran ran = run(R"(
  s_load_dwordx2 s[4:5], s[0:1], 0x0
  v_and_b32 v0, 31, v0
  v_lshlrev_b32 v1, 4, v0
  s_mov_b32 s6, 5
  s_waitcnt lgkmcnt(0)
again:
  global_load_dwordx4 v[4:7], v1, s[4:5]
  s_waitcnt vmcnt(1)
  global_load_dwordx4 v[8:11], v1, s[4:5] offset:1024
  s_waitcnt vmcnt(1)
  s_sub_u32 s6, s6, 1
  s_cmp_lg_u32 s6, 0
  s_cbranch_scc1 again
  s_waitcnt vmcnt(0)
)");
  ASSERT_EQ(ran.in_flight.size(), 1U);
  EXPECT_EQ(ran.in_flight[0].loads, 2);
  EXPECT_EQ(ran.in_flight[0].bytes, 2 * 512);
}

}  // namespace
}  // namespace tilejit::testing

#endif

// Layouts of tiles over lanes: every element has one place, and copies hold what their lane holds.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "targets/amdgpu/layout.h"

namespace tilejit::amdgpu {
namespace {

using Element = std::tuple<int, int, int>;

Element element(const Layout& layout, int lane, int reg) {
  const Coord a = layout.lane_part(lane);
  const Coord b = layout.register_part(reg);
  return {a.row + b.row, a.col + b.col, a.depth + b.depth};
}

void expect_each_element_once(const Layout& layout) {
  std::map<Element, int> held;
  const int lanes = 1 << layout.lanes().size();
  for (int reg = 0; reg < layout.registers(); ++reg) {
    EXPECT_EQ(layout.register_of(layout.register_part(reg)), reg);
    for (int lane = 0; lane < lanes; ++lane) {
      const int original = lane & ~static_cast<int>(layout.copy_mask());
      if (lane == original)
        ++held[element(layout, lane, reg)];
      else
        EXPECT_EQ(element(layout, lane, reg), element(layout, original, reg));
    }
  }
  const ir::Shape& shape = layout.shape();
  int64_t inside = 0;
  for (const auto& [at, times] : held) {
    EXPECT_EQ(times, 1) << fmt::format("{},{},{}", std::get<0>(at), std::get<1>(at), std::get<2>(at));
    inside += std::get<0>(at) < shape.rows && std::get<1>(at) < shape.cols && std::get<2>(at) < shape.depth;
  }
  EXPECT_EQ(inside * layout.word(), shape.count());
}

TEST(AmdgpuLayout, EachElementLiesInOnePlace) {
  for (const int wave : {32, 64})
    for (const int rows : {1, 2, 3, 6})
      for (const int cols : {1, 2, 5, 16, 24, 32, 64, 96, 128, 192, 256, 512})
        for (const ir::TileType& tile :
             {ir::TileType{Type::f32, {rows, cols, 1}}, ir::TileType{Type::u4, {rows, cols, 8}},
              ir::TileType{Type::bf16, {rows, cols, 2}}}) {
          SCOPED_TRACE(fmt::format("wave={} rows={} cols={} depth={}", wave, rows, cols, tile.shape.depth));
          expect_each_element_once(columns_layout(tile, wave));
        }
}

TEST(AmdgpuLayout, LanesMayBeRowsAndDepthToo) {
  std::vector<LaneBit> lanes(6);
  for (int i = 0; i < 4; ++i) lanes[static_cast<size_t>(i)] = {false, Dim::row, i};
  lanes[4] = {false, Dim::depth, 2};
  lanes[5] = {false, Dim::depth, 3};
  const Layout layout({32, 1, 16}, 2, lanes);
  EXPECT_EQ(layout.registers(), 2 * 2);
  expect_each_element_once(layout);
  const Layout columns = layout.projected({1, 1, 16}, 2);
  EXPECT_EQ(columns.copy_mask(), 0xfU);
  EXPECT_EQ(columns.registers(), 2);
  expect_each_element_once(columns);
}

TEST(AmdgpuLayout, NeighbouringColumnsShareALane) {
  const Layout four = columns_layout({Type::u4, {1, 256, 8}}, 64);
  EXPECT_EQ(four.registers(), 4);
  EXPECT_EQ(four.register_part(3).col, 3);
  EXPECT_EQ(four.lane_part(1).col, 4);
  const Layout padded = columns_layout({Type::f32, {1, 24, 1}}, 64);
  EXPECT_EQ(padded.lane_most(Dim::col), 31);
  EXPECT_TRUE(padded.is_padded(0, Dim::col));
  EXPECT_FALSE(four.is_padded(0, Dim::col));
}

}  // namespace
}  // namespace tilejit::amdgpu

#endif

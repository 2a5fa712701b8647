// Layouts of tiles over lanes: every element has one place, and copies hold what their lane holds.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <tuple>
#include <vector>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/amdgpu/emulator/lds.h"
#include "targets/amdgpu/emulator/matrix.h"
#include "targets/amdgpu/infer.h"
#include "targets/amdgpu/layout.h"
#include "targets/amdgpu/matrix_form.h"

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

/// Activations that waves bring to LDS: lanes that store together use different banks.
TEST(AmdgpuLayout, CopiesMeetNoBankConflicts) {
  for (const char* name : {"gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1201"})
    for (const char* line : {"w4a16 m=1024 n=512 k=1024 a=bf16 g=128", "w8a8 m=1024 n=512 k=1024"}) {
      const GpuRow& row = *find_gpu_row(name);
      const Problem problem = *resolve(*parse_problem(line), row.facts);
      const ir::Program program =
          lower_program(build_linear(problem, default_schedule(problem, problem.m, row.facts)), {});
      const ir::Kernel& gemm = program.kernels[1];
      const auto layouts = infer(gemm, row);
      ASSERT_TRUE(layouts.ok());
      for (const ir::Instr& instr : gemm.body) {
        if (instr.op != ir::Op::store || gemm.buffer(instr.buffer).space != ir::Space::shared) continue;
        const Layout& layout = (*layouts)[static_cast<size_t>(instr.args[0])];
        const int64_t element = bits_of(gemm.buffer(instr.buffer).type) / 8;
        const int64_t stride = gemm.buffer(instr.buffer).dims.back().constant * element;
        std::vector<uint32_t> addresses;
        for (int lane = 0; lane < row.wave; ++lane)
          addresses.push_back(
              static_cast<uint32_t>(layout.lane_part(lane).row * stride + layout.lane_part(lane).col * element));
        const uint32_t bytes = addresses[1] - addresses[0];  // lanes are neighbours in a row
        EXPECT_EQ(emulator::bank_conflicts(addresses.data(), ~uint64_t{0}, row.wave, bytes,
                                           static_cast<uint32_t>(row.lds_banks)),
                  0u)
            << name << ": " << line;
      }
    }
}

using emulator::Matrix;
using emulator::MatrixOp;

const MatrixOp* emulated_op(const MatrixForm& form) {
  using emulator::MatrixType;
  const MatrixType type = form.type == Type::f16    ? MatrixType::f16
                          : form.type == Type::bf16 ? MatrixType::bf16
                                                    : MatrixType::i8;
  for (const MatrixOp& op : emulator::matrix_ops(form.family))
    if (op.size == 16 && op.k == form.k && op.type == type) return &op;
  return nullptr;
}

/// One instruction of columns `first` + what lanes and its registers add: what the machine takes for row i of A and for row i
/// of the sum is one channel; what it takes for column n of B and of the sum is one activation row; k is the same in A and B.
void expect_operands_meet(const MatrixForm& form, const MatrixOp& op, const MatrixLanes& lanes, int first) {
  const int columns = 64;
  const Layout x({16, 1, form.k}, 1, lanes.x);
  const Layout w({1, columns, form.k}, 1, lanes.w);
  const Layout sum({16, columns, 1}, 1, lanes.sum);
  std::map<int, int> channel_of_row;
  for (int lane = 0; lane < emulator::lanes_of(op); ++lane) {
    for (int e = 0; e < emulator::elements_of(op, Matrix::a); ++e) {
      const emulator::Place a = emulator::place(op, Matrix::a, lane, e);
      EXPECT_EQ(w.lane_part(lane).depth + e, a.column);
      const int channel = first + w.lane_part(lane).col;
      EXPECT_EQ(channel_of_row.try_emplace(a.row, channel).first->second, channel);
      const emulator::Place b = emulator::place(op, Matrix::b, lane, e);
      EXPECT_EQ(x.lane_part(lane).depth + e, b.row);
      EXPECT_EQ(x.lane_part(lane).row, b.column);
    }
  }
  for (int lane = 0; lane < emulator::lanes_of(op); ++lane)
    for (int e = 0; e < sums_of(form); ++e) {
      const emulator::Place c = emulator::place(op, Matrix::c, lane, e);
      EXPECT_EQ(sum.lane_part(lane).row, c.column);
      EXPECT_EQ(first + e + sum.lane_part(lane).col, channel_of_row[c.row]);
      EXPECT_EQ(sum.register_of({0, first + e, 0}), sum.register_of({0, first, 0}) + e);
    }
}

TEST(AmdgpuLayout, MatrixOperandsLieAsTheInstructionsTakeThem) {
  EXPECT_EQ(matrix_forms().size(), 15u);
  for (const MatrixForm& form : matrix_forms())
    for (const int columns : {16, 32, 48, 64, 80, 128}) {
      SCOPED_TRACE(
          fmt::format("family={} numerics={} columns={}", static_cast<int>(form.family), form.numerics, columns));
      const MatrixOp* op = emulated_op(form);
      ASSERT_NE(op, nullptr);
      EXPECT_EQ(emulator::elements_of(*op, Matrix::a), form.k_of_lane);
      EXPECT_EQ(emulator::elements_of(*op, Matrix::c), sums_of(form));
      const MatrixLanes lanes = matrix_lanes(form, columns);
      expect_each_element_once({{32, 1, 2 * form.k}, 2, lanes.x});
      expect_each_element_once({{1, columns, form.k}, 2, lanes.w});
      expect_each_element_once({{16, columns, 1}, 1, lanes.sum});
      const Layout w({1, columns, form.k}, form.k_of_lane, lanes.w);
      for (int reg = 0; reg < w.registers(); ++reg)
        if (w.register_part(reg).col < 32) expect_operands_meet(form, *op, lanes, w.register_part(reg).col);
    }
}

TEST(AmdgpuLayout, NumericsOfAnotherFamilyHaveNoInstruction) {
  for (const MatrixForm& form : matrix_forms()) {
    EXPECT_NE(find_matrix_form(form.family, form.numerics, form.k), nullptr);
    EXPECT_NE(find_matrix_form(form.family, form.numerics, 3 * form.k), nullptr);
    EXPECT_EQ(find_matrix_form(form.family, form.numerics, form.k + form.k / 2), nullptr);
    EXPECT_EQ(find_matrix_form(Family::rdna2, form.numerics, form.k), nullptr);
    if (form.type == Type::i8) continue;
    for (const Family other : {Family::cdna2, Family::cdna3, Family::cdna4, Family::rdna3, Family::rdna4})
      if (other != form.family) { EXPECT_EQ(find_matrix_form(other, form.numerics, form.k), nullptr); }
  }
}

}  // namespace
}  // namespace tilejit::amdgpu

#endif

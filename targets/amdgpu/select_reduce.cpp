// Sums and maxima over the columns of a row: first in the registers of a lane, then over the lanes that the columns lie on, so
// that every lane has the result.
#include <algorithm>

#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

constexpr int quad_swap = 0xb1;     // lanes 1, 0, 3, 2 of each four
constexpr int quad_halves = 0x4e;   // lanes 2, 3, 0, 1 of each four
constexpr int half_mirror = 0x141;  // lane 7 - i of each eight
constexpr int mirror = 0x140;       // lane 15 - i of each sixteen
constexpr int dpp_bits = 4;

class Reducer {
 public:
  Reducer(Selection& s, bool is_max, const Layout& layout) : s_(s), b_(s.b), is_max_(is_max), layout_(layout) {}

  llvm::Value* row(const std::vector<llvm::Value*>& registers, const std::vector<Coord>& parts) {
    llvm::Value* sum = nullptr;
    for (size_t i = 0; i < registers.size(); ++i) {
      llvm::Value* x = without_padding(registers[i], parts[i]);
      sum = sum == nullptr ? x : joined(sum, x);
    }
    return over_lanes(sum);
  }

 private:
  llvm::Value* joined(llvm::Value* x, llvm::Value* y) {
    return is_max_ ? b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, y) : b_.CreateAdd(x, y);
  }

  llvm::Value* without_padding(llvm::Value* x, Coord part) {
    const int columns = layout_.shape().cols - part.col;
    if (columns > layout_.lane_most(Dim::col)) return x;
    llvm::Value* is_column = b_.CreateICmpULT(s_.lane_coord(layout_, Dim::col), s_.i32(columns));
    return b_.CreateSelect(is_column, x, is_max_ ? s_.i32(INT32_MIN) : s_.i32(0));
  }

  llvm::Value* dpp(llvm::Value* x, int control) {
    return b_.CreateIntrinsic(
        llvm::Intrinsic::amdgcn_update_dpp, {b_.getInt32Ty()},
        {llvm::PoisonValue::get(b_.getInt32Ty()), x, s_.i32(control), s_.i32(15), s_.i32(15), b_.getTrue()});
  }

  /// Mirrors exchange the halves of eight or sixteen lanes where each half has one value throughout.
  llvm::Value* over_lanes(llvm::Value* x) {
    constexpr int controls[dpp_bits] = {quad_swap, quad_halves, half_mirror, mirror};
    const uint32_t columns = layout_.lane_mask(Dim::col);
    uint32_t done = 0;
    for (int bit = 0; bit < dpp_bits; ++bit) {
      const uint32_t below = (1U << bit) - 1;
      if ((columns >> bit & 1) == 0) continue;
      x = joined(x, bit < 2 || (done & below) == below ? dpp(x, controls[bit]) : from_lane_across(x, bit));
      done |= 1U << bit;
    }
    const uint32_t above = columns >> dpp_bits << dpp_bits;
    const bool is_uniform = (layout_.lane_mask(Dim::row) | layout_.lane_mask(Dim::depth)) == 0;
    if (is_uniform) return over_rows_of_lanes(x, above);
    for (int bit = dpp_bits; bit < static_cast<int>(layout_.lanes().size()); ++bit)
      if ((above >> bit & 1) != 0) x = joined(x, from_lane_across(x, bit));
    return x;
  }

  llvm::Value* from_lane_across(llvm::Value* x, int bit) {
    llvm::Value* other = b_.CreateShl(b_.CreateXor(s_.lane, s_.i32(int64_t{1} << bit)), 2);
    return b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_ds_bpermute, {}, {other, x});
  }

  /// Each sixteen lanes have one value: scalar registers take them.
  llvm::Value* over_rows_of_lanes(llvm::Value* x, uint32_t above) {
    llvm::Value* sum = nullptr;
    for (uint32_t first = 0; first < 1U << layout_.lanes().size(); first += 1U << dpp_bits) {
      if ((first & ~above) != 0) continue;
      llvm::Value* one = b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_readlane, {b_.getInt32Ty()}, {x, s_.i32(first)});
      sum = sum == nullptr ? one : joined(sum, one);
    }
    return sum;
  }

  Selection& s_;
  llvm::IRBuilder<>& b_;
  bool is_max_;
  const Layout& layout_;
};

}  // namespace

Result<void> select_reduce(Selection& s, const ir::Instr& instr) {
  const Layout& from = s.layout(instr.args[0]);
  const Layout& to = s.layout(instr.dst);
  Reducer reducer(s, instr.op == ir::Op::reduce_max, from);
  std::vector<llvm::Value*> results;
  for (int r = 0; r < to.registers(); ++r) {
    const int row = to.register_part(r).row;
    std::vector<llvm::Value*> registers;
    std::vector<Coord> parts;
    for (int i = 0; i < from.registers(); ++i) {
      if (from.register_part(i).row != row) continue;
      parts.push_back(from.register_part(i));
      registers.push_back(s.read(instr.args[0], parts.back()));
    }
    results.push_back(reducer.row(registers, parts));
  }
  s.write(instr.dst, std::move(results));
  return {};
}

}  // namespace tilejit::amdgpu

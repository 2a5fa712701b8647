#include "targets/amdgpu/selection.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "ir/print.h"

namespace tilejit::amdgpu {
namespace {

bool fits_i32(const ir::Interval& range) {
  return range.lo >= std::numeric_limits<int32_t>::min() && range.hi <= std::numeric_limits<int32_t>::max();
}

}  // namespace

Error refuse(const Selection& s, const ir::Instr& instr, const std::string& reason) {
  return unsupported(fmt::format("{}: `{}`: {}", s.row.facts.name, ir::print(s.kernel, instr), reason));
}

llvm::Type* Selection::cell_type(const ir::TileType& tile_type) {
  if (tile_type.type == Type::f32) return b.getFloatTy();
  const int bits = word_of(tile_type) * bits_of(tile_type.type);
  return b.getIntNTy(bits <= 8 ? 8 : bits <= 16 ? 16 : 32);
}

llvm::Value* Selection::read(ir::Value v, Coord part) {
  const Layout& of = layout(v);
  const ir::Shape& shape = of.shape();
  if (shape.rows == 1) part.row = 0;
  if (shape.cols == 1) part.col = 0;
  if (of.extent(Dim::depth) == of.word()) part.depth = 0;
  Tile& from = tile(v);
  llvm::Value* cell = from.registers[static_cast<size_t>(of.register_of(part))];
  if (from.missing.empty()) return cell;
  return b.CreateAdd(cell, b.CreateShl(from.missing[static_cast<size_t>(part.row)], 7));
}

void Selection::write(ir::Value v, std::vector<llvm::Value*> registers) {
  Tile& to = tile(v);
  to.registers = std::move(registers);
  for (llvm::Value*& missing : to.missing) missing = b.getInt32(0);
}

llvm::Value* Selection::joined(std::span<llvm::Value* const> cells) {
  if (cells.size() == 1) return cells[0];
  llvm::Type* type = llvm::FixedVectorType::get(cells[0]->getType(), static_cast<unsigned>(cells.size()));
  const auto source = [&](size_t i) -> llvm::Value* {
    auto* taken = llvm::dyn_cast<llvm::ExtractElementInst>(cells[i]);
    if (taken == nullptr || taken->getVectorOperandType() != type) return nullptr;
    auto* at = llvm::dyn_cast<llvm::ConstantInt>(taken->getIndexOperand());
    return at != nullptr && at->getZExtValue() == i ? taken->getVectorOperand() : nullptr;
  };
  llvm::Value* whole = source(0);
  for (size_t i = 1; i < cells.size() && whole != nullptr; ++i)
    if (source(i) != whole) whole = nullptr;
  if (whole != nullptr) return whole;
  whole = llvm::PoisonValue::get(type);
  for (size_t i = 0; i < cells.size(); ++i) whole = b.CreateInsertElement(whole, cells[i], i);
  return whole;
}

llvm::Value* Selection::in_register(uint32_t constant, Register kind) {
  for (const Constant& known : constants)
    if (known.bits == constant && known.kind == kind) return known.value;
  const InEntry in_entry(b, *function);
  llvm::Value* value = b.getInt32(constant);
  // A count of no lanes is 0 and is in a VGPR. Inline assembly that moves the constant there is not seen by LLVM's hazards.
  if (kind == Register::vector)
    value = b.CreateOr(value, b.CreateIntrinsic(llvm::Intrinsic::amdgcn_mbcnt_lo, {}, {b.getInt32(0), b.getInt32(0)}));
  value =
      b.CreateArithmeticFence(b.CreateBitCast(value, b.getFloatTy()), b.getFloatTy());  // hides it from the optimizer
  value = b.CreateBitCast(value, b.getInt32Ty());
  constants.push_back({constant, kind, value});
  return constants.back().value;
}

llvm::Value* Selection::lane_coord(const Layout& of, Dim dim) {
  const std::vector<LaneBit>& lanes = of.lanes();
  for (const LaneCoord& known : lane_coords)
    if (known.dim == dim && known.lanes == lanes) return known.coord;
  const InEntry in_entry(b, *function);
  llvm::Value* coord = nullptr;
  for (size_t i = 0; i < lanes.size();) {
    if (lanes[i].copies || lanes[i].dim != dim) {
      ++i;
      continue;
    }
    size_t end = i + 1;  // bits that follow one another move together
    while (end < lanes.size() && !lanes[end].copies && lanes[end].dim == dim &&
           lanes[end].bit == lanes[i].bit + static_cast<int>(end - i))
      ++end;
    llvm::Value* field = b.CreateLShr(lane, i);
    if (end < lanes.size()) field = b.CreateAnd(field, (uint64_t{1} << (end - i)) - 1);
    field = b.CreateShl(field, static_cast<uint64_t>(lanes[i].bit), "", true, true);
    coord = coord == nullptr ? field : b.CreateOr(coord, field);
    i = end;
  }
  lane_coords.push_back({lanes, dim, coord});
  return coord;
}

llvm::Value* Selection::lane_has_no(uint32_t bits) {
  for (const LaneCondition& known : lane_conditions)
    if (known.bits == bits) return known.is_zero;
  const InEntry in_entry(b, *function);
  lane_conditions.push_back({bits, b.CreateICmpEQ(b.CreateAnd(lane, bits), i32(0))});
  return lane_conditions.back().is_zero;
}

llvm::Value* Selection::evaluate64(const ir::Affine& affine) {
  llvm::Value* sum = nullptr;
  for (const ir::Term& term : affine) {
    llvm::Value* v = indices[static_cast<size_t>(term.var)];
    v = ranges.of(term.var).lo >= 0 ? b.CreateZExt(v, b.getInt64Ty()) : b.CreateSExt(v, b.getInt64Ty());
    if (term.coef != 1) v = b.CreateMul(v, i64(term.coef), "", false, true);
    sum = sum == nullptr ? v : b.CreateAdd(sum, v, "", false, true);
  }
  if (sum == nullptr) return i64(affine.constant());
  return affine.constant() == 0 ? sum : b.CreateAdd(sum, i64(affine.constant()), "", false, true);
}

llvm::Value* Selection::evaluate(const ir::Affine& affine) {
  if (!fits_i32(ranges.of(affine))) return evaluate64(affine);
  llvm::Value* sum = i32(affine.constant());
  for (const ir::Term& term : affine) {
    llvm::Value* v = indices[static_cast<size_t>(term.var)];
    if (term.coef != 1) v = b.CreateMul(v, i32(term.coef));
    sum = b.CreateAdd(v, sum);
  }
  return sum;
}

/// min(limit, round(max(value, 0) / divisor)).
llvm::Value* Selection::limit(const ir::Bound& bound) {
  if (bound.is_constant()) return i32(bound.round(bound.value.constant()));
  llvm::Value* value = evaluate64(bound.value);
  const ir::Interval range = ranges.of(bound.value);
  const bool is_narrow = range.hi + bound.divisor <= std::numeric_limits<int32_t>::max() && fits_i32(range);
  if (is_narrow) value = evaluate(bound.value);
  const auto constant = [&](int64_t c) { return llvm::ConstantInt::get(value->getType(), static_cast<uint64_t>(c)); };
  if (range.lo < 0) value = b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, value, constant(0));
  if (bound.rounding == ir::Rounding::ceil) value = b.CreateAdd(value, constant(bound.divisor - 1));
  if (bound.rounding != ir::Rounding::exact && bound.divisor != 1) value = b.CreateUDiv(value, constant(bound.divisor));
  if (bound.limit != ir::Bound::no_limit)
    value = b.CreateBinaryIntrinsic(llvm::Intrinsic::umin, value, constant(bound.limit));
  return b.CreateTrunc(value, b.getInt32Ty());
}

void Selection::fence() {
  b.CreateFence(llvm::AtomicOrdering::AcquireRelease, module.getContext().getOrInsertSyncScopeID("wavefront"));
}

}  // namespace tilejit::amdgpu

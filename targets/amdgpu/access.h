// One access of an instruction to a buffer: which buffer dimension each tile dimension runs along, the distances between elements,
// which registers one machine instruction moves, and their addresses. An address is a uniform 64-bit base (buffer and index),
// what the lane adds in 32 bits, and a constant for each register. For select_memory.cpp alone.
#pragma once

#include <fmt/format.h>
#include <llvm/IR/InlineAsm.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <vector>

#include "targets/amdgpu/kernel_arguments.h"
#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {

inline constexpr int64_t all_in_range = 0x7fffffff;
inline constexpr int64_t never_in_range = 0xffffffff;
inline constexpr std::array all_dims = {Dim::row, Dim::col, Dim::depth};

/// The fourth word of a buffer resource: untyped data, bounds checked by the offset alone.
inline uint32_t resource_flags(Family family) {
  const uint32_t data = 7 << 12 | 4 << 15;
  return is_cdna(family) ? data : data | 1 << 24 | 3 << 28;
}

/// A place in a buffer that does not depend on the lane, and what is still to be added for it.
struct Uniform {
  llvm::Value* pointer = nullptr;
  llvm::Value* is_inside = nullptr;  // null: surely
};

/// One access: which buffer dimension each tile dimension runs along, and the distances between elements.
class Access {
 public:
  Access(Selection& s, const ir::Instr& instr, const Layout& layout)
      : s_(s), b_(s.b), instr_(instr), layout_(layout), buffer_(s.kernel.buffer(instr.buffer)),
        place_(s.buffers[static_cast<size_t>(instr.buffer)]) {}

  Result<void> plan() {
    const int extents[] = {layout_.shape().rows, layout_.shape().cols, layout_.shape().depth};
    size_t d = 0;
    for (size_t t = 0; t < all_dims.size(); ++t) {
      if (extents[t] == 1) continue;
      while (instr_.slices[d].extent == 1) ++d;
      dimension_[t] = static_cast<int>(d++);
    }
    TRY(measure());
    const int depth_dimension = dimension_[2];
    const bool follows =
        depth_dimension < 0 || bit_stride_[static_cast<size_t>(depth_dimension)] == bits_of(buffer_.type);
    if (layout_.word() > 1 && !follows)
      return refuse(s_, instr_, "the depth of a tile lies apart in memory; the last dimension of the buffer works");
    if (layout_.word() * bits_of(buffer_.type) % 8 != 0 || !is_power_of_two_word())
      return refuse(s_, instr_,
                    fmt::format("words of {} bits; 8, 16 and 32 work", layout_.word() * bits_of(buffer_.type)));
    if (instr_.clip && depth_dimension >= 0 && may_leave(static_cast<size_t>(depth_dimension)))
      return refuse(s_, instr_, "elements outside the buffer within a packed word");
    return {};
  }

  /// Whether every lane of every register has its own element inside the buffer.
  bool is_whole(bool stores) const {
    if (stores && layout_.copy_mask() != 0) return false;
    if (is_own()) return !stores || !is_padded();
    for (size_t d = 0; d < instr_.slices.size(); ++d)
      if (instr_.clip && may_leave(d)) return false;
    return !stores || !is_padded();
  }

  /// The address of a register's element; with padding, of the last element instead.
  llvm::Value* address(int reg) {
    const Coord part = layout_.register_part(reg);
    llvm::Value* at = uniform(part).pointer;
    llvm::Value* lanes = lane_bytes(part);
    if (lanes != nullptr)
      at = b_.CreateGEP(b_.getInt8Ty(), at, is_own() ? lanes : b_.CreateZExt(lanes, b_.getInt64Ty()));
    return offset(at, constant_bytes(part));
  }

  struct Checked {
    llvm::Value* resource;
    llvm::Value* offset;  // i32
  };

  Checked checked(int reg, bool stores) {
    const Coord part = layout_.register_part(reg);
    const Uniform at = uniform(part);
    llvm::Value* records = s_.i64(all_in_range);
    if (at.is_inside != nullptr) records = b_.CreateSelect(at.is_inside, records, s_.i64(0));
    llvm::Value* resource =
        b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_make_buffer_rsrc, {b_.getPtrTy(8), b_.getPtrTy(1)},
                           {at.pointer, b_.getInt16(0), records, b_.getInt32(resource_flags(s_.row.family))});
    llvm::Value* lanes = lane_bytes(part);
    llvm::Value* bytes = s_.i32(constant_bytes(part));
    if (lanes != nullptr) bytes = b_.CreateAdd(lanes, bytes);
    if (llvm::Value* has_part = lane_condition(part, stores))
      bytes = b_.CreateSelect(has_part, bytes, b_.getInt32(static_cast<uint32_t>(never_in_range)));
    return {resource, bytes};
  }

  /// Loads of a kernel with matrix steps: what a serial loop moves on is a scalar offset, so that a lane's address is one register
  /// and nothing is added to it in the loop.
  bool can_follow_loops() const {
    if (is_own() || has_run_time_strides() || !s_.has_matrix_steps || is_padded()) return false;
    const ir::Interval range = s_.ranges.of(loop_bytes() + ir::Affine(all_bytes().constant()));
    return range.lo >= 0 && all_bytes().constant() >= 0 && range.hi < all_in_range / 2 &&
           layout_.copy_mask() + 1 != 1U << layout_.lanes().size();
  }

  struct Followed {
    llvm::Value* resource;
    llvm::Value* lanes;  // i32
    llvm::Value* loop;   // i32, the same for all lanes
  };

  Followed followed(int reg) {
    constexpr int64_t most_immediate = 4096;
    const Coord part = layout_.register_part(reg);
    const ir::Affine in_loops = loop_bytes();
    const int64_t first = all_bytes().constant();  // not in the base: one resource serves all accesses to a buffer
    const ir::Affine rest = all_bytes() + in_loops * -1 + ir::Affine(-first);
    llvm::Value* base = place_.base;
    if (rest != ir::Affine(0)) base = b_.CreateGEP(b_.getInt8Ty(), base, s_.evaluate64(rest));
    llvm::Value* resource =
        b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_make_buffer_rsrc, {b_.getPtrTy(8), b_.getPtrTy(1)},
                           {base, b_.getInt16(0), s_.i64(all_in_range), b_.getInt32(resource_flags(s_.row.family))});
    const int64_t constant = first + constant_bytes(part);
    llvm::Value* lanes = followed_lanes(in_loops);
    llvm::Value* immediate = s_.i32(constant % most_immediate);
    lanes = lanes == nullptr ? immediate : b_.CreateAdd(lanes, immediate, "", true, true);
    return {resource, lanes, s_.evaluate(in_loops + ir::Affine(constant / most_immediate * most_immediate))};
  }

  /// Which lanes have an element of this register that they alone are to store; null: all.
  llvm::Value* lane_condition(Coord part, bool stores) {
    llvm::Value* condition = nullptr;
    const auto require = [&](llvm::Value* c) { condition = condition == nullptr ? c : b_.CreateAnd(condition, c); };
    if (stores && layout_.copy_mask() != 0) require(s_.lane_has_no(layout_.copy_mask()));
    for (const Dim dim : all_dims) {
      llvm::Value* lanes = s_.lane_coord(layout_, dim);
      if (lanes == nullptr) continue;
      if (stores && part.of(dim) + layout_.lane_most(dim) >= layout_.extent(dim))
        require(b_.CreateICmpULT(lanes, s_.i32(layout_.extent(dim) - part.of(dim))));
      const int d = dimension_[static_cast<size_t>(dim)];
      if (!instr_.clip || is_own() || d < 0 || !may_leave(static_cast<size_t>(d))) continue;
      require(is_inside(static_cast<size_t>(d), part.of(dim), lanes));
    }
    return condition;
  }

  /// Registers that one access moves: consecutive in memory, and for all lanes together inside or outside of the buffer.
  struct Piece {
    int first;
    int count;
    llvm::Align alignment;
  };

  std::vector<Piece> pieces() {
    std::vector<Piece> all;
    const bool may_join = !is_padded();
    for (int r = 0; r < layout_.registers();) {
      int count = 1;
      while (may_join && can_join(r, 2 * count)) count *= 2;
      all.push_back({r, count, alignment_of(r)});
      r += count;
    }
    return all;
  }

  /// Of what every lane's address of a register is surely a multiple.
  llvm::Align alignment_of(int reg) const {
    if (has_run_time_strides()) return alignment();
    int64_t bytes = buffer_alignment;
    for (size_t d = 0; d < instr_.slices.size(); ++d) {
      const auto add = [&](int64_t elements) { bytes = std::gcd(bytes, elements * bit_stride_[d] / 8); };
      add(instr_.slices[d].start.constant());
      for (const ir::Term& term : instr_.slices[d].start) add(term.coef);
    }
    for (const LaneBit& lane : layout_.lanes()) {
      const int d = lane.copies ? -1 : dimension_[static_cast<size_t>(lane.dim)];
      if (d >= 0) bytes = std::gcd(bytes, (bit_stride_[static_cast<size_t>(d)] << lane.bit) / 8);
    }
    bytes = std::gcd(bytes, constant_bytes(layout_.register_part(reg)));
    return llvm::Align(static_cast<uint64_t>(bytes & -bytes));
  }

  llvm::Align alignment() const {
    int64_t bytes = has_run_time_strides() ? std::max(bits_of(buffer_.type) / 8, 1) : buffer_alignment;
    for (size_t d = 0; d < instr_.slices.size(); ++d) {
      const int64_t stride = bit_stride_[d];
      if (stride == 0) continue;
      const auto add = [&](int64_t elements) { bytes = std::gcd(bytes, elements * stride / 8); };
      add(instr_.slices[d].start.constant());
      for (const ir::Term& term : instr_.slices[d].start) add(term.coef);
    }
    for (size_t t = 0; t < all_dims.size(); ++t)
      if (dimension_[t] >= 0 && bit_stride_[static_cast<size_t>(dimension_[t])] != 0)
        bytes = std::gcd(bytes, std::max<int64_t>(bit_stride_[static_cast<size_t>(dimension_[t])] / 8, 1) *
                                    (t == 2 ? layout_.word() : 1));
    return llvm::Align(static_cast<uint64_t>(bytes & -bytes));
  }

  bool is_own() const { return !buffer_.is_parameter(); }

 private:
  bool has_run_time_strides() const {
    return std::any_of(byte_stride_.begin(), byte_stride_.end(), [](const llvm::Value* v) { return v != nullptr; });
  }

  bool can_join(int first, int count) const {
    constexpr int64_t widest = 16;
    const int64_t cell = std::max(int64_t{layout_.word()} * bits_of(buffer_.type) / 8, int64_t{1});
    if (first + count > layout_.registers() || cell * count > widest) return false;
    const Coord from = layout_.register_part(first);
    if (is_own() && alignment_of(first).value() < static_cast<uint64_t>(cell * count)) return false;
    for (int i = 1; i < count; ++i) {
      const Coord to = layout_.register_part(first + i);
      if (constant_bytes(to) != constant_bytes(from) + i * cell) return false;
      for (size_t d = 0; d < byte_stride_.size(); ++d)
        if (byte_stride_[d] != nullptr && part_of(d, to) != part_of(d, from)) return false;
    }
    return !instr_.clip || is_own() || stays_together(from, layout_.register_part(first + count - 1));
  }

  /// Whether the elements from one part to another lie inside the buffer or outside of it together.
  bool stays_together(Coord from, Coord to) const {
    for (size_t d = 0; d < instr_.slices.size(); ++d) {
      if (!may_leave(d) || part_of(d, from) == part_of(d, to)) continue;
      const int64_t span = int64_t{part_of(d, to)} - part_of(d, from) + 1;
      const auto unit = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(span)));
      const ir::Affine& start = instr_.slices[d].start;
      bool is_aligned = buffer_.dims[d].is_constant() && buffer_.dims[d].constant % unit == 0 &&
                        start.constant() % unit == 0 && part_of(d, from) % unit == 0;
      for (const ir::Term& term : start) is_aligned &= term.coef % unit == 0;
      for (const LaneBit& lane : layout_.lanes())
        if (!lane.copies && dimension_[static_cast<size_t>(lane.dim)] == static_cast<int>(d))
          is_aligned &= (int64_t{1} << lane.bit) % unit == 0;
      if (!is_aligned) return false;
    }
    return true;
  }

  bool is_power_of_two_word() const {
    const int bits = layout_.word() * bits_of(buffer_.type);
    return (bits == 8 || bits == 16 || bits == 32) && layout_.shape().depth % layout_.word() == 0;
  }
  bool is_padded() const {
    for (const Dim dim : all_dims)
      for (int r = 0; r < layout_.registers(); ++r)
        if (layout_.is_padded(r, dim)) return true;
    return false;
  }

  /// Distances between the entries of each dimension.
  Result<void> measure() {
    bit_stride_.assign(buffer_.dims.size(), 0);
    byte_stride_.assign(buffer_.dims.size(), nullptr);
    int64_t stride = bits_of(buffer_.type);
    llvm::Value* at_run_time = nullptr;  // in bits, from the first dimension that depends on m
    for (size_t d = buffer_.dims.size(); d-- > 0;) {
      if (d == 0 && buffer_.strided)
        byte_stride_[d] = place_.row_stride;
      else if (at_run_time != nullptr)
        byte_stride_[d] = b_.CreateLShr(at_run_time, 3);
      else
        bit_stride_[d] = stride;
      if (at_run_time != nullptr || (d > 0 && !buffer_.dims[d].is_constant()))
        at_run_time = b_.CreateMul(at_run_time == nullptr ? s_.i64(stride) : at_run_time, extent_of(d));
      stride *= buffer_.dims[d].constant;
    }
    for (const Dim dim : all_dims) {
      const int d = dimension_[static_cast<size_t>(dim)];
      if (d < 0 || layout_.lane_most(dim) == 0) continue;
      const int64_t bits = bit_stride_[static_cast<size_t>(d)];
      const bool is_row_of_caller = bits == 0 && d == 0 && buffer_.strided;
      if (is_row_of_caller && layout_.lane_most(dim) * most_gpu_row_stride < all_in_range) continue;
      if (bits == 0) return refuse(s_, instr_, "lanes along a dimension whose distances are known at run time only");
      if (bits % 8 != 0) return refuse(s_, instr_, "single nibbles over lanes");
      if (bits / 8 * layout_.lane_most(dim) >= all_in_range / 2) return refuse(s_, instr_, "lanes 1 GiB apart");
    }
    return {};
  }

  bool may_leave(size_t d) const {
    const ir::Interval start = s_.ranges.of(instr_.slices[d].start);
    return start.lo < 0 || !buffer_.dims[d].is_constant() ||
           start.hi + instr_.slices[d].extent > buffer_.dims[d].constant;
  }

  llvm::Value* extent_of(size_t d) {
    const ir::Extent& extent = buffer_.dims[d];
    if (extent.is_constant()) return s_.i64(extent.constant);
    llvm::Value* m = b_.CreateZExt(s_.indices[static_cast<size_t>(ir::value_m)], b_.getInt64Ty());
    if (extent.divisor != 1) m = b_.CreateUDiv(b_.CreateAdd(m, s_.i64(extent.divisor - 1)), s_.i64(extent.divisor));
    return b_.CreateAdd(b_.CreateMul(m, s_.i64(extent.per)), s_.i64(extent.constant));
  }

  /// Whether start + part (+ lanes) is an entry of dimension d: unsigned, so that a negative index is beyond the end.
  llvm::Value* is_inside(size_t d, int part, llvm::Value* lanes) {
    llvm::Value* at = s_.evaluate(instr_.slices[d].start);
    at = b_.CreateAdd(at, llvm::ConstantInt::get(at->getType(), static_cast<uint64_t>(part)));
    const ir::Extent& extent = buffer_.dims[d];
    llvm::Value* end = extent_of(d);
    if (lanes != nullptr) at = b_.CreateAdd(at, b_.CreateZExt(lanes, at->getType()));
    const ir::Interval range = s_.ranges.of(instr_.slices[d].start);
    const bool fits = range.lo > -(int64_t{1} << 30) && range.hi < int64_t{1} << 32 && at->getType()->isIntegerTy(32) &&
                      (extent.is_constant() || (extent.per == 1 && extent.constant == 0 && extent.divisor == 1));
    if (fits) return b_.CreateICmpULT(at, b_.CreateTrunc(end, b_.getInt32Ty()));
    return b_.CreateICmpULT(b_.CreateSExt(at, b_.getInt64Ty()), end);
  }

  /// A dimension that no lane is spread over is checked once for all lanes.
  Uniform uniform(Coord part) {
    Uniform at{origin(), nullptr};
    for (size_t d = 0; d < byte_stride_.size(); ++d)
      if (byte_stride_[d] != nullptr && part_of(d, part) != 0)
        at.pointer = b_.CreateGEP(b_.getInt8Ty(), at.pointer, b_.CreateMul(byte_stride_[d], s_.i64(part_of(d, part))));
    if (!instr_.clip || is_own()) return at;
    for (size_t d = 0; d < instr_.slices.size(); ++d) {
      if (!may_leave(d) || is_over_lanes(d)) continue;
      llvm::Value* inside = is_inside(d, part_of(d, part), nullptr);
      at.is_inside = at.is_inside == nullptr ? inside : b_.CreateAnd(at.is_inside, inside);
    }
    return at;
  }

  bool is_over_lanes(size_t d) const {
    for (size_t t = 0; t < all_dims.size(); ++t)
      if (dimension_[t] == static_cast<int>(d)) return layout_.lane_mask(all_dims[t]) != 0;
    return false;
  }
  int part_of(size_t d, Coord part) const {
    for (size_t t = 0; t < all_dims.size(); ++t)
      if (dimension_[t] == static_cast<int>(d)) return part.of(all_dims[t]);
    return 0;
  }

  /// From the buffer's begin to its first element that the slices name, along dimensions of constant strides.
  ir::Affine all_bytes() const {
    ir::Affine bits;
    for (size_t d = 0; d < instr_.slices.size(); ++d)
      if (bit_stride_[d] != 0) bits = bits + instr_.slices[d].start * bit_stride_[d];
    ir::Affine bytes(bits.constant() / 8);
    for (const ir::Term& term : bits) bytes.add(term.var, term.coef / 8);
    return bytes;
  }

  /// What of it serial loops move on.
  ir::Affine loop_bytes() const {
    ir::Affine moved;
    for (const ir::Term& term : all_bytes())
      if (s_.is_serial[static_cast<size_t>(term.var)]) moved.add(term.var, term.coef);
    return moved;
  }

  /// The buffer's first element that the slices name, the same for all lanes and registers.
  llvm::Value* origin() {
    if (origin_ != nullptr) return origin_;
    const ir::Affine bytes = all_bytes();
    origin_ = place_.base;
    for (size_t d = 0; d < byte_stride_.size(); ++d)
      if (byte_stride_[d] != nullptr && instr_.slices[d].start != ir::Affine(0))
        origin_ =
            b_.CreateGEP(b_.getInt8Ty(), origin_, b_.CreateMul(s_.evaluate64(instr_.slices[d].start), byte_stride_[d]));
    llvm::Value* index = is_own() ? s_.evaluate(bytes) : s_.evaluate64(bytes);
    if (is_own()) index = b_.CreateTrunc(index, b_.getInt32Ty());
    if (bytes != ir::Affine(0)) origin_ = b_.CreateGEP(b_.getInt8Ty(), origin_, index);
    return origin_;
  }

  /// What the lane adds, i32; null for nothing. Padding is held inside the tile.
  llvm::Value* lane_bytes(Coord part) {
    llvm::Value* sum = nullptr;
    for (const Dim dim : all_dims) {
      const int d = dimension_[static_cast<size_t>(dim)];
      llvm::Value* lanes = d < 0 ? nullptr : s_.lane_coord(layout_, dim);
      if (lanes == nullptr) continue;
      const int last = layout_.extent(dim) - 1 - part.of(dim);
      if (last < layout_.lane_most(dim))
        lanes = b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, lanes, s_.i32(std::max(last, 0)));
      lanes = b_.CreateMul(lanes, lane_stride(static_cast<size_t>(d)), "", true, true);
      sum = sum == nullptr ? lanes : b_.CreateAdd(sum, lanes, "", true, true);
    }
    return sum;
  }

  /// What the lane adds, the same for all registers. In a loop it is hidden from the optimizer, which would keep its sums with
  /// the immediate offsets of instructions in a register each.
  llvm::Value* followed_lanes(const ir::Affine& in_loops) {
    if (lanes_ != nullptr) return lanes_;
    lanes_ = lane_bytes(layout_.register_part(0));
    if (lanes_ == nullptr || in_loops == ir::Affine(0) || !is_cdna(s_.row.family)) return lanes_;
    llvm::Type* word = b_.getInt32Ty();
    llvm::FunctionType* type = llvm::FunctionType::get(word, {word, word}, false);
    lanes_ = b_.CreateCall(llvm::InlineAsm::get(type, "", "=v,0,s", false), {lanes_, s_.evaluate(in_loops)});
    return lanes_;
  }

  llvm::Value* lane_stride(size_t d) {
    if (byte_stride_[d] != nullptr) return b_.CreateTrunc(byte_stride_[d], b_.getInt32Ty());
    return s_.i32(bit_stride_[d] / 8);
  }

  int64_t constant_bytes(Coord part) const {
    int64_t bits = 0;
    for (size_t t = 0; t < all_dims.size(); ++t)
      if (dimension_[t] >= 0) bits += bit_stride_[static_cast<size_t>(dimension_[t])] * part.of(all_dims[t]);
    return bits / 8;
  }

  llvm::Value* offset(llvm::Value* pointer, int64_t bytes) {
    if (bytes == 0) return pointer;
    return b_.CreateGEP(b_.getInt8Ty(), pointer, is_own() ? s_.i32(bytes) : s_.i64(bytes));
  }

  Selection& s_;
  llvm::IRBuilder<>& b_;
  const ir::Instr& instr_;
  const Layout& layout_;
  const ir::Buffer& buffer_;
  const BufferPlace& place_;
  std::array<int, 3> dimension_{-1, -1, -1};  // of the buffer, for each tile dimension; -1: its extent is 1
  std::vector<int64_t> bit_stride_;           // of each buffer dimension; 0 where it is known at run time only
  std::vector<llvm::Value*> byte_stride_;     // there
  llvm::Value* origin_ = nullptr;
  llvm::Value* lanes_ = nullptr;
};

}  // namespace tilejit::amdgpu

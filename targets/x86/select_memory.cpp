// Loads and stores. Clip becomes, per dimension that is not provably inside: a jump over the whole access (dimensions of one
// element), an early exit at the first row outside, and lane masks for columns; masked lanes touch no memory.
#include <fmt/format.h>

#include <algorithm>

#include "targets/x86/select_tiles.h"

namespace tilejit::x86 {
namespace {

constexpr int lanes = 16;
constexpr int mask_columns = 64;  // columns whose bits one general register holds

class Mover {
 public:
  Mover(Selection& s, size_t position)
      : s_(s), e_(s.emit), instr_(s.kernel.body[position]), buffer_(s.kernel.buffer(instr_.buffer)),
        access_(s.addresses.access(position)), value_(instr_.op == ir::Op::load ? instr_.dst : instr_.args[0]),
        layout_(s.values.layout(value_)),
        element_bytes_(layout_.splat ? std::max(1, layout_.column_bytes / s.tile(value_).shape.depth)
                                     : layout_.column_bytes) {}

  /// Columns must be neighbours in memory, each with its depth; the layout of registers is that of memory.
  Result<void> check() const {
    const int depth = s_.tile(value_).shape.depth;
    const int bits = bits_of(buffer_.type);
    if (access_.depth_dim >= 0 && !is_dense(access_.depth_dim, bits))
      return refuse(s_, instr_, "the depth of a tile is not contiguous in the buffer");
    if (access_.col_dim >= 0 && !is_dense(access_.col_dim, int64_t{bits} * depth))
      return refuse(s_, instr_, "the columns of a tile are not contiguous in the buffer");
    const bool cuts_depth = access_.depth_dim >= 0 && is_unproved(access_.depth_dim);
    if (cuts_depth && (!layout_.splat || bits == 4)) return refuse(s_, instr_, "clip inside the depth of a column");
    return {};
  }

  void load(Registers dst) {
    const bool may_skip = skips_all() || skips_rows();
    if (may_skip)
      for (size_t i = 0; i < dst.size(); ++i) e_.push(VOp::zero, dst[i]);
    move([&](int row, int vector, const Mem& mem) {
      const Reg r = dst[layout_.index(row, vector)];
      load_one(r, mem, vector, may_skip);
    });
  }

  void store() {
    move([&](int row, int vector, const Mem& mem) {
      const Reg value = s_.values.at(value_, row, vector);
      const bool is_scalar = layout_.splat && masks_.empty();
      Inst& inst = e_.push(is_scalar ? VOp::store_low : VOp::store, Reg::none, value);
      inst.mem = mem;
      set_size(inst, vector);
      if (is_scalar) inst.bytes = static_cast<uint8_t>(layout_.column_bytes);
    });
  }

 private:
  bool is_dense(int dim, int64_t bits) const {
    const Stride stride = s_.addresses.stride(instr_.buffer, dim);
    return stride.runtime < 0 && stride.bits == bits;
  }
  bool is_unproved(int dim) const { return (access_.unproved >> dim & 1) != 0; }
  bool may_be_negative(int dim) const { return (access_.negative >> dim & 1) != 0; }
  bool is_walked(int dim) const { return dim == access_.row_dim || dim == access_.col_dim || dim == access_.depth_dim; }
  bool skips_rows() const { return access_.row_dim >= 0 && is_unproved(access_.row_dim); }
  bool skips_all() const {
    for (int d = 0; d < static_cast<int>(buffer_.dims.size()); ++d)
      if (is_unproved(d) && !is_walked(d)) return true;
    return false;
  }
  const ir::Affine& start(int dim) const { return instr_.slices[static_cast<size_t>(dim)].start; }
  const ir::Extent& extent(int dim) const { return buffer_.dims[static_cast<size_t>(dim)]; }

  /// Jumps when `value` is not below the extent; as unsigned numbers negative ones are not.
  void jump_unless_inside(Reg value, int dim, int64_t to) {
    const ir::Extent& e = extent(dim);
    if (e.is_constant())
      e_.jump(VOp::jump_ae, value, Reg::none, static_cast<int32_t>(e.constant), to);
    else
      e_.jump(VOp::jump_ae, value, s_.addresses.extent(e), 0, to);
  }

  template <typename F>
  void move(F one) {
    int64_t end = -1;
    if (skips_all() || skips_rows()) end = e_.label();
    for (int d = 0; d < static_cast<int>(buffer_.dims.size()); ++d)
      if (is_unproved(d) && !is_walked(d)) jump_unless_inside(s_.addresses.evaluate(start(d)), d, end);
    make_masks();
    Reg rows_left = Reg::none;
    if (skips_rows() && !may_be_negative(access_.row_dim)) rows_left = remaining(access_.row_dim);
    for (int row = 0; row < layout_.rows; ++row) {
      const Mem mem = row_memory(row);
      if (rows_left != Reg::none) e_.jump(VOp::jump_le, rows_left, Reg::none, row, end);
      const bool is_checked = skips_rows() && rows_left == Reg::none;
      const int64_t next = is_checked ? e_.label() : -1;
      if (is_checked)
        jump_unless_inside(e_.plus(s_.addresses.evaluate(start(access_.row_dim)), row), access_.row_dim, next);
      for (int vector = 0; vector < layout_.vectors; ++vector) {
        Mem at = mem;
        at.disp += vector * layout_.bytes();
        one(row, vector, at);
      }
      if (is_checked) e_.place(next);
    }
    if (end >= 0) e_.place(end);
  }

  /// extent - start: how many elements from the start on are inside.
  Reg remaining(int dim) {
    const Reg total = s_.addresses.extent(extent(dim));
    return e_.general(VOp::sub, total, s_.addresses.evaluate(start(dim)));
  }

  /// Rows at a run-time stride: one register walks two rows at a time.
  Mem row_memory(int row) {
    Mem mem;
    mem.kind = MemKind::pointer;
    mem.disp = static_cast<int32_t>(access_.disp);
    if (row == 0) walker_ = s_.addresses.pointer(access_);
    mem.base = walker_;
    if (access_.row_dim < 0) return mem;
    const Stride stride = s_.addresses.stride(instr_.buffer, access_.row_dim);
    if (stride.runtime < 0) {
      mem.disp += static_cast<int32_t>(row * stride.bits / 8);
      return mem;
    }
    const Reg step = s_.addresses.runtime_stride(stride.runtime);
    if (row > 0 && row % 2 == 0) {
      const Reg next = e_.gpr();
      Inst& inst = e_.push(VOp::lea, next);
      inst.mem.kind = MemKind::pointer;
      inst.mem.base = walker_;
      inst.mem.index = step;
      inst.mem.scale = 2;
      walker_ = next;
      mem.base = next;
    }
    if (row % 2 == 1) mem.index = step;
    return mem;
  }

  /// Masks of the columns (one for each vector), or of the elements of a splat.
  void make_masks() {
    const int dim = layout_.splat ? access_.depth_dim : access_.col_dim;
    if (dim < 0 || !is_unproved(dim)) return;
    const Reg left = remaining(dim);
    const Reg before =
        may_be_negative(dim) ? e_.general(VOp::sub, e_.immediate(0), s_.addresses.evaluate(start(dim))) : Reg::none;
    for (int first = 0; first < layout_.vectors * lanes; first += mask_columns) {
      Reg bits = low_bits(e_.plus(left, -first));
      if (before != Reg::none) bits = e_.general(VOp::andn, low_bits(e_.plus(before, -first)), bits);
      for (int c = 0; c < mask_columns && first + c < layout_.vectors * lanes; c += lanes) {
        Reg part = bits;
        if (c > 0) {
          part = e_.gpr();
          e_.push(VOp::shr, part, bits).imm = c;
        }
        masks_.push_back(e_.mask());
        e_.push(VOp::kmovw, masks_.back(), part);
      }
    }
  }

  /// The low min(max(count, 0), 64) bits set.
  Reg low_bits(Reg count) {
    const Reg positive = e_.general(VOp::andn, e_.general(VOp::sign, count), count);
    const Reg clamped = e_.general(VOp::min, positive, e_.immediate(mask_columns));
    return e_.general(VOp::bzhi, e_.immediate(-1), clamped);
  }

  void set_size(Inst& inst, int vector) const {
    inst.bytes = static_cast<uint8_t>(layout_.bytes());
    inst.element = static_cast<uint8_t>(element_bytes_);
    if (masks_.empty()) return;
    inst.mask = masks_[static_cast<size_t>(vector)];
    if (layout_.splat) inst.bytes = 16;
  }

  void load_one(Reg dst, const Mem& mem, int vector, bool keeps) {
    constexpr VOp broadcasts[] = {VOp::vpbroadcastb, VOp::vpbroadcastw, VOp::vpbroadcastb, VOp::vpbroadcastd};
    const VOp broadcast = broadcasts[layout_.column_bytes - 1];
    if (!layout_.splat || !masks_.empty()) {
      const Reg to = layout_.splat ? e_.zmm() : dst;
      Inst& inst = e_.push(VOp::load, to);
      inst.mem = mem;
      set_size(inst, vector);
      if (!layout_.splat) {
        inst.reads_dst = keeps;
        return;
      }
      e_.push(broadcast, dst, to).reads_dst = keeps;
      return;
    }
    Inst& inst = e_.push(broadcast, dst);
    inst.mem = mem;
    inst.reads_dst = keeps;
  }

  Selection& s_;
  Emitter& e_;
  const ir::Instr& instr_;
  const ir::Buffer& buffer_;
  const Access& access_;
  ir::Value value_;
  const TileLayout& layout_;
  int element_bytes_;
  Reg walker_ = Reg::none;
  std::vector<Reg> masks_;
};

Mem first_element(Selection& s, size_t position) {
  const Access& access = s.addresses.access(position);
  Mem mem;
  mem.kind = MemKind::pointer;
  mem.base = s.addresses.pointer(access);
  mem.disp = static_cast<int32_t>(access.disp);
  return mem;
}

}  // namespace

Result<void> select_load(Selection& s, size_t position, Registers dst) {
  Mover mover(s, position);
  TRY(mover.check());
  mover.load(dst);
  return {};
}

Result<void> select_store(Selection& s, size_t position) {
  Mover mover(s, position);
  TRY(mover.check());
  mover.store();
  return {};
}

void select_load_index(Selection& s, size_t position) {
  const Reg dst = s.emit.gpr();
  s.emit.push(VOp::load_i32, dst).mem = first_element(s, position);
  s.addresses.set(s.kernel.body[position].dst, dst);
  s.addresses.start(position, dst, 0);
}

void select_prefetch(Selection& s, size_t position) {
  constexpr int64_t line = 64;
  constexpr int64_t most_lines = 16;
  const ir::Instr& instr = s.kernel.body[position];
  int64_t elements = 1;
  for (const ir::Slice& slice : instr.slices) elements *= slice.extent;
  const int64_t bytes = bytes_of(s.kernel.buffer(instr.buffer).type, elements);
  const Mem mem = first_element(s, position);
  for (int64_t at = 0; at < std::min(bytes, line * most_lines); at += line) {
    Inst& inst = s.emit.push(VOp::prefetch);
    inst.imm = instr.imm;
    inst.mem = mem;
    inst.mem.disp += static_cast<int32_t>(at);
  }
}

}  // namespace tilejit::x86

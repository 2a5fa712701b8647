#include "targets/x86/select_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "ir/print.h"

namespace tilejit::x86 {
namespace {

constexpr int64_t slot_bytes = sizeof(BufferArg);
constexpr int64_t stride_offset = offsetof(BufferArg, row_stride_bytes);
constexpr int64_t most_disp = int64_t{1} << 30;  // leaves room for the rows of a tile in 32 bits

Mem at(Reg base, int64_t disp) {
  Mem mem;
  mem.kind = MemKind::pointer;
  mem.base = base;
  mem.disp = static_cast<int32_t>(disp);
  return mem;
}

}  // namespace

Addresses::Addresses(const ir::Kernel& kernel, Emitter& emit)
    : kernel_(kernel), emit_(emit), accesses_(kernel.body.size()), variables_(kernel.values.size(), Reg::none),
      needed_(kernel.values.size(), 0), scope_(kernel.values.size(), 0), task_(kernel.values.size(), -1) {
  int32_t parameters = 0;
  for (const ir::Buffer& buffer : kernel.buffers) {
    parameter_.push_back(buffer.is_parameter() ? parameters++ : -1);
    scratch_.push_back(emit.code.scratch_bytes);
    add_strides(buffer);
    if (buffer.space != ir::Space::scratch) continue;
    int64_t elements = 1;
    for (const ir::Extent& e : buffer.dims) elements *= e.constant;
    emit.code.scratch_bytes += (bytes_of(buffer.type, elements) + 63) / 64 * 64;
  }
}

Result<void> Addresses::plan() {
  ir::Ranges ranges(kernel_);
  int32_t tasks = 0;
  for (size_t i = 0; i < kernel_.body.size(); ++i) {
    const ir::Instr& instr = kernel_.body[i];
    if (instr.op == ir::Op::for_loop) {
      const auto v = static_cast<size_t>(instr.dst);
      if (instr.loop == ir::LoopKind::tasks)
        task_[v] = tasks++;
      else
        scope_[v] = static_cast<int32_t>(i) + 1;
      need(instr.lo->value);
      need(instr.hi->value);
      ranges.open(instr);
    } else if (instr.op == ir::Op::end) {
      ranges.close();
    } else if (ir::info(instr.op).kind == ir::OpClass::memory) {
      if (instr.op == ir::Op::load_index) scope_[static_cast<size_t>(instr.dst)] = static_cast<int32_t>(i) + 1;
      TRY(plan_access(i, ranges));
    }
  }
  return {};
}

void Addresses::need(const ir::Affine& affine) {
  for (const ir::Term& t : affine) needed_[static_cast<size_t>(t.var)] = 1;
}

/// From the last dimension outwards: what all the dimensions inside one hold.
void Addresses::add_strides(const ir::Buffer& buffer) {
  const size_t first = strides_.size();
  strides_.resize(first + most_dims);
  int64_t bits = bits_of(buffer.type);
  bool is_runtime = false;
  for (size_t d = buffer.dims.size(); d-- > 0;) {
    is_runtime |= buffer.strided && d == 0;
    strides_[first + d] = {bits, is_runtime ? Stride::unplanned : Stride::none};
    bits *= buffer.dims[d].constant;
    is_runtime |= !buffer.dims[d].is_constant();
  }
}

Stride Addresses::planned_stride(ir::BufferId buffer, int dim) {
  Stride& stride = strides_[stride_index(buffer, dim)];
  if (stride.runtime == Stride::unplanned) stride.runtime = add_runtime_stride(buffer, dim);
  return stride;
}

int Addresses::add_runtime_stride(ir::BufferId buffer, int dim) {
  const ir::Buffer& b = kernel_.buffer(buffer);
  const bool is_argument = b.strided && dim == 0;
  const Reg reg = emit_.in_entry([&] {
    if (is_argument) {
      const Reg dst = emit_.gpr();
      const int64_t slot = parameter_[static_cast<size_t>(buffer)] * slot_bytes;
      emit_.push(VOp::load64, dst).mem = at(emit_.argument(0), slot + stride_offset);
      return dst;
    }
    int64_t constant_bits = bits_of(b.type);
    Reg product = Reg::none;
    for (size_t d = static_cast<size_t>(dim) + 1; d < b.dims.size(); ++d) {
      if (b.dims[d].is_constant()) {
        constant_bits *= b.dims[d].constant;
        continue;
      }
      const Reg e = extent(b.dims[d]);
      product = product == Reg::none ? e : emit_.general(VOp::imul, product, e);
    }
    const Reg bits = emit_.times(product, constant_bits);
    const Reg bytes = emit_.gpr();
    emit_.push(VOp::shr, bytes, bits).imm = 3;
    return bytes;
  });
  runtime_strides_.push_back(reg);
  return static_cast<int>(runtime_strides_.size()) - 1;
}

/// The wide extents of the slices are the tile's, in order.
bool Addresses::map_dims(const ir::Instr& instr, Access& access) const {
  if (instr.op != ir::Op::load && instr.op != ir::Op::store) return true;
  const ir::Shape& shape = kernel_.value(instr.op == ir::Op::load ? instr.dst : instr.args[0]).tile.shape;
  std::array<int*, 3> wide{};
  size_t count = 0;
  if (shape.rows > 1) wide[count++] = &access.row_dim;
  if (shape.cols > 1) wide[count++] = &access.col_dim;
  if (shape.depth > 1) wide[count++] = &access.depth_dim;
  size_t next = 0;
  for (size_t d = 0; d < instr.slices.size(); ++d) {
    if (instr.slices[d].extent == 1) continue;
    if (next == count) return false;
    *wide[next++] = static_cast<int>(d);
  }
  return next == count;
}

Result<void> Addresses::plan_access(size_t position, const ir::Ranges& ranges) {
  const ir::Instr& instr = kernel_.body[position];
  const ir::Buffer& buffer = kernel_.buffer(instr.buffer);
  Access& access = accesses_[position];
  if (!map_dims(instr, access))
    return unsupported(fmt::format("`{}`: slices do not match the tile", ir::print(kernel_, instr)));
  terms_.clear();
  int64_t constant_bits = 0;
  for (size_t d = 0; d < instr.slices.size(); ++d) {
    const ir::Slice& slice = instr.slices[d];
    const int dim = static_cast<int>(d);
    const Stride stride = planned_stride(instr.buffer, dim);
    const bool is_runtime = stride.runtime != Stride::none;
    const int64_t unit = is_runtime ? 1 : stride.bits;
    if (!is_runtime) constant_bits += slice.start.constant() * unit;
    if (is_runtime && slice.start.constant() != 0)
      add_term({ir::Value::none, slice.start.constant(), stride.runtime, 0});
    for (const ir::Term& t : slice.start) add_term({t.var, t.coef * unit, stride.runtime, scope_of(t.var)});
    if (instr.clip) plan_clip(slice, buffer.dims[d], dim, ranges, access);
  }
  for (Term& t : terms_) {
    if (t.runtime != Stride::none) continue;
    if (t.coef % 8 != 0) return unsupported(fmt::format("`{}`: an address inside a byte", ir::print(kernel_, instr)));
    t.coef /= 8;
  }
  if (constant_bits % 8 != 0)
    return unsupported(fmt::format("`{}`: an address inside a byte", ir::print(kernel_, instr)));
  access.disp = constant_bits / 8;
  const int64_t high = access.disp / most_disp * most_disp;
  if (high != 0) add_term({ir::Value::none, high, Stride::none, 0});
  access.disp -= high;
  access.node = root(instr.buffer);
  for (const Term& t : terms_)
    if (t.coef != 0) access.node = child(access.node, instr.buffer, t);
  return {};
}

/// Outer variables first. The dimensions of constant strides share a term for each variable.
void Addresses::add_term(const Term& term) {
  const auto is_before = [](const Term& a, const Term& b) {
    return a.scope != b.scope ? a.scope < b.scope : a.var < b.var;
  };
  const auto end = std::upper_bound(terms_.begin(), terms_.end(), term, is_before);
  for (auto t = end; term.runtime == Stride::none && t != terms_.begin() && (--t)->var == term.var;)
    if (t->runtime == Stride::none) {
      t->coef += term.coef;
      return;
    }
  terms_.insert(end, term);
}

/// Which ends of a clipped dimension have to be checked, because no proof says that the slice is inside.
void Addresses::plan_clip(const ir::Slice& slice, const ir::Extent& extent_of_dim, int dim, const ir::Ranges& ranges,
                          Access& access) {
  const ir::Interval start = ranges.of(slice.start);
  const auto fits = [&](int64_t last) { return last + slice.extent <= extent_of_dim.constant; };
  const bool inside = extent_of_dim.is_constant() && (fits(start.hi) || fits(ranges.upper(slice.start)));
  const bool negative = start.lo < 0;
  if (inside && !negative) return;
  access.unproved |= static_cast<uint8_t>(1u << dim);
  if (negative) access.negative |= static_cast<uint8_t>(1u << dim);
  need(slice.start);
}

int Addresses::root(ir::BufferId buffer) {
  for (size_t n = 0; n < nodes_.size(); ++n)
    if (nodes_[n].parent < 0 && nodes_[n].buffer == buffer) return static_cast<int>(n);
  nodes_.push_back({-1, buffer, {}, base(buffer)});
  return static_cast<int>(nodes_.size()) - 1;
}

Reg Addresses::base(ir::BufferId buffer) {
  return emit_.in_entry([&] {
    const auto b = static_cast<size_t>(buffer);
    if (parameter_[b] < 0) return emit_.plus(emit_.argument(3), scratch_[b]);
    const Reg dst = emit_.gpr();
    emit_.push(VOp::load64, dst).mem = at(emit_.argument(0), parameter_[b] * slot_bytes);
    return dst;
  });
}

int Addresses::child(int parent, ir::BufferId buffer, const Term& term) {
  for (size_t n = 0; n < nodes_.size(); ++n)
    if (nodes_[n].parent == parent && nodes_[n].term == term) return static_cast<int>(n);
  Node node{parent, buffer, term, emit_.gpr()};
  if (term.scope == 0)
    emit_.in_entry([&] {
      const bool is_one = term.var == ir::Value::none;
      set_from_parent(node, is_one ? Reg::none : variable(term.var), 1);
      return 0;
    });
  nodes_.push_back(node);
  return static_cast<int>(nodes_.size()) - 1;
}

/// node = parent + coef * value [* stride]; without a register the value is the constant.
void Addresses::set_from_parent(Node& node, Reg value, int64_t constant_value) {
  const Reg parent = nodes_[static_cast<size_t>(node.parent)].reg;
  const Term& term = node.term;
  Reg offset = Reg::none;
  if (term.runtime != Stride::none) {
    const Reg stride_reg = runtime_stride(term.runtime);
    if (value == Reg::none) {
      if (constant_value != 0) offset = emit_.times(stride_reg, term.coef * constant_value);
    } else {
      offset = emit_.times(emit_.general(VOp::imul, value, stride_reg), term.coef);
    }
  } else if (value != Reg::none) {
    offset = emit_.times(value, term.coef);
  } else if (constant_value != 0) {
    const int64_t bytes = term.coef * constant_value;
    if (bytes == static_cast<int32_t>(bytes)) {
      emit_.push(VOp::add_imm, node.reg, parent).imm = bytes;
      return;
    }
    offset = emit_.immediate(bytes);
  }
  if (offset == Reg::none)
    emit_.push(VOp::mov, node.reg, parent);
  else
    emit_.push(VOp::add, node.reg, parent, offset);
}

void Addresses::start(size_t position, Reg first, int64_t constant) {
  for (Node& node : nodes_)
    if (node.term.scope == static_cast<int32_t>(position) + 1) set_from_parent(node, first, constant);
}

void Addresses::advance(size_t position) {
  const int32_t scope = static_cast<int32_t>(position) + 1;
  const int64_t step = kernel_.body[position].step;
  for (const Node& node : nodes_) {
    // A parent of the same loop advances too; a child's own address holds both terms.
    for (const Node* n = &node; n->term.scope == scope; n = &nodes_[static_cast<size_t>(n->parent)]) {
      if (n->term.runtime == Stride::none) {
        emit_.add_to(node.reg, n->term.coef * step);
        continue;
      }
      const Reg stride_reg = runtime_stride(n->term.runtime);
      const Reg bytes = emit_.in_entry([&] { return emit_.times(stride_reg, n->term.coef * step); });
      emit_.push(VOp::add, node.reg, node.reg, bytes);
    }
  }
}

Reg Addresses::variable(ir::Value v) {
  Reg& reg = variables_[static_cast<size_t>(v)];
  if (reg != Reg::none) return reg;
  if (v == ir::value_m) return reg = emit_.argument(1);
  return reg = emit_.in_entry([&] {
    const Reg dst = emit_.gpr();
    emit_.push(VOp::load64, dst).mem = at(emit_.argument(2), 8 * task_[static_cast<size_t>(v)]);
    return dst;
  });
}

Reg Addresses::evaluate(const ir::Affine& affine) {
  Reg sum = Reg::none;
  for (const ir::Term& t : affine) {
    const Reg product = emit_.times(variable(t.var), t.coef);
    sum = sum == Reg::none ? product : emit_.general(VOp::add, sum, product);
  }
  return sum == Reg::none ? emit_.immediate(affine.constant()) : emit_.plus(sum, affine.constant());
}

Reg Addresses::extent(const ir::Extent& e) {
  if (e.is_constant()) return emit_.immediate(e.constant);
  const Reg blocks = divide(emit_.plus(variable(ir::value_m), e.divisor - 1), e.divisor);
  return emit_.plus(emit_.times(blocks, e.per), e.constant);
}

Reg Addresses::divide(Reg value, int64_t divisor) {
  if (divisor == 1) return value;
  const auto d = static_cast<uint64_t>(divisor);
  int shift = static_cast<int>(std::bit_width(d - 1));
  if (!std::has_single_bit(d)) {
    // magic = ceil(2^(31+shift) / d) is off by less than d / 2^(31+shift), which no value below 2^31 can see.
    shift += 31;
    value =
        emit_.general(VOp::imul, value, emit_.immediate(static_cast<int64_t>(((uint64_t{1} << shift) + d - 1) / d)));
  }
  const Reg quotient = emit_.gpr();
  emit_.push(VOp::shr, quotient, value).imm = shift;
  return quotient;
}

}  // namespace tilejit::x86

// Types and shapes: what each op takes and makes.
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <iterator>

#include "ir/mma.h"
#include "ir/print.h"
#include "ir/verify_rules.h"

namespace tilejit::ir {
namespace {

constexpr int64_t most_elements = int64_t{1} << 20;

struct Conversion {
  Type from, to;
};

// Widening is exact; the same type broadcasts or copies; f32 to 16 bits and i32 to f32 round to nearest even; f32 to i32 rounds and saturates, i32 to less
// saturates.
constexpr std::array conversions = {
    Conversion{Type::bf16, Type::f32}, Conversion{Type::f16, Type::f32}, Conversion{Type::f32, Type::bf16},
    Conversion{Type::f32, Type::f16},  Conversion{Type::i32, Type::f32}, Conversion{Type::f32, Type::i32},
    Conversion{Type::i16, Type::f32},  Conversion{Type::i8, Type::f32},  Conversion{Type::u8, Type::f32},
    Conversion{Type::u4, Type::f32},   Conversion{Type::i16, Type::i32}, Conversion{Type::i8, Type::i32},
    Conversion{Type::u8, Type::i32},   Conversion{Type::u4, Type::i32},  Conversion{Type::i32, Type::i16},
    Conversion{Type::i32, Type::i8},   Conversion{Type::i32, Type::u8},  Conversion{Type::f32, Type::f32},
    Conversion{Type::i32, Type::i32},
};

bool is_conversion(Type from, Type to) {
  for (const Conversion& c : conversions)
    if (c.from == from && c.to == to) return true;
  return false;
}

/// One instruction's tiles, and where to report.
struct Tiles {
  const Kernel& kernel;
  const Instr& instr;
  const Report& report;

  const TileType& result() const { return kernel.value(instr.dst).tile; }
  const TileType& arg(size_t i) const { return kernel.value(instr.args[i]).tile; }
  size_t count() const { return static_cast<size_t>(info(instr.op).operands); }
  std::string name() const { return std::string(info(instr.op).name); }

  void require_shape(const char* what, const TileType& tile, TileType wanted) const {
    if (tile != wanted) report(fmt::format("{} is {}, the op takes {}", what, print(tile), print(wanted)));
  }
};

void check_result(const Tiles& t) {
  const TileType& tile = t.result();
  const Shape& s = tile.shape;
  if (s.rows < 1 || s.cols < 1 || s.depth < 1) {
    t.report(fmt::format("a tile's extents are positive, {} is not", print(tile)));
    return;
  }
  if (int64_t{s.depth} * bits_of(tile.type) > deepest_bits)
    t.report(fmt::format("a depth of {} {} is {} bits, more than {}", s.depth, to_string(tile.type),
                         int64_t{s.depth} * bits_of(tile.type), deepest_bits));
  else if (s.count() > most_elements)
    t.report(fmt::format("a tile has at most {} elements, {} has {}", most_elements, print(tile), s.count()));
}

void check_fill(const Tiles& t) {
  const Type type = t.result().type;
  const int64_t imm = t.instr.imm;
  if (type != Type::f32 && type != Type::i32) t.report(fmt::format("fill makes f32 or i32, not {}", to_string(type)));
  const bool fits_f32 = imm >= 0 && imm <= std::numeric_limits<uint32_t>::max();
  const bool fits_i32 = imm >= std::numeric_limits<int32_t>::min() && imm <= std::numeric_limits<int32_t>::max();
  if (type == Type::f32 && !fits_f32) t.report(fmt::format("{} is not the 32 bits of an f32", imm));
  if (type == Type::i32 && !fits_i32) t.report(fmt::format("{} does not fit i32", imm));
}

void check_broadcast(const Tiles& t) {
  const Shape& to = t.result().shape;
  for (size_t i = 0; i < t.count(); ++i) {
    const Shape& from = t.arg(i).shape;
    const bool fits = (from.rows == to.rows || from.rows == 1) && (from.cols == to.cols || from.cols == 1) &&
                      (from.depth == to.depth || from.depth == 1);
    if (!fits)
      t.report(fmt::format("operand {} of shape {} does not broadcast to {}: each dimension is equal or 1", i + 1,
                           print(t.arg(i)), print(t.result())));
  }
}

void check_arithmetic(const Tiles& t) {
  const Type type = t.result().type;
  if (type != Type::f32 && type != Type::i32)
    t.report(fmt::format("{} is in f32 or i32, not {}", t.name(), to_string(type)));
  for (size_t i = 0; i < t.count(); ++i)
    if (t.arg(i).type != type)
      t.report(fmt::format("operand {} is {}, the result {}: convert first", i + 1, to_string(t.arg(i).type),
                           to_string(type)));
  check_broadcast(t);
}

void check_f32_only(const Tiles& t) {
  if (t.result().type != Type::f32) t.report(fmt::format("{} is in f32, not {}", t.name(), to_string(t.result().type)));
  check_arithmetic(t);
}

void check_bits(const Tiles& t) {
  if (t.result().type != Type::i32) t.report(fmt::format("{} is in i32, not {}", t.name(), to_string(t.result().type)));
  const bool shifts = t.instr.op == Op::shift_left || t.instr.op == Op::shift_right;
  if (shifts && (t.instr.imm < 0 || t.instr.imm > 31))
    t.report(fmt::format("a shift by {} lies outside 0..31", t.instr.imm));
  check_arithmetic(t);
}

void check_bitcast(const Tiles& t) {
  const Type from = t.arg(0).type;
  const Type to = t.result().type;
  if (!((from == Type::f32 && to == Type::i32) || (from == Type::i32 && to == Type::f32)))
    t.report(fmt::format("bitcast goes between f32 and i32, not from {} to {}", to_string(from), to_string(to)));
  check_broadcast(t);
}

void check_reduce(const Tiles& t) {
  const Shape& from = t.arg(0).shape;
  t.require_shape("the operand", t.arg(0), {Type::i32, {from.rows, from.cols, 1}});
  t.require_shape("the result", t.result(), {Type::i32, {from.rows, 1, 1}});
}

void check_convert(const Tiles& t) {
  if (!is_conversion(t.arg(0).type, t.result().type))
    t.report(fmt::format("there is no conversion from {} to {}", to_string(t.arg(0).type), to_string(t.result().type)));
  check_broadcast(t);
}

/// What u - z of packed weights can be without rounding: bf16 holds integers to 2^8, f16 to 2^11, f32 to 2^24.
struct Exact {
  int64_t lo, hi;
};
Exact exact_in(Type type) {
  if (type == Type::i8) return {-128, 127};
  const int64_t most = int64_t{1} << (type == Type::bf16 ? 8 : type == Type::f16 ? 11 : 24);
  return {-most, most};
}

int64_t largest_weight(Type packed) { return packed == Type::u4 ? 15 : 255; }

void check_zero(const Tiles& t) {
  const Exact exact = exact_in(t.result().type);
  const int64_t top = largest_weight(t.arg(0).type);
  const int64_t zero = t.instr.imm;
  if (zero < top - exact.hi || zero > -exact.lo)
    t.report(fmt::format("zero {} lies outside {}..{}, where u - zero is exact in {}", zero, top - exact.hi, -exact.lo,
                         to_string(t.result().type)));
}

void check_zeros(const Tiles& t) {
  const TileType& to = t.result();
  const TileType& zeros = t.arg(1);
  const bool one_each = zeros.shape == Shape{1, to.shape.cols, 1} || zeros.shape == Shape{1, 1, 1};
  if (zeros.type != Type::i32 || !one_each)
    t.report(fmt::format("the zeros are {}, the op takes i32[1,{}] or i32[1,1]", print(zeros), to.shape.cols));
  if (largest_weight(t.arg(0).type) + 1 > -exact_in(to.type).lo)
    t.report(fmt::format("{} cannot hold {} - z", to_string(to.type), to_string(t.arg(0).type)));
}

/// f32[1,C], bf16[1,C,K], f16[1,C,K], i8[1,C,K] or u8[1,C,4].
bool is_unpacked(const TileType& to) {
  if (to.type == Type::f32) return to.shape.depth == 1;
  if (to.type == Type::u8) return to.shape.depth == 4;
  return to.type == Type::bf16 || to.type == Type::f16 || to.type == Type::i8;
}

void check_unpacked_shape(const Tiles& t) {
  const Shape& to = t.result().shape;
  const Shape& from = t.arg(0).shape;
  if (to.rows != 1) t.report("an unpacked tile has one row");
  if (from.cols != to.cols) t.report(fmt::format("{} packed columns do not make {} columns", from.cols, to.cols));
  if (from.rows < 1 || to.depth % from.rows != 0)
    t.report(fmt::format("{} packed rows do not divide the depth {}", from.rows, to.depth));
  else if (to.depth < 1 || from.depth % (to.depth / from.rows) != 0)
    t.report(fmt::format("a depth of {} in each of {} rows does not divide the packed depth {}", to.depth / from.rows,
                         from.rows, from.depth));
}

void check_unpack(const Tiles& t) {
  const TileType& to = t.result();
  const TileType& from = t.arg(0);
  if (!is_unpacked(to))
    t.report(fmt::format("{} makes f32[1,C], bf16, f16 or i8[1,C,K] or u8[1,C,4], not {}", t.name(), print(to)));
  const bool is_float = (from.type == Type::bf16 || from.type == Type::f16) && t.instr.op == Op::unpack &&
                        (to.type == from.type || (from.type == Type::bf16 && to.type == Type::f32));
  if (from.type != Type::u4 && from.type != Type::u8 && !is_float)
    t.report(fmt::format("{} takes u4 or u8 (unpack also bf16 to bf16 or f32, and f16 to f16), not {}", t.name(),
                         to_string(from.type)));
  if (to.type == Type::u8 && t.instr.op == Op::unpack_zero) t.report("u8 cannot hold u - z: unpack with zero 0");
  const bool subtracts = to.type != Type::u8 && !is_float;
  if (!subtracts && t.instr.imm != 0)
    t.report(fmt::format("zero {}: unpack from {} to {} subtracts nothing", t.instr.imm, to_string(from.type),
                         to_string(to.type)));
  check_unpacked_shape(t);
  if (t.instr.op == Op::unpack_zero) return check_zeros(t);
  if (subtracts) check_zero(t);
}

void check_dot(const Tiles& t, Type x, Type w, Type sum, int32_t depth) {
  const Shape& to = t.result().shape;
  t.require_shape("the result", t.result(), {sum, {to.rows, to.cols, 1}});
  t.require_shape("operand 1", t.arg(0), {x, {to.rows, 1, depth}});
  t.require_shape("operand 2", t.arg(1), {w, {1, to.cols, depth}});
  t.require_shape("operand 3", t.arg(2), {sum, {to.rows, to.cols, 1}});
}

void check_mma(const Tiles& t) {
  const auto rows = mma_rows();
  if (t.instr.imm < 0 || t.instr.imm >= std::ssize(rows)) {
    t.report(fmt::format("row {} of the numerics does not exist, there are {}", t.instr.imm, rows.size()));
    return;
  }
  const MmaRow& row = rows[static_cast<size_t>(t.instr.imm)];
  const int32_t depth = t.arg(0).shape.depth;
  if (depth % row.k != 0)
    t.report(fmt::format("a depth of {} is not a multiple of {}, the k of a step of {}", depth, row.k, row.name));
  check_dot(t, row.input, row.input, row.sum, depth);
}

bool exists(const Kernel& kernel, Value v) {
  return static_cast<int32_t>(v) >= 0 && static_cast<size_t>(v) < kernel.values.size();
}

bool exists(const Kernel& kernel, BufferId b) {
  return static_cast<int32_t>(b) >= 0 && static_cast<size_t>(b) < kernel.buffers.size();
}

bool check_result_exists(const Kernel& kernel, const Instr& instr, const Report& report) {
  const bool wants_index = instr.op == Op::load_index || instr.op == Op::for_loop;
  if (!info(instr.op).writes && !wants_index) {
    if (instr.dst != Value::none) report("the op writes no register");
    return instr.dst == Value::none;
  }
  if (!exists(kernel, instr.dst)) {
    report("the op writes a register, which is missing");
    return false;
  }
  const bool is_index = kernel.value(instr.dst).tile.type == Type::index;
  if (is_index != wants_index) report(wants_index ? "the result is an index" : "the result is a tile, not an index");
  return is_index == wants_index;
}

bool check_args_exist(const Kernel& kernel, const Instr& instr, const Report& report) {
  const auto wanted = static_cast<size_t>(info(instr.op).operands);
  size_t given = 0;
  bool tiles = true;
  for (size_t i = 0; i < instr.args.size(); ++i) {
    if (instr.args[i] == Value::none) continue;
    given = i + 1;
    if (!exists(kernel, instr.args[i]) || kernel.value(instr.args[i]).tile.type == Type::index) {
      report(fmt::format("operand {} is not a tile", i + 1));
      tiles = false;
    }
  }
  for (size_t i = 0; i < given; ++i) tiles &= instr.args[i] != Value::none;
  if (given != wanted) report(fmt::format("{} takes {} operands, {} are given", info(instr.op).name, wanted, given));
  return given == wanted && tiles;
}

}  // namespace

bool check_operands(const Kernel& kernel, const Instr& instr, const Report& report) {
  const bool result = check_result_exists(kernel, instr, report);
  const bool args = check_args_exist(kernel, instr, report);
  const bool wants_buffer = info(instr.op).kind == OpClass::memory;
  const bool buffer = exists(kernel, instr.buffer) == wants_buffer;
  if (!buffer) report(wants_buffer ? "the op names a buffer, which is missing" : "the op takes no buffer");
  const bool wants_source = instr.op == Op::async_copy;
  const bool source = exists(kernel, instr.source) == wants_source;
  if (!source)
    report(wants_source ? "the op names a source buffer, which is missing" : "the op takes no source buffer");
  return result && args && buffer && source;
}

void check_tiles(const Kernel& kernel, const Instr& instr, const Report& report) {
  const Tiles tiles{kernel, instr, report};
  if (info(instr.op).writes && instr.op != Op::load_index) check_result(tiles);
  switch (instr.op) {
    case Op::fill: return check_fill(tiles);
    case Op::convert: return check_convert(tiles);
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::max:
    case Op::min: return check_arithmetic(tiles);
    case Op::fma:
    case Op::div:
    case Op::round:
    case Op::exp:
    case Op::erf:
    case Op::tanh: return check_f32_only(tiles);
    case Op::bit_and:
    case Op::bit_or:
    case Op::shift_left:
    case Op::shift_right: return check_bits(tiles);
    case Op::bitcast: return check_bitcast(tiles);
    case Op::reduce_max:
    case Op::reduce_add: return check_reduce(tiles);
    case Op::unpack:
    case Op::unpack_zero: return check_unpack(tiles);
    case Op::dot_bf16: return check_dot(tiles, Type::bf16, Type::bf16, Type::f32, 2);
    case Op::dot_i8: return check_dot(tiles, Type::i8, Type::u8, Type::i32, 4);
    case Op::mma: return check_mma(tiles);
    case Op::prefetch:
      if (instr.imm != 1 && instr.imm != 2) report(fmt::format("the cache level is 1 or 2, not {}", instr.imm));
      return;
    case Op::load:
    case Op::store:
    case Op::load_index:
    case Op::async_copy:
    case Op::for_loop:
    case Op::end:
    case Op::barrier:
    case Op::wait: return;
  }
}

void check_lane(const Kernel& kernel, const Instr& instr, const Ranges& ranges, const Report& report) {
  const Shape& from = kernel.value(instr.args[0]).tile.shape;
  const Shape& to = kernel.value(instr.dst).tile.shape;
  if (from.rows < 1 || to.depth < from.rows || to.depth % from.rows != 0) return;
  const int32_t together = to.depth / from.rows;
  if (from.depth % together != 0) return;
  const int64_t lanes = from.depth / together;
  Affine lane(instr.lane_constant);
  if (instr.lane_var != Value::none) lane.add(instr.lane_var, 1);
  const Interval range = ranges.of(lane);
  if (!ranges.is_dead() && (range.lo < 0 || range.hi >= lanes))
    report(fmt::format("lane {}..{} lies outside the {} lanes of {} in {}", range.lo, range.hi, lanes,
                       print(kernel.value(instr.dst).tile), print(kernel.value(instr.args[0]).tile)));
}

}  // namespace tilejit::ir

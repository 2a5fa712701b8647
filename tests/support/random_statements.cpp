#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "tests/support/random_generator.h"

namespace tilejit::test {

void Generator::fill() {
  const Type type = pick({Type::f32, Type::f32, Type::i32});
  const TileType tile{type, broadcast_shape()};
  const Value v = result(tile);
  const auto value = static_cast<float>(pick(-16, 16)) * 0.37f;
  b_.fill(v, type == Type::f32 ? int64_t{std::bit_cast<uint32_t>(value)} : pick(-1000, 1000));
  keep(v);
}

/// [1,C] (or [1,1]) of an input with constant dimensions; with clip it may run over the end of the row.
void Generator::load_row() {
  const Type type = pick({Type::f32, Type::bf16, Type::f16, Type::i32, Type::i8, Type::u8});
  const BufferId in = buffer(named("in", type), Space::global, type, {in_rows, in_tiles * cols_}, true);
  const int32_t cols = chance(80) ? cols_ : 1;
  const bool clip = chance(30);
  Slice columns = inside(in_tiles * cols_, cols);
  if (clip) columns.start = columns.start + Affine(pick(0, cols_));
  const TileType tile{type, {1, cols, 1}};
  const Value v = result(tile);
  b_.load(v, in, {inside(in_rows, 1), columns}, clip);
  keep(v);
}

/// [R,1] of activations with m rows, clipped, or of padded ones, whole. Any tile [R,C] when the target takes it.
void Generator::load_rows_of_m() {
  if (row_ == Value::none) return load_row();
  const Type type = pick({Type::f32, Type::f32, Type::bf16, Type::f16, Type::i8});
  const bool clip = chance(60);
  const BufferId act =
      clip ? buffer(named("a", type), Space::global, type, {Extent::of_m(), activations}, true)
           : buffer(named("ap", type), Space::workspace, type, {Extent::of_m(rows_, rows_), activations});
  const int32_t cols = !options_.lanes16 && chance(40) ? std::min<int32_t>(cols_, 8) : 1;
  const TileType tile{type, {rows_, cols, 1}};
  const Value v = result(tile);
  b_.load(v, act, {row_block(), inside(activations, cols)}, clip);
  if (cols == 1 || cols == cols_) keep(v);
}

void Generator::load_gathered() {
  const BufferId perm = buffer("perm", Space::global, Type::i32, {index_values});
  const Value at = b_.load_index("at", perm, {inside(index_values, 1)});
  const BufferId in = buffer("table", Space::global, Type::f32, {index_values, cols_});
  const TileType tile{Type::f32, {1, cols_, 1}};
  const Value v = result(tile);
  b_.load(v, in, {{Affine::of(at), 1}, {0, cols_}});
  keep(v);
}

void Generator::convert() {
  struct Pair {
    Type from, to;
  };
  static constexpr Pair pairs[] = {{Type::bf16, Type::f32}, {Type::f16, Type::f32},  {Type::i32, Type::f32},
                                   {Type::i8, Type::f32},   {Type::u8, Type::f32},   {Type::i8, Type::i32},
                                   {Type::u8, Type::i32},   {Type::f32, Type::bf16}, {Type::f32, Type::f16},
                                   {Type::f32, Type::i32},  {Type::i32, Type::i8},   {Type::i32, Type::u8},
                                   {Type::f32, Type::f32},  {Type::i32, Type::i32}};
  const Pair pair = pairs[pick(0, std::ssize(pairs) - 1)];
  const Value from = pool_tile(pair.from);
  if (from == Value::none || type_of(from).shape.depth != 1) return fill();
  const bool widens = pair.from == pair.to && chance(60);
  const Value v = result({pair.to, widens ? Shape{rows_, cols_, 1} : type_of(from).shape});
  b_.elementwise(Op::convert, v, from);
  keep(v);
}

void Generator::arithmetic() {
  const Type type = chance(75) ? Type::f32 : Type::i32;
  const TileType tile{type, broadcast_shape()};
  const std::vector<Value> fitting = operands_for(tile);
  if (fitting.empty()) return fill();
  const auto operand = [&] { return fitting[static_cast<size_t>(pick(0, static_cast<int64_t>(fitting.size()) - 1))]; };
  static constexpr Op float_ops[] = {Op::add, Op::sub, Op::mul, Op::fma, Op::fma, Op::max, Op::min, Op::div};
  static constexpr Op integer_ops[] = {Op::add, Op::sub, Op::mul, Op::max, Op::min, Op::bit_and, Op::bit_or};
  const Op op = type == Type::f32 ? float_ops[pick(0, std::ssize(float_ops) - 1)]
                                  : integer_ops[pick(0, std::ssize(integer_ops) - 1)];
  const Value a = operand(), x = operand(), c = op == Op::fma ? operand() : Value::none;
  const Value v = result(tile);
  b_.elementwise(op, v, a, x, c);
  keep(v);
}

/// No NaN: its bits may differ from the interpreter's.
Value Generator::number(Value from) {
  const TileType tile = type_of(from);
  const Value limit = fresh("limit", {Type::f32, {1, 1, 1}});
  b_.fill(limit, std::bit_cast<uint32_t>(-100.0f));
  const Value v = record(fresh("n", tile), tile);
  b_.elementwise(Op::max, v, from, limit);
  return v;
}

void Generator::unary() {
  const Type type = pick({Type::f32, Type::i32});
  Value from = pool_tile(type);
  if (from == Value::none) return fill();
  const Shape shape = type_of(from).shape;
  if (chance(40)) {
    if (type == Type::f32) from = number(from);
    const Value v = result({type == Type::f32 ? Type::i32 : Type::f32, shape});
    b_.elementwise(Op::bitcast, v, from);
    return keep(v);
  }
  const Value v = result({type, shape});
  if (type == Type::f32)
    b_.elementwise(Op::round, v, from);
  else
    b_.shift(chance(50) ? Op::shift_left : Op::shift_right, v, from, static_cast<int32_t>(pick(0, 31)));
  keep(v);
}

void Generator::reduce() {
  const Value from = pool_tile(Type::i32);
  if (from == Value::none) return fill();
  const Value v = result({Type::i32, {type_of(from).shape.rows, 1, 1}});
  b_.elementwise(chance(50) ? Op::reduce_max : Op::reduce_add, v, from);
  keep(v);
}

/// Rows to i8 as a kernel prepares activations: the greatest magnitude, its reciprocal, round, convert, store.
void Generator::quantize() {
  const TileType tile{Type::f32, {1, cols_, 1}};
  const std::vector<Value> fitting = operands_for(tile);
  if (fitting.empty()) return fill();
  const Value x = number(fitting[static_cast<size_t>(pick(0, std::ssize(fitting) - 1))]);
  const Shape wide = type_of(x).shape;
  const Value mask = fresh("mask", {Type::i32, {1, 1, 1}});
  b_.fill(mask, 0x7fffffff);
  const Value bits = fresh("bits", {Type::i32, wide});
  b_.elementwise(Op::bitcast, bits, x);
  b_.elementwise(Op::bit_and, bits, bits, mask);
  const Value most = fresh("most", {Type::i32, {1, 1, 1}});
  b_.elementwise(Op::reduce_max, most, bits);
  const TileType scalar{Type::f32, {1, 1, 1}};
  const Value absmax = record(fresh("absmax", scalar), scalar);
  b_.elementwise(Op::bitcast, absmax, most);
  const Value range = fresh("range", scalar);
  b_.fill(range, std::bit_cast<uint32_t>(127.0f));
  const Value r = record(fresh("r", scalar), scalar);
  b_.elementwise(Op::div, r, range, absmax);
  const Value y = fresh("y", tile);
  b_.elementwise(Op::mul, y, x, r);
  b_.elementwise(Op::round, y, y);
  const Value i = fresh("i", {Type::i32, tile.shape});
  b_.elementwise(Op::convert, i, y);
  const Value q = record(fresh("q", {Type::i8, tile.shape}), {Type::i8, tile.shape});
  b_.elementwise(Op::convert, q, i);
  keep(q);
  keep(absmax);
  store_side();
}

/// A tile of packed weights: u4[1,C,8] or u8[1,C,4].
Value Generator::packed(Type& type) {
  type = pick({Type::u4, Type::u8});
  const int32_t depth = type == Type::u4 ? 8 : 4;
  const BufferId w = buffer(named("w", type), Space::global, type, {tasks_, blocks, cols_, depth});
  const Value q = fresh("q", {type, {1, cols_, depth}});
  b_.load(q, w, {{Affine::of(task_), 1}, inside(blocks, 1), {0, cols_}, {0, depth}});
  return q;
}

Value Generator::unpacked(TileType tile) {
  Type type{};
  const Value q = packed(type);
  const int64_t lanes = (type == Type::u4 ? 8 : 4) / tile.shape.depth;
  Value lane_var = Value::none;
  int64_t room = lanes - 1;
  for (const GeneratedLoop& l : loops_)
    if (l.unrolled && l.last <= room && chance(70)) {
      lane_var = l.var;
      room -= l.last;
      break;
    }
  const auto lane = static_cast<int32_t>(pick(0, room));
  const Value u = record(fresh("u", tile), tile);
  const bool to_bytes = tile.type == Type::u8;
  if (to_bytes || chance(60)) {
    b_.unpack(u, q, lane_var, lane, to_bytes ? 0 : pick(0, 16));
    return u;
  }
  const Value zeros = fresh("z", {Type::i32, {1, cols_, 1}});
  if (chance(30)) {
    b_.fill(zeros, pick(0, 15));
  } else {
    const BufferId stored = buffer("zeros", Space::global, Type::u8, {blocks, cols_});
    const Value bytes = fresh("zb", {Type::u8, {1, cols_, 1}});
    b_.load(bytes, stored, {inside(blocks, 1), {0, cols_}});
    b_.elementwise(Op::convert, zeros, bytes);
  }
  b_.unpack_zero(u, q, zeros, lane_var, lane);
  return u;
}

void Generator::dequantize() {
  if (chance(75)) return keep(unpacked({Type::f32, {1, cols_, 1}}));
  const BufferId pairs = buffer("pairs", Space::global, Type::bf16, {blocks, cols_, 2});
  const Value pair = fresh("pair", {Type::bf16, {1, cols_, 2}});
  b_.load(pair, pairs, {inside(blocks, 1), {0, cols_}, {0, 2}});
  const Value v = result({Type::f32, {1, cols_, 1}});
  b_.unpack(v, pair, Value::none, static_cast<int32_t>(pick(0, 1)), 0);
  keep(v);
}

Value Generator::accumulator(TileType tile) {
  Value acc = Value::none;
  for (Value v : pool_)
    if (type_of(v) == tile && (acc == Value::none || chance(40))) acc = v;
  return acc;
}

void Generator::dot_i8() {
  if (row_ == Value::none) return dequantize();
  const bool clip = chance(50);
  const BufferId act = clip ? buffer("a4_i8", Space::global, Type::i8, {Extent::of_m(), activations}, true)
                            : buffer("ap4_i8", Space::workspace, Type::i8, {Extent::of_m(rows_, rows_), activations});
  const Value x = fresh("quad", {Type::i8, {rows_, 1, 4}});
  b_.load(x, act, {row_block(), inside(activations, 4)}, clip);
  Type type{};
  Value w = unpacked({Type::u8, {1, cols_, 4}});
  if (chance(30))
    if (const Value q = packed(type); type == Type::u8) w = q;
  const TileType tile{Type::i32, {rows_, cols_, 1}};
  const Value acc = accumulator(tile);
  const Value v = chance(60) ? acc : result(tile);
  b_.dot(Op::dot_i8, v, x, w, acc);
  keep(v);
}

void Generator::dot() {
  if (!options_.bf16_dot || row_ == Value::none) return dequantize();
  const bool clip = chance(50);
  const BufferId act = clip
                           ? buffer("a_bf16", Space::global, Type::bf16, {Extent::of_m(), activations}, true)
                           : buffer("ap_bf16", Space::workspace, Type::bf16, {Extent::of_m(rows_, rows_), activations});
  const Value x = fresh("pair", {Type::bf16, {rows_, 1, 2}});
  b_.load(x, act, {row_block(), inside(activations, 2)}, clip);
  const TileType weights{Type::bf16, {1, cols_, 2}};
  Value w = Value::none;
  if (chance(50)) {
    w = unpacked(weights);
  } else {
    w = fresh("wp", weights);
    b_.load(w, panel_, {own(blocks), {0, cols_}, {0, 2}});
  }
  const TileType tile{Type::f32, {rows_, cols_, 1}};
  const Value acc = accumulator(tile);
  const Value v = chance(60) ? acc : result(tile);
  b_.dot(Op::dot_bf16, v, x, w, acc);
  keep(v);
}

void Generator::panel() {
  if (!options_.bf16_dot) return scratch();
  const Value u = unpacked({Type::bf16, {1, cols_, 2}});
  b_.store(panel_, {own(blocks), {0, cols_}, {0, 2}}, u);
}

void Generator::scratch() {
  const TileType tile{Type::f32, {1, cols_, 1}};
  if (chance(50))
    for (Value v : pool_)
      if (type_of(v) == tile && chance(50)) return b_.store(scratch_, {own(scratch_rows), {0, cols_}}, v);
  const Value v = result(tile);
  b_.load(v, scratch_, {own(scratch_rows), {0, cols_}});
  keep(v);
}

/// A row of the task's own part of an output; sometimes read back.
void Generator::store_side() {
  const Type type = pick({Type::f32, Type::bf16, Type::f16, Type::i32, Type::i8, Type::u8});
  const BufferId side =
      buffer(named("side", type), Space::global, type, with_task_dims({Extent(side_rows), Extent(cols_)}));
  const std::vector<Slice> slices = with_task_slices({inside(side_rows, 1), {0, cols_}});
  const TileType tile{type, {1, cols_, 1}};
  for (Value v : pool_)
    if (type_of(v) == tile && chance(60)) return b_.store(side, slices, v);
  const Value v = result(tile);
  b_.load(v, side, slices);
  keep(v);
}

/// A tile [R,C] to the rows of m: clipped where rows or columns end early, or to a padded output.
void Generator::store_tile(Value v) {
  const Type type = type_of(v).type;
  const Slice columns{task_and_wave() * cols_, cols_};
  if (chance(70)) {
    const int64_t missing = pick(0, cols_ - 1);
    const BufferId out =
        buffer(named("out", type), Space::global, type, {Extent::of_m(), tasks_ * waves_ * cols_ - missing}, true);
    return b_.store(out, {row_block(), columns}, v, true);
  }
  const BufferId out =
      buffer(named("padded", type), Space::workspace, type, {Extent::of_m(rows_, rows_), tasks_ * waves_ * cols_});
  b_.store(out, {row_block(), columns}, v);
}

void Generator::store_out() {
  if (row_ == Value::none) return store_side();
  const TileType tile{pick({Type::f32, Type::bf16, Type::f16, Type::i32}), {rows_, cols_, 1}};
  for (Value v : pool_)
    if (type_of(v) == tile && chance(70)) return store_tile(v);
}

/// Every wave writes its row of a shared buffer, by a store or a copy from memory, and reads that of another one. The first
/// barrier lets the others finish what they read before, as in an earlier iteration.
void Generator::exchange() {
  if (wave_loops_ == 0) return fill();
  const TileType tile{Type::f32, {1, cols_, 1}};
  const BufferId shared = b_.buffer("shared" + std::to_string(exchanges_++), Space::shared, Type::f32, {waves_, cols_});
  const std::vector<Slice> mine = {{wave_, 1}, {0, cols_}};
  Value stored = pool_tile(Type::f32);
  const bool copies = stored == Value::none || type_of(stored) != tile || chance(30);
  b_.barrier();
  if (copies) {
    const BufferId in = buffer("in_f32", Space::global, Type::f32, {in_rows, in_tiles * cols_}, true);
    b_.async_copy(shared, mine, in, {inside(in_rows, 1), inside(in_tiles * cols_, cols_)});
    b_.wait(0);
  } else {
    b_.store(shared, mine, stored);
  }
  b_.barrier();
  const Value v = result(tile);
  b_.load(v, shared, {{wave_ * -1 + (waves_ - 1), 1}, {0, cols_}});
  keep(v);
}

/// Weights of a matrix step, unpacked from one or more rows of lanes.
void Generator::matrix_step() {
  if (row_ == Value::none) return dequantize();
  const auto number = static_cast<int>(pick(0, std::ssize(ir::mma_rows()) - 1));
  const ir::MmaRow& numerics = ir::mma_rows()[static_cast<size_t>(number)];
  const auto lanes = static_cast<int32_t>(int64_t{1} << pick(0, 1));
  const Type from = chance(60) ? Type::u4 : numerics.input == Type::i8 || chance(50) ? Type::u8 : numerics.input;
  const int32_t steps = from == Type::u4 ? 2 : static_cast<int32_t>(pick(1, 2));
  const TileType packed{from, {lanes, cols_, 8 * steps / lanes}};
  const BufferId w = buffer(named("wm", from) + fmt::format("_{}_{}", lanes, steps), Space::global, from,
                            {tasks_, lanes, cols_, packed.shape.depth});
  const Value q = fresh("qm", packed);
  b_.load(q, w, {{Affine::of(task_), 1}, {0, lanes}, {0, cols_}, {0, packed.shape.depth}});
  const Value u = fresh("um", {numerics.input, {1, cols_, 8}});
  const auto lane = static_cast<int32_t>(pick(0, steps - 1));
  const int64_t zero = from == Type::u4 ? pick(0, 16) : from == Type::u8 ? 128 : 0;
  if (from == Type::u4 && chance(40)) {
    const Value zeros = fresh("zm", {Type::i32, {1, 1, 1}});
    b_.fill(zeros, zero);
    b_.unpack_zero(u, q, zeros, Value::none, lane);
  } else {
    b_.unpack(u, q, Value::none, lane, zero);
  }
  const BufferId act =
      buffer(named("am", numerics.input), Space::global, numerics.input, {Extent::of_m(), activations}, true);
  const Value x = fresh("xm", {numerics.input, {rows_, 1, 8}});
  b_.load(x, act, {row_block(), inside(activations, 8)}, true);
  const TileType tile{numerics.sum, {rows_, cols_, 1}};
  const Value acc = accumulator(tile);
  const Value v = chance(60) ? acc : result(tile);
  b_.mma(number, v, x, u, acc);
  keep(v);
}

void Generator::function() {
  const TileType tile{Type::f32, broadcast_shape()};
  const std::vector<Value> fitting = operands_for(tile);
  if (fitting.empty()) return fill();
  static constexpr Op functions[] = {Op::exp, Op::erf, Op::tanh};
  const Value x = fitting[static_cast<size_t>(pick(0, std::ssize(fitting) - 1))];
  const Value v = result(tile);
  b_.elementwise(functions[pick(0, 2)], v, x);
  keep(v);
}

}  // namespace tilejit::test

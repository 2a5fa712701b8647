#include "tests/support/random_kernel.h"

#include <bit>
#include <utility>

#include "tests/support/random_generator.h"

namespace tilejit::test {
namespace {

constexpr int most_depth = 3;  // of loops inside the task

}  // namespace

/// A random affine index with start + extent <= dim for all values of the loops around.
Affine Generator::start_inside(int64_t dim, int64_t extent) {
  int64_t room = dim - extent;
  Affine start;
  int terms = 0;
  for (const GeneratedLoop& l : loops_) {
    if (l.last < 1 || l.last > room || terms == 2 || chance(30)) continue;
    const int64_t coef = pick(1, room / l.last);
    start.add(l.var, coef);
    room -= coef * l.last;
    ++terms;
  }
  return start + Affine(pick(0, room));
}

/// A new register, or one of the same type that is overwritten.
Value Generator::result(TileType type) {
  if (chance(40))
    for (Value v : pool_)
      if (type_of(v) == type && chance(50)) return v;
  static constexpr const char* names[] = {"x", "y", "t", "acc"};
  const Value v = record(fresh(names[pick(0, 3)], type), type);
  return v;
}

Value Generator::pool_tile(Type type) {
  std::vector<Value> fitting;
  for (Value v : pool_)
    if (type_of(v).type == type) fitting.push_back(v);
  return fitting.empty() ? Value::none
                         : fitting[static_cast<size_t>(pick(0, static_cast<int64_t>(fitting.size()) - 1))];
}

/// Registers of one type that broadcast to the shape.
std::vector<Value> Generator::operands_for(TileType type) {
  std::vector<Value> fitting;
  for (Value v : pool_) {
    const TileType& t = type_of(v);
    const bool rows = t.shape.rows == 1 || t.shape.rows == type.shape.rows;
    const bool cols = t.shape.cols == 1 || t.shape.cols == type.shape.cols;
    if (t.type == type.type && t.shape.depth == 1 && rows && cols) fitting.push_back(v);
  }
  return fitting;
}

BufferId Generator::buffer(const std::string& name, Space space, Type type, std::vector<Extent> dims, bool may_stride) {
  const auto found = buffers_.find(name);
  if (found != buffers_.end()) return found->second;
  const BufferId id = b_.buffer(name, space, type, std::move(dims), may_stride && chance(50));
  buffers_.emplace(name, id);
  return id;
}

/// Outputs have a place of their own for each task.
std::vector<Extent> Generator::with_task_dims(std::vector<Extent> dims) const {
  if (row_is_task_) dims.insert(dims.begin(), Extent::of_m(1, rows_));
  dims.insert(dims.begin(), tasks_ * waves_);
  return dims;
}

std::vector<Slice> Generator::with_task_slices(std::vector<Slice> slices) const {
  if (row_is_task_) slices.insert(slices.begin(), {Affine::of(row_), 1});
  slices.insert(slices.begin(), {task_and_wave(), 1});
  return slices;
}

void Generator::loop(int depth) {
  const bool unrolled = chance(40);
  const int64_t lo = chance(70) ? 0 : pick(1, 2);
  const int64_t step = chance(75) ? 1 : pick(2, 3);
  const int64_t trips = pick(1, unrolled ? 3 : 4);
  const int64_t last = lo + (trips - 1) * step;
  const int64_t hi = last + pick(1, step);
  const Value var = b_.for_loop(unrolled ? LoopKind::unrolled : LoopKind::serial, unrolled ? "j" : "k", lo, hi, step);
  loops_.push_back({var, last, unrolled});
  statements(static_cast<int>(pick(1, 4)), depth + 1);
  loops_.pop_back();
  b_.end();
}

/// Blocks of `block` out of `total` rows, the last one shorter: a loop whose bound depends on the loop around it. Or
/// segments of unequal length, which may be empty.
void Generator::tail_loop() {
  const int64_t total = in_rows, block = pick(2, 5);
  const TileType tile{Type::f32, {1, cols_, 1}};
  const Value v = record(fresh("tail", tile), tile);
  const BufferId in = buffer("in_f32", Space::global, Type::f32, {in_rows, in_tiles * cols_}, true);
  b_.fill(v, 0);
  keep(v);
  const Value x = fresh("row", tile);
  const int64_t outer_trips = (total + block - 1) / block;
  const Value i = b_.for_loop(LoopKind::serial, "i", 0, outer_trips);
  const bool segments = chance(50);
  Bound lo(0), hi(Affine::of(i, -block) + Affine(total));
  hi.limit = block;
  if (segments) {
    lo = Affine::of(i, total);
    hi = Affine::of(i, total) + Affine(total);
    lo.rounding = hi.rounding = Rounding::floor;
    lo.divisor = hi.divisor = outer_trips;
  }
  const Value j = b_.for_loop(LoopKind::serial, "j", lo, hi);
  const Affine row = segments ? Affine::of(j) : Affine::of(i, block) + Affine::of(j);
  b_.load(x, in, {{row, 1}, inside(in_tiles * cols_, cols_)});
  b_.elementwise(Op::add, v, v, x);
  b_.end();
  b_.end();
}

/// The rows of m block by block. It may run zero times, so what it writes is not read after it.
void Generator::row_loop(int depth) {
  Bound hi(Affine::of(ir::value_m));
  hi.rounding = Rounding::ceil;
  hi.divisor = rows_;
  const size_t written = pool_.size();
  row_ = b_.for_loop(LoopKind::serial, "i", 0, hi);
  statements(options_.instructions / 2, depth + 1);
  store_out();
  store_tile(acc_);
  row_ = Value::none;
  pool_.resize(written);
  b_.end();
}

void Generator::statement(int depth) {
  if (chance(4)) return function();
  if (depth < most_depth && chance(12)) return loop(depth);
  if (depth < most_depth && row_ == Value::none && chance(15)) return row_loop(depth);
  if (options_.gpu && chance(25)) return chance(50) ? exchange() : matrix_step();
  switch (pick(0, 20)) {
    case 0: return fill();
    case 1: return load_row();
    case 2:
    case 3: return load_rows_of_m();
    case 4: return load_gathered();
    case 5:
    case 6: return convert();
    case 7:
    case 8:
    case 9: return arithmetic();
    case 10: return dequantize();
    case 11: return dot();
    case 12: return chance(70) ? scratch() : panel();
    case 13: return store_side();
    case 14: return store_out();
    case 15: return unary();
    case 16: return reduce();
    case 17: return quantize();
    case 18:
    case 19: return dot_i8();
    case 20:
      if (chance(50)) return tail_loop();
      return b_.prefetch(scratch_, {own(scratch_rows), {0, cols_}}, chance(50) ? 1 : 2);
  }
}

void Generator::statements(int count, int depth) {
  for (int i = 0; i < count; ++i) statement(depth);
}

/// A row of waves, or a grid of them.
void Generator::open_waves() {
  if (!options_.gpu || chance(25)) return;
  waves_ = pick(1, 4);
  const bool grid = chance(40);
  for (const int64_t count : grid ? std::vector<int64_t>{pick(1, 3), waves_} : std::vector<int64_t>{waves_}) {
    const Value w = b_.for_loop(LoopKind::waves, "w", 0, count);
    wave_ = wave_ * count + Affine::of(w);
    loops_.push_back({w, count - 1, false});
    if (++wave_loops_ == 2) waves_ *= loops_[loops_.size() - 2].last + 1;
  }
}

/// Every element of scratch memory is written before anything reads it.
void Generator::init_scratch() {
  scratch_ = b_.buffer("scratch", Space::scratch, Type::f32, {waves_ * scratch_rows, cols_});
  const TileType row{Type::f32, {1, cols_, 1}};
  const Value zero = record(fresh("init", row), row);
  b_.fill(zero, std::bit_cast<uint32_t>(0.5f));
  const Value i = b_.for_loop(LoopKind::serial, "i", 0, scratch_rows);
  b_.store(scratch_, {{wave_ * scratch_rows + Affine::of(i), 1}, {0, cols_}}, zero);
  b_.end();
  keep(zero);
  if (!options_.bf16_dot) return;
  panel_ = b_.buffer("panel", Space::scratch, Type::bf16, {waves_ * blocks, cols_, 2});
  const Value k = b_.for_loop(LoopKind::serial, "k", 0, blocks);
  loops_.push_back({k, blocks - 1, false});
  const Value u = unpacked({Type::bf16, {1, cols_, 2}});
  b_.store(panel_, {{wave_ * blocks + Affine::of(k), 1}, {0, cols_}, {0, 2}}, u);
  loops_.pop_back();
  b_.end();
}

Kernel Generator::run() {
  rows_ = static_cast<int32_t>(pick(1, options_.lanes16 ? 6 : 5));
  cols_ = static_cast<int32_t>(options_.lanes16 ? 16 * pick(1, rows_ > 4 ? 2 : 4) : pick(2, 12));
  tasks_ = pick(1, 3);
  row_is_task_ = chance(50);
  task_ = b_.for_loop(LoopKind::tasks, "p", 0, tasks_);
  loops_.push_back({task_, tasks_ - 1, false});
  if (row_is_task_) {
    Bound hi(Affine::of(ir::value_m));
    hi.rounding = Rounding::ceil;
    hi.divisor = rows_;
    row_ = b_.for_loop(LoopKind::tasks, "r", 0, hi);
  }
  open_waves();
  init_scratch();
  for (Type type : {Type::f32, Type::i32}) {
    const TileType tile{type, {rows_, cols_, 1}};
    const Value v = record(fresh("acc", tile), tile);
    b_.fill(v, 0);
    keep(v);
    if (type == Type::f32) acc_ = v;
  }
  statements(options_.instructions / (row_is_task_ ? 1 : 2), 0);
  if (!row_is_task_) row_loop(0);
  for (int i = 0; i < 3; ++i) store_out();
  if (row_is_task_) store_tile(acc_);
  for (int i = 0; i < 3; ++i) store_side();
  for (int i = 0; i < wave_loops_; ++i) b_.end();
  if (row_is_task_) b_.end();
  b_.end();
  return b_.take();
}

Kernel random_kernel(uint64_t seed, RandomKernelOptions options) { return Generator(seed, options).run(); }

}  // namespace tilejit::test

#include "ir/interpret_plan.h"

#include "ir/check.h"
#include "ir/print.h"

namespace tilejit::ir::interpreter {
namespace {

using Dims = std::array<int64_t, 3>;

Dims dims_of(const Shape& shape) { return {shape.rows, shape.cols, shape.depth}; }

/// Cells from one index to the next in each dimension; a dimension of 1 is broadcast.
Dims steps_of(const Shape& shape) {
  return {shape.rows == 1 ? 0 : int64_t{shape.cols} * shape.depth, shape.cols == 1 ? 0 : int64_t{shape.depth},
          shape.depth == 1 ? 0 : int64_t{1}};
}

bool advance_together(const Walk& walk, size_t outer, size_t inner) {
  for (const Dims& step : walk.step)
    if (step[outer] != step[inner] * walk.n[inner]) return false;
  return true;
}

/// Drops levels of one iteration and merges neighbours, leaving the longest possible innermost loop.
Walk compact(const Walk& walk) {
  Walk kept;
  size_t top = 3;  // kept levels are top..2
  for (size_t level = 3; level-- > 0;) {
    if (walk.n[level] == 1) continue;
    --top;
    kept.n[top] = walk.n[level];
    for (size_t o = 0; o < 4; ++o) kept.step[o][top] = walk.step[o][level];
    if (top == 2 || !advance_together(kept, top, top + 1)) continue;
    kept.n[top + 1] *= kept.n[top];
    kept.n[top] = 1;
    for (Dims& step : kept.step) step[top] = 0;
    ++top;
  }
  return kept;
}

class Planner {
 public:
  explicit Planner(const Kernel& kernel) : kernel_(kernel) { plan_.kernel = &kernel; }

  Plan run() {
    place_registers();
    const std::vector<int32_t> partner = match_loops(kernel_);
    for (size_t i = 0; i < kernel_.body.size(); ++i) {
      const Instr& instr = kernel_.body[i];
      Step step;
      step.instr = &instr;
      step.partner = partner[i];
      if (instr.op == Op::for_loop && instr.loop == LoopKind::tasks) {
        require(instr, plan_.task_loops.empty() || partner[static_cast<size_t>(plan_.task_loops.back())] > partner[i],
                "tasks loops nest");
        step.task = static_cast<int32_t>(plan_.task_loops.size());
        plan_.task_loops.push_back(static_cast<int32_t>(i));
      }
      plan_tile_op(step);
      plan_slices(instr);
      plan_.steps.push_back(step);
    }
    return std::move(plan_);
  }

 private:
  void require(const Instr& instr, bool condition, const char* rule) {
    CHECK(condition, print(kernel_, instr) + ": " + rule + "\n" + print(kernel_));
  }

  const TileType& tile(Value v) const { return kernel_.value(v).tile; }
  int64_t first_cell(Value v) const { return plan_.first_cell[static_cast<size_t>(v)]; }

  void place_registers() {
    constexpr int64_t line = 16;  // cells of a cache line: registers start on their own
    for (const ValueInfo& value : kernel_.values) {
      plan_.first_cell.push_back(plan_.cells);
      if (value.tile.type != Type::index) plan_.cells += (value.tile.shape.count() + line - 1) / line * line;
    }
  }

  void plan_tile_op(Step& step) {
    const Instr& instr = *step.instr;
    const OpInfo& op = info(instr.op);
    const Value result = instr.op == Op::store ? instr.args[0] : instr.dst;
    if (result == Value::none || tile(result).type == Type::index) return;
    step.type = tile(result).type;
    step.cells = tile(result).shape.count();
    step.at[0] = first_cell(result);
    for (size_t i = 0; i < static_cast<size_t>(op.operands); ++i) step.at[i + 1] = first_cell(instr.args[i]);
    if (op.operands > 0) step.from = tile(instr.args[0]).type;
    switch (instr.op) {
      case Op::unpack:
      case Op::unpack_zero: return plan_unpack(step);
      case Op::dot_bf16: return plan_dot(step, 2);
      case Op::dot_i8: return plan_dot(step, 4);
      case Op::mma: return plan_mma(step);
      case Op::reduce_max:
      case Op::reduce_add: return plan_reduce(step);
      case Op::convert:
      case Op::add:
      case Op::sub:
      case Op::mul:
      case Op::fma:
      case Op::max:
      case Op::min:
      case Op::div:
      case Op::round:
      case Op::exp:
      case Op::erf:
      case Op::tanh:
      case Op::bitcast:
      case Op::bit_and:
      case Op::bit_or:
      case Op::shift_left:
      case Op::shift_right: return plan_walk(step, 1);
      case Op::fill:
      case Op::load:
      case Op::store:
      case Op::load_index:
      case Op::prefetch:
      case Op::async_copy:
      case Op::for_loop:
      case Op::end:
      case Op::barrier:
      case Op::wait: return;
    }
  }

  /// Broadcast loops over the result's cells; with a depth above 1, over that many cells of the first two operands at once.
  void plan_walk(Step& step, int64_t depth) {
    const Instr& instr = *step.instr;
    const Dims result = dims_of(tile(instr.dst).shape);
    Walk walk;
    walk.n = result;
    walk.step[0] = steps_of(tile(instr.dst).shape);
    for (size_t i = 0; i < static_cast<size_t>(info(instr.op).operands); ++i) {
      Shape shape = tile(instr.args[i]).shape;
      Dims dims = dims_of(shape);
      walk.step[i + 1] = steps_of(shape);
      if (depth > 1 && i < 2) {
        require(instr, dims[2] == depth, "the operands of a dot step have its depth");
        dims[2] = 1;
        walk.step[i + 1][2] = 0;
      }
      for (size_t d = 0; d < 3; ++d)
        require(instr, dims[d] == 1 || dims[d] == result[d], "operands have the result's shape or are broadcast");
    }
    step.walk = compact(walk);
  }

  void plan_dot(Step& step, int64_t depth) {
    require(*step.instr, tile(step.instr->dst).shape.depth == 1, "a dot step contracts depth");
    plan_walk(step, depth);
  }

  /// n = {rows, 1, columns of the operand}.
  void plan_reduce(Step& step) {
    const Shape& to = tile(step.instr->dst).shape;
    const Shape& from = tile(step.instr->args[0]).shape;
    require(*step.instr, to == Shape{from.rows, 1, 1} && from.depth == 1,
            "a reduction keeps rows and makes one column");
    step.walk.n = {from.rows, 1, from.cols};
  }

  /// n = {rows, columns, k}.
  void plan_mma(Step& step) {
    const Shape& to = tile(step.instr->dst).shape;
    const Shape& x = tile(step.instr->args[0]).shape;
    const Shape& w = tile(step.instr->args[1]).shape;
    require(*step.instr, x == Shape{to.rows, 1, x.depth} && w == Shape{1, to.cols, x.depth} && to.depth == 1,
            "a matrix step contracts depth");
    require(*step.instr, tile(step.instr->args[2]).shape == to, "a matrix step adds to tiles of its result's shape");
    step.walk.n = {to.rows, to.cols, x.depth};
  }

  /// n = {columns, results of a column in each packed row, packed weights between them}; step[2] the columns of
  /// the zeros.
  void plan_unpack(Step& step) {
    const Shape& to = tile(step.instr->dst).shape;
    const Shape& packed = tile(step.instr->args[0]).shape;
    require(*step.instr, to.rows == 1 && packed.cols == to.cols && to.depth % packed.rows == 0,
            "unpack keeps columns and shares depth between rows");
    const int32_t together = to.depth / packed.rows;
    require(*step.instr, packed.depth % together == 0, "unpack divides depth");
    step.rows = packed.rows;
    step.walk.n = {to.cols, together, packed.depth / together};
    if (step.instr->op == Op::unpack) return;
    const Shape& zeros = tile(step.instr->args[1]).shape;
    require(*step.instr, zeros.count() == 1 || (zeros.cols == to.cols && zeros.count() == to.cols),
            "zeros are one for each column");
    step.walk.step[2][0] = zeros.count() == 1 ? 0 : 1;
  }

  static int64_t count(const std::vector<Slice>& slices) {
    int64_t n = 1;
    for (const Slice& s : slices) n *= s.extent;
    return n;
  }

  void plan_slices(const Instr& instr) {
    if (instr.buffer == BufferId::none) return;
    const Buffer& buffer = kernel_.buffer(instr.buffer);
    require(instr, instr.slices.size() == buffer.dims.size() && !instr.slices.empty(), "one slice for each dimension");
    if (instr.op == Op::load || instr.op == Op::store) {
      const TileType& moved = tile(instr.op == Op::load ? instr.dst : instr.args[0]);
      require(instr, count(instr.slices) == moved.shape.count(), "the slice has the tile's size");
      require(instr, moved.type == buffer.type, "the tile has the buffer's type");
    }
    if (instr.op == Op::load_index)
      require(instr, count(instr.slices) == 1 && buffer.type == Type::i32, "an index is one i32 element");
    if (instr.source == BufferId::none) return;
    const Buffer& source = kernel_.buffer(instr.source);
    require(instr,
            instr.source_slices.size() == source.dims.size() && source.type == buffer.type &&
                count(instr.source_slices) == count(instr.slices),
            "a copy keeps type and size");
  }

  const Kernel& kernel_;
  Plan plan_;
};

}  // namespace

Plan make_plan(const Kernel& kernel) { return Planner(kernel).run(); }

}  // namespace tilejit::ir::interpreter

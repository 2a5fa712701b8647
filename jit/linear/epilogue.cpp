#include "jit/linear/epilogue.h"

#include "ir/check.h"
#include "ir/functions.h"

namespace tilejit {

using ir::Affine;
using ir::BufferId;
using ir::Extent;
using ir::Op;
using ir::Space;
using ir::Value;

EpilogueBuilder::EpilogueBuilder(const Geometry& geometry, ir::Builder& builder) : g(geometry), b(builder) {
  const auto rows = [&](const char* name, int64_t columns) {
    return b.buffer(name, Space::global, g.p.out, {Extent::of_m(), columns}, true);
  };
  if (g.p.quantizes_rows()) ascale_ = b.buffer("ascale", Space::workspace, Type::f32, {g.rows(), 1});
  int64_t columns = g.p.n;
  for (const Epilogue e : g.p.epilogue) {
    if (e == Epilogue::swiglu) columns /= 2;
    if (e == Epilogue::bias) bias_ = b.buffer("bias", Space::global, g.p.bias_type, {columns});
    if (e == Epilogue::mul) mul_ = rows("mul", columns);
    if (e == Epilogue::residual) residual_ = rows("residual", columns);
  }
  out_ = rows("out", columns);
}

void EpilogueBuilder::finish(const Position& at, const std::vector<Value>& sums) {
  if (g.p.quantizes_rows()) scale_rows(at, sums);
  const auto together = static_cast<size_t>(g.shape.halves);  // streams that swiglu joins
  for (size_t s = 0; s < sums.size(); s += together) {
    std::vector<Value> y(sums.begin() + static_cast<std::ptrdiff_t>(s),
                         sums.begin() + static_cast<std::ptrdiff_t>(s + together));
    for (const Epilogue e : g.p.epilogue) {
      const bool joined = y.size() < together || together == 1;
      if (e == Epilogue::swiglu)
        y = {join(y[0], y[1])};
      else
        for (size_t half = 0; half < y.size(); ++half)
          y[half] = apply(e, y[half], at, columns_of(at, s + half, joined));
    }
    store(y[0], at, columns_of(at, s, true));
  }
}

/// Behind swiglu a pair of panels is one of out; before it the channels of the second half follow those of the first.
EpilogueBuilder::Columns EpilogueBuilder::columns_of(const Position& at, size_t stream, bool joined) const {
  const int64_t halves = g.shape.halves;
  const int64_t in_half = g.p.n / halves;
  const auto s = static_cast<int64_t>(stream);
  Columns c;
  // at.panel is a multiple of streams, and these of halves: its coefficients divide.
  Affine panel = at.panel;
  if (halves == 2) {
    panel = Affine(at.panel.constant() / 2);
    for (const ir::Term& term : at.panel) panel.add(term.var, term.coef / 2);
  }
  c.first = (panel + s / halves) * g.shape.panel + at.column;
  if (!joined) c.first = c.first + s % halves * in_half;
  c.clip = in_half % (g.shape.panel * g.layout.streams / halves) != 0;
  return c;
}

Value EpilogueBuilder::apply(Epilogue e, Value y, const Position& at, const Columns& columns) {
  ir::TileOps ops = functions();
  switch (e) {
    case Epilogue::bias: add_bias(y, columns); return y;
    case Epilogue::relu: relu(y); return y;
    case Epilogue::mul: with_operand(Op::mul, mul_, y, at, columns); return y;
    case Epilogue::residual: with_operand(Op::add, residual_, y, at, columns); return y;
    case Epilogue::silu: return ir::functions::silu(ops, {y}).tile;
    case Epilogue::gelu: return ir::functions::gelu(ops, {y}).tile;
    case Epilogue::gelu_tanh: return ir::functions::gelu_tanh(ops, {y}).tile;
    case Epilogue::swiglu: break;
  }
  CHECK(false, "swiglu joins two tiles");
}

Value EpilogueBuilder::join(Value gate, Value up) {
  ir::TileOps ops = functions();
  const Value y = ir::functions::silu(ops, {gate}).tile;
  b.elementwise(Op::mul, y, y, up);
  return y;
}

ir::TileOps EpilogueBuilder::functions() const { return {b.kernel(), b.kernel().body, {g.loops.mr, g.loops.nr, 1}}; }

void EpilogueBuilder::scale_rows(const Position& at, const std::vector<Value>& sums) {
  const Value scale = b.tile("a_scale", {Type::f32, {g.loops.mr, 1, 1}});
  b.load(scale, ascale_, {{at.row, g.loops.mr}, {0}}, g.clips_rows());
  for (const Value sum : sums) b.elementwise(Op::mul, sum, sum, scale);
}

void EpilogueBuilder::add_bias(Value y, const Columns& columns) {
  const Value stored = b.tile("bias_stored", {g.p.bias_type, {1, g.loops.nr, 1}});
  b.load(stored, bias_, {{columns.first, g.loops.nr}}, columns.clip);
  Value bias = stored;
  if (g.p.bias_type != Type::f32)
    b.elementwise(Op::convert, bias = b.tile("bias", {Type::f32, {1, g.loops.nr, 1}}), stored);
  b.elementwise(Op::add, y, y, bias);
}

/// A NaN stays: max gives its second operand then.
void EpilogueBuilder::relu(Value y) {
  const Value zero = b.tile("zero", {Type::f32, {1, 1, 1}});
  b.fill(zero, 0);
  b.elementwise(Op::max, y, zero, y);
}

void EpilogueBuilder::with_operand(Op op, BufferId buffer, Value y, const Position& at, const Columns& columns) {
  const ir::Shape shape{g.loops.mr, g.loops.nr, 1};
  const Value stored = b.tile(op == Op::mul ? "mul_stored" : "residual_stored", {g.p.out, shape});
  b.load(stored, buffer, tile_at(at, columns), clips(columns));
  Value operand = stored;
  if (g.p.out != Type::f32) b.elementwise(Op::convert, operand = b.tile("operand", {Type::f32, shape}), stored);
  b.elementwise(op, y, y, operand);
}

/// The one rounding. Rows past m and channels past n are clipped.
void EpilogueBuilder::store(Value y, const Position& at, const Columns& columns) {
  Value rounded = y;
  if (g.p.out != Type::f32)
    b.elementwise(Op::convert, rounded = b.tile("y", {g.p.out, {g.loops.mr, g.loops.nr, 1}}), y);
  b.store(out_, tile_at(at, columns), rounded, clips(columns));
}

std::vector<ir::Slice> EpilogueBuilder::tile_at(const Position& at, const Columns& columns) const {
  return {{at.row, g.loops.mr}, {columns.first, g.loops.nr}};
}

bool EpilogueBuilder::clips(const Columns& columns) const { return columns.clip || g.loops.mr > 1; }

}  // namespace tilejit

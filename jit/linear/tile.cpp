#include "jit/linear/tile.h"

#include <utility>

namespace tilejit {

using ir::Affine;
using ir::BufferId;
using ir::Extent;
using ir::Op;
using ir::Slice;
using ir::Space;
using ir::TileType;
using ir::Value;

Tile::Tile(const Geometry& geometry, ir::Builder& builder) : g(geometry), b(builder) {
  const int mr = g.loops.mr;
  const int nr = g.loops.nr;
  const std::vector<Extent> per_group = {g.shape.panels, g.shape.groups, g.shape.panel};
  const TileType column{Type::f32, {mr, 1, 1}};
  ap_ = b.buffer("ap", Space::workspace, g.x, {g.rows(), g.digits * g.ap_columns});
  if (g.has_c()) asum_ = b.buffer("asum", Space::workspace, Type::f32, {g.rows(), g.sums});
  if (g.needs_activation_sums()) isum_ = b.buffer("isum", Space::workspace, Type::i32, {g.rows(), g.pieces});
  if (g.p.dot == Dot::i8x2) ascale_ = b.buffer("ascale", Space::workspace, Type::f32, {g.rows(), g.pieces});
  std::vector<Extent> words = {g.shape.panels, g.shape.blocks, g.shape.panel, g.layout.kk};
  if (g.is_matrix()) words.insert(words.begin() + 2, g.shape.lanes);
  w_ = b.buffer("w", Space::global, g.p.weight_type(), std::move(words));
  if (g.p.has_scales()) scale_ = channel("s", g.p.s, per_group, Type::f32);
  if (g.p.zp == ZeroDomain::integer) zero_ = channel("z", Type::u8, per_group, Type::i32);
  if (g.has_c()) offset_ = channel("c", g.p.s, per_group, Type::f32);
  for (int d = 0; d < g.digits; ++d)
    x_.push_back(b.tile(d == 0 ? "x" : "x" + std::to_string(d), {g.x, {mr, 1, g.depth}}));
  if (!g.needs_no_unpacking() || g.loops.expand == Expand::panel) u_ = b.tile("u", {g.u, {1, nr, g.depth}});
  if (g.has_c()) row_sum_ = b.tile("a_sum", column);
  if (g.needs_activation_sums()) row_isum_ = b.tile("a_isum", {Type::i32, column.shape});
  if (g.p.dot == Dot::i8x2) row_scale_ = b.tile("a_scale", column);
  if (g.p.has_integer_dot()) {
    sum_ = b.tile("sum", {Type::f32, {mr, nr, 1}});
    if (g.needs_activation_sums() && g.p.zp == ZeroDomain::integer)
      product_ = b.tile("z_sum", {Type::i32, {mr, nr, 1}});
  }
  for (int s = 0; s < g.streams; ++s) streams_.push_back(stream_registers(static_cast<size_t>(s)));
}

Channel Tile::channel(const char* name, Type stored, std::vector<Extent> dims, Type used) {
  Channel c;
  c.buffer = b.buffer(name, Space::global, stored, std::move(dims));
  c.stored = b.tile(std::string(name) + "_stored", {stored, {1, g.loops.nr, 1}});
  c.used = stored == used ? c.stored : b.tile(std::string(name) + "_used", {used, {1, g.loops.nr, 1}});
  return c;
}

Stream Tile::stream_registers(size_t stream) {
  const ir::Shape shape{g.loops.mr, g.loops.nr, 1};
  const TileType sums{Type::f32, shape};
  const std::string suffix = stream > 0 ? std::to_string(stream) : "";
  Stream r;
  r.packed = b.tile("q" + suffix, {g.p.weight_type(), {g.shape.lanes, g.loops.nr, g.layout.kk}});
  if (zero_.buffer != BufferId::none)
    r.zero = stream > 0 ? b.tile("z_used" + suffix, {Type::i32, {1, g.loops.nr, 1}}) : zero_.used;
  for (int d = 0; d < g.digits; ++d) r.parts.push_back(b.tile((d == 0 ? "part" : "high") + suffix, {g.part, shape}));
  const bool same = !g.adds_chunks() && g.part == Type::f32;
  r.acc = same ? r.parts[0] : b.tile("acc" + suffix, sums);
  r.total = g.ks > 1 ? b.tile("total" + suffix, sums) : r.acc;
  return r;
}

Slice Tile::columns_of(size_t stream) const {
  return {at.column + static_cast<int64_t>(stream) * g.layout.panel, g.loops.nr};
}

// --- sums

std::vector<Value> Tile::totals() const {
  std::vector<Value> totals;
  for (const Stream& r : streams_) totals.push_back(r.total);
  return totals;
}

void Tile::clear_totals() {
  if (g.ks > 1)
    for (const Stream& r : streams_) b.fill(r.total, 0);
}

void Tile::clear_accs() {
  if (g.adds_chunks())
    for (const Stream& r : streams_) b.fill(r.acc, 0);
}

/// The lowest digit's sum starts at -z * sum a where z is constant: dot steps then sum a * (u - z).
void Tile::start_parts(const Affine& piece) {
  if (!g.starts_at_zero()) b.load(row_isum_, isum_, {{at.row, g.loops.mr}, {piece}}, g.clips_rows());
  for (const Stream& r : streams_)
    for (size_t d = 0; d < r.parts.size(); ++d) {
      if (d == 0 && !g.starts_at_zero())
        b.elementwise(Op::convert, r.parts[d], row_isum_);
      else
        b.fill(r.parts[d], 0);
    }
}

void Tile::add_segment() {
  if (g.ks > 1)
    for (const Stream& r : streams_) b.elementwise(Op::add, r.total, r.total, r.acc);
}

// --- operands

void Tile::load_channel(const Channel& c, std::vector<Slice> slices) {
  b.load(c.stored, c.buffer, std::move(slices));
  if (c.used != c.stored) b.elementwise(Op::convert, c.used, c.stored);
}

std::vector<Slice> Tile::scale_at(size_t stream, const Affine& scale) const {
  return {{at.panel + static_cast<int64_t>(stream)}, {scale}, {at.column, g.loops.nr}};
}

void Tile::load_zeros(const Affine& scale) {
  if (zero_.buffer == BufferId::none) return;
  for (size_t s = 0; s < streams_.size(); ++s)
    load_channel({zero_.buffer, zero_.stored, streams_[s].zero}, scale_at(s, scale));
}

void Tile::load_packed(const Affine& block) {
  std::vector<Value> own;
  for (const Stream& r : streams_) own.push_back(r.packed);
  load_packed(own, block);
}

void Tile::load_packed(const std::vector<Value>& into, const Affine& block) {
  for (size_t s = 0; s < streams_.size(); ++s) {
    std::vector<Slice> word = {
        {at.panel + static_cast<int64_t>(s)}, {block}, {at.column, g.loops.nr}, {0, g.layout.kk}};
    if (g.is_matrix()) word.insert(word.begin() + 2, {0, g.shape.lanes});
    b.load(into[s], w_, std::move(word));
  }
}

std::vector<Value> Tile::new_packed() {
  std::vector<Value> packed;
  for (size_t s = 0; s < streams_.size(); ++s)
    packed.push_back(b.tile("q", {g.p.weight_type(), {g.shape.lanes, g.loops.nr, g.layout.kk}}));
  return packed;
}

void Tile::use_packed(const std::vector<Value>& packed) {
  for (size_t s = 0; s < streams_.size(); ++s) streams_[s].packed = packed[s];
}

ChunkValues Tile::new_chunk() {
  ChunkValues values;
  const ir::Shape shape{1, g.loops.nr, 1};
  for (size_t s = 0; s < streams_.size(); ++s) {
    if (zero_.buffer != BufferId::none) values.zeros.push_back(b.tile("z_stored", {Type::u8, shape}));
    if (scale_.buffer != BufferId::none) values.scales.push_back(b.tile("s_stored", {g.p.s, shape}));
  }
  return values;
}

void Tile::load_chunk_zeros(const ChunkValues& into, const Affine& scale) {
  for (size_t s = 0; s < into.zeros.size(); ++s) b.load(into.zeros[s], zero_.buffer, scale_at(s, scale));
}

void Tile::load_chunk_scales(const ChunkValues& into, const Affine& scale) {
  for (size_t s = 0; s < into.scales.size(); ++s) b.load(into.scales[s], scale_.buffer, scale_at(s, scale));
}

void Tile::use_chunk(const ChunkValues& values) {
  for (size_t s = 0; s < values.zeros.size(); ++s) b.elementwise(Op::convert, streams_[s].zero, values.zeros[s]);
  scales_ = values.scales;
}

void Tile::prefetch(const Affine& block, int64_t words) {
  if (g.loops.prefetch == 0) return;
  constexpr int64_t most_into_l1 = 16 << 10;
  const int level = g.loops.prefetch > most_into_l1 ? 2 : 1;
  const int64_t line = line_columns();
  const int64_t tiles = g.loops.spread * (g.layout.panel / g.loops.nr);
  const Affine tile = at.row_tile * (g.layout.panel / g.loops.nr) + at.column_tile;
  if (g.loops.spread > 1 && g.loops.kc == 0) {
    // The words of the next panels lie one behind the other: each tile walks through its part of them.
    const int64_t step = ceil_div(g.layout.panel * g.streams, tiles);  // for a word of each stream
    const Affine first = tile * (g.shape.blocks * step * g.layout.kk);
    for (int64_t column = 0; column < step * words; column += line)
      b.prefetch(w_, {{at.panel}, {g.prefetch_words()}, {block * step + column}, {first, g.layout.kk}}, level);
    return;
  }
  if (tiles == 1 && g.asks_for_next_tile() && line % words == 0) return prefetch_next_tile(block, words, level);
  const int64_t share = ceil_div(ceil_div(g.layout.panel, line) * words, tiles);
  for (int s = 0; s < g.streams; ++s)
    for (int64_t i = 0; i < share; ++i)
      b.prefetch(w_,
                 {{at.panel + s}, {block + g.prefetch_words()}, {tile * (share * line) + i * line}, {0, g.layout.kk}},
                 level);
}

/// The next tile's panels lie one behind the other. Each line of an iteration is of a place of its own, that many through the
/// panels: memory answers requests to several pages side by side.
void Tile::prefetch_next_tile(const Affine& block, int64_t words, int level) {
  const int64_t line = line_columns();
  const int64_t lines = ceil_div(g.layout.panel * g.streams, line) * words;
  const int64_t place = g.shape.blocks * line / words;  // columns from one place to the next
  for (int64_t i = 0; i < lines; ++i)
    b.prefetch(w_, {{at.panel}, {g.prefetch_words()}, {block * (line / words) + i * place}, {0, g.layout.kk}}, level);
}

void Tile::load_x(const Affine& block, Step step) {
  for (int d = 0; d < g.digits; ++d) {
    const Affine column = block * g.layout.kk + Affine::of(step.j, g.shape.pair) + step.t + d * g.ap_columns;
    b.load(x_[static_cast<size_t>(d)], ap_, {{at.row, g.loops.mr}, {column, g.depth}});
  }
}

Value Tile::unpack(const Stream& stream, Step step) {
  if (g.needs_no_unpacking()) return stream.packed;
  unpack(u_, stream, step.j, step.t * (g.layout.kk / g.shape.pair));
  return u_;
}

void Tile::unpack(Value u, const Stream& stream, Value j, int lane) {
  if (g.p.weight_type() == Type::f16 && !g.is_matrix())
    b.elementwise(Op::convert, u, stream.packed);
  else if (g.unpacking_subtracts() && zero_.buffer != BufferId::none)
    b.unpack_zero(u, stream.packed, stream.zero, j, lane);
  else
    b.unpack(u, stream.packed, j, lane, g.unpacked_zero());
}

void Tile::dot(const Stream& stream, Value u) {
  if (g.is_matrix()) return b.mma(g.numerics(), stream.parts[0], x_[0], u, stream.parts[0]);
  const Op op = g.p.has_integer_dot() ? Op::dot_i8 : g.p.dot == Dot::bf16 ? Op::dot_bf16 : Op::fma;
  for (size_t d = 0; d < stream.parts.size(); ++d) b.elementwise(op, stream.parts[d], x_[d], u, stream.parts[d]);
}

MatrixOperands Tile::new_operands() {
  MatrixOperands operands;
  operands.x = b.tile("x", {g.x, {g.loops.mr, 1, g.depth}});
  for (size_t s = 0; s < streams_.size(); ++s)
    operands.u.push_back(g.needs_no_unpacking() ? Value::none : b.tile("u", {g.u, {1, g.loops.nr, g.depth}}));
  return operands;
}

void Tile::unpack(MatrixOperands& into, int64_t j) {
  for (size_t s = 0; s < streams_.size(); ++s) {
    if (g.needs_no_unpacking())
      into.u[s] = streams_[s].packed;
    else
      unpack(into.u[s], streams_[s], Value::none, static_cast<int>(j));
  }
}

void Tile::dot(const MatrixOperands& operands) {
  for (size_t s = 0; s < streams_.size(); ++s)
    b.mma(g.numerics(), streams_[s].parts[0], operands.x, operands.u[s], streams_[s].parts[0]);
}

// --- scales

void Tile::scale_parts(const Affine& scale, const Affine& piece) {
  if (!g.p.has_scales()) return;
  if (zero_.buffer != BufferId::none && g.needs_activation_sums())
    b.load(row_isum_, isum_, {{at.row, g.loops.mr}, {piece}}, g.clips_rows());
  if (g.p.dot == Dot::i8x2) b.load(row_scale_, ascale_, {{at.row, g.loops.mr}, {piece}});
  for (size_t s = 0; s < streams_.size(); ++s) scale_stream(s, scale);
}

void Tile::scale_stream(size_t stream, const Affine& scale) {
  const Stream& r = streams_[stream];
  const Value sum = g.p.has_integer_dot() ? integer_sum(r) : r.parts[0];
  Value used = scale_.used;
  if (scales_.empty())
    load_channel(scale_, scale_at(stream, scale));
  else if (scale_.used == scale_.stored)
    used = scales_[stream];
  else
    b.elementwise(Op::convert, used, scales_[stream]);
  if (g.adds_chunks())
    b.elementwise(Op::fma, r.acc, sum, used, r.acc);
  else
    b.elementwise(Op::mul, r.acc, sum, used);
}

Value Tile::integer_sum(const Stream& stream) {
  const Value low = stream.parts[0];
  if (g.digits == 2) {
    b.shift(Op::shift_left, stream.parts[1], stream.parts[1], 8);
    b.elementwise(Op::add, low, low, stream.parts[1]);
  }
  if (product_ != Value::none) {
    b.elementwise(Op::mul, product_, row_isum_, stream.zero);
    b.elementwise(Op::sub, low, low, product_);
  }
  b.elementwise(Op::convert, sum_, low);
  if (g.p.dot == Dot::i8x2) b.elementwise(Op::mul, sum_, sum_, row_scale_);
  return sum_;
}

void Tile::add_offsets(const Affine& scale, const Affine& sum) {
  if (!g.has_c()) return;
  b.load(row_sum_, asum_, {{at.row, g.loops.mr}, {sum}}, g.clips_rows());
  for (size_t s = 0; s < streams_.size(); ++s) {
    load_channel(offset_, scale_at(s, scale));
    b.elementwise(Op::fma, streams_[s].acc, row_sum_, offset_.used, streams_[s].acc);
  }
}

}  // namespace tilejit

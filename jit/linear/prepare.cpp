// The `prepare` kernel: activations in the order of the packed k, in the type of the dot, zeros in the padding; and their sums.
// Integer dots quantize: a row is first staged as f32 in scratch (quantize.h).
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "jit/linear/geometry.h"
#include "jit/linear/quantize.h"

namespace tilejit {
namespace {

using ir::Affine;
using ir::BufferId;
using ir::Extent;
using ir::LoopKind;
using ir::Op;
using ir::Slice;
using ir::Space;
using ir::TileType;
using ir::Value;

constexpr int most_waves = 8;  // of a task

/// Registers that carry a tile of activations from a's type into that of the copy.
struct Mover {
  Mover(ir::Builder& b, Type from, Type to, int rows, int cols, const std::string& name)
      : in(b.tile(name + "_in", {from, {rows, cols, 1}})),
        out(from == to ? in : b.tile(name + "_out", {to, {rows, cols, 1}})) {}
  Value in;
  Value out;
};

class Prepare {
 public:
  explicit Prepare(const Geometry& geometry)
      : g(geometry), b("prepare"), copied_(g.p.has_integer_dot() ? Type::f32 : g.x),
        vector_(b, g.p.a, copied_, 1, g.copy_columns, "v"), rows_(b, g.p.a, copied_, g.prepared_rows(), 1, "e") {
    a_ = b.buffer("a", Space::global, g.p.a, {Extent::of_m(), g.p.k}, true);
    if (g.p.perm) perm_ = b.buffer("perm", Space::global, Type::i32, {g.p.k});
    ap_ = b.buffer("ap", Space::workspace, g.x, {g.rows(), g.digits * g.ap_columns});
    if (g.has_c()) asum_ = b.buffer("asum", Space::workspace, Type::f32, {g.rows(), g.sums});
    to_ = g.p.has_integer_dot() ? staged() : ap_;
  }

  ir::Kernel build() {
    const Affine row = g.is_matrix() ? open_wave_rows() : open_rows();
    from_row_ = row;
    to_row_ = g.p.has_integer_dot() && !g.is_matrix() ? Affine(0) : row;
    copy_groups();
    // The sums of quantized rows are made of the integers.
    if (g.has_c() && !g.p.quantizes_rows()) sum_chunks();
    if (g.p.has_integer_dot())
      quantize(g, b, {.row = row, .staged_row = to_row_, .staged = to_, .ap = ap_, .asum = asum_});
    if (g.is_matrix())
      close_wave_rows();
    else if (g.prepares_single_rows())
      b.end();
    if (has_vector_tasks()) b.end();
    b.end();
    return b.take();
  }

 private:
  /// Rows of f32 before they are quantized: in a task's own memory, or, where waves run, in rows of their own.
  BufferId staged() {
    if (g.is_matrix()) return b.buffer("staged", Space::workspace, Type::f32, {g.rows(), g.ap_columns});
    return b.buffer("staged", Space::scratch, Type::f32, {g.prepared_rows(), g.ap_columns});
  }

  /// The rows of a task, shared by waves: rows past m become zeros, where they are not clipped.
  Affine open_wave_rows() {
    if (g.clips_rows()) {
      const Affine row = Affine::of(b.for_loop(LoopKind::tasks, "b", 0, Affine::of(ir::value_m)));
      if (has_vector_tasks()) vector_task_ = b.for_loop(LoopKind::tasks, "v", 0, ceil_div(g.p.k, g.copy_columns));
      return row;
    }
    ir::Bound units(Affine::of(ir::value_m));
    units.rounding = ir::Rounding::ceil;
    units.divisor = g.row_unit();
    const Affine unit = Affine::of(b.for_loop(LoopKind::tasks, "b", 0, units), g.row_unit());
    const int64_t waves = std::gcd(g.row_unit(), most_waves);
    const Affine wave = Affine::of(b.for_loop(LoopKind::waves, "w", 0, waves), g.row_unit() / waves);
    return unit + wave + Affine::of(b.for_loop(LoopKind::serial, "row", 0, g.row_unit() / waves));
  }
  void close_wave_rows() {
    if (g.clips_rows()) return;
    b.end();
    b.end();
  }

  /// A task's rows: all of them or one after another.
  Affine open_rows() {
    const Affine first = Affine::of(b.for_loop(LoopKind::tasks, "b", 0, g.row_blocks()), g.loops.mr);
    if (!g.prepares_single_rows()) return first;
    return first + Affine::of(b.for_loop(LoopKind::serial, "row", 0, g.loops.mr));
  }

  void copy_groups() {
    const int64_t columns = g.shape.group_blocks * g.shape.block_k;
    if (g.p.group == -1 || g.p.group == columns) return copy(0, 0, g.p.k, g.shape.padded_k, true);
    const int64_t full = g.p.k / g.p.group;
    const Value group = b.for_loop(LoopKind::serial, "g", 0, full);
    copy(Affine::of(group, g.p.group), Affine::of(group, columns), g.p.group, columns, false);
    b.end();
    const int64_t rest = g.p.k - full * g.p.group;
    if (rest > 0) return copy(full * g.p.group, full * columns, rest, g.shape.padded_k - full * columns, true);
    pad(0, g.shape.padded_k, to_end(g.shape.padded_k));
  }

  /// Columns [from, from+count) of a go to [to, ...) of the copy, then zeros up to `padded` columns. At the end of a row the
  /// last vector is clipped: what lies behind k is zero.
  void copy(const Affine& from, const Affine& to, int64_t count, int64_t padded, bool ends_row) {
    int64_t done = 0;
    if (!g.p.perm) done = copy_vectors(from, to, ends_row ? ceil_div(count, g.copy_columns) : count / g.copy_columns);
    if (done < count) copy_elements(from, to, done, count);
    pad(to, std::max(done, count), ends_row ? to_end(padded) : padded);
  }

  /// A staged row is read in whole vectors that start at any column: zeros follow for the last one.
  int64_t to_end(int64_t padded) const {
    if (!g.p.has_integer_dot()) return padded;
    return g.copies_whole_rows() ? ceil_div(padded, g.copy_columns) * g.copy_columns : padded + g.copy_columns - 1;
  }
  /// A task for each vector of a row: nothing is made of the whole row, and no padding follows the last vector.
  bool has_vector_tasks() const {
    return g.copies_whole_rows() && !g.p.has_integer_dot() &&
           ceil_div(g.p.k, g.copy_columns) * g.copy_columns >= g.shape.padded_k;
  }

  void pad(const Affine& to, int64_t first, int64_t padded) {
    if (first >= padded) return;
    const Value zero = b.tile("zero", {Type::f32, {g.prepared_rows(), 1, 1}});
    b.fill(zero, 0);
    Value padding = zero;
    if (copied_ != Type::f32) b.elementwise(Op::convert, padding = rows_.out, zero);
    const Value k = b.for_loop(LoopKind::serial, "pad", first, padded);
    b.store(to_, at(to_row_, to + Affine::of(k)), padding);
    b.end();
  }

  int64_t copy_vectors(const Affine& from, const Affine& to, int64_t vectors) {
    if (has_vector_tasks()) {
      const Affine column = Affine::of(vector_task_, g.copy_columns);
      copy_vector(from_row_, to_row_, column, column);
      return vectors * g.copy_columns;
    }
    const Affine r = Affine::of(b.for_loop(LoopKind::serial, "r", 0, g.prepared_rows()));
    const Value v = b.for_loop(LoopKind::serial, "v", 0, vectors);
    copy_vector(from_row_ + r, to_row_ + r, from + Affine::of(v, g.copy_columns), to + Affine::of(v, g.copy_columns));
    b.end();
    b.end();
    return vectors * g.copy_columns;
  }

  void copy_vector(const Affine& from_row, const Affine& to_row, const Affine& from, const Affine& to) {
    b.load(vector_.in, a_, {{from_row}, {from, g.copy_columns}}, true);
    if (vector_.in != vector_.out) b.elementwise(Op::convert, vector_.out, vector_.in);
    b.store(to_, {{to_row}, {to, g.copy_columns}}, vector_.out);
  }

  void copy_elements(const Affine& from, const Affine& to, int64_t lo, int64_t hi) {
    const Value k = b.for_loop(LoopKind::serial, "k", lo, hi);
    Affine source = from + Affine::of(k);
    if (g.p.perm) source = Affine::of(b.load_index("from", perm_, {{source}}));
    b.load(rows_.in, a_, at(from_row_, source), true);
    if (rows_.in != rows_.out) b.elementwise(Op::convert, rows_.out, rows_.in);
    b.store(to_, at(to_row_, to + Affine::of(k)), rows_.out);
    b.end();
  }

  /// asum[row, chunk] = the f32 sum of a over the chunk, ascending; the padding adds zeros.
  void sum_chunks() {
    for_runs(g, b, [&](const Run& run, const RunStart& start) {
      const TileType column{Type::f32, {g.prepared_rows(), 1, 1}};
      const Value sum = b.tile("sum", column);
      const Value x = b.tile("x", {copied_, column.shape});
      const Value wide = copied_ == Type::f32 ? x : b.tile("x_wide", column);
      const Value c = b.for_loop(LoopKind::serial, "c", 0, run.count);
      b.fill(sum, 0);
      const int64_t columns = run.blocks * g.shape.block_k;
      const Value k = b.for_loop(LoopKind::serial, "k", 0, columns);
      b.load(x, to_, at(to_row_, start.block * g.shape.block_k + Affine::of(c, columns) + Affine::of(k)));
      if (x != wide) b.elementwise(Op::convert, wide, x);
      b.elementwise(Op::add, sum, sum, wide);
      b.end();
      b.store(asum_, at(from_row_, start.sum + Affine::of(c)), sum);
      b.end();
    });
  }

  std::vector<Slice> at(const Affine& row, const Affine& column) const { return {{row, g.prepared_rows()}, {column}}; }

  const Geometry& g;
  ir::Builder b;
  Type copied_;
  Mover vector_, rows_;
  BufferId a_, perm_ = BufferId::none, ap_, asum_ = BufferId::none, to_;
  Affine from_row_, to_row_;
  Value vector_task_ = Value::none;
};

}  // namespace

ir::Kernel build_prepare(const Geometry& geometry) { return Prepare(geometry).build(); }

}  // namespace tilejit

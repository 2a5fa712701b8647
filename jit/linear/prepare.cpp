// The `prepare` kernel: activations in the order of the packed k, in the type of the dot, zeros in the padding; and their sums.
#include <algorithm>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "jit/linear/geometry.h"

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

constexpr int copy_columns = 16;  // columns of the tiles that copy activations

/// Registers that carry a tile of activations from a's type into the operand's.
struct Mover {
  Mover(ir::Builder& b, const Geometry& g, int rows, int cols, const std::string& name)
      : in(b.tile(name + "_in", {g.p.a, {rows, cols, 1}})),
        out(g.p.a == g.operand ? in : b.tile(name + "_out", {g.operand, {rows, cols, 1}})) {}
  Value in;
  Value out;
};

class Prepare {
 public:
  explicit Prepare(const Geometry& geometry)
      : g(geometry), b("prepare"), vector_(b, g, 1, copy_columns, "v"), rows_(b, g, g.loops.mr, 1, "e") {
    a_ = b.buffer("a", Space::global, g.p.a, {Extent::of_m(), g.p.k}, true);
    if (g.p.perm) perm_ = b.buffer("perm", Space::global, Type::i32, {g.p.k});
    ap_ = b.buffer("ap", Space::workspace, g.operand, {g.rows(), g.ap_columns});
    if (g.has_c()) asum_ = b.buffer("asum", Space::workspace, Type::f32, {g.rows(), g.sums});
  }

  ir::Kernel build() {
    row_ = Affine::of(b.for_loop(LoopKind::tasks, "b", 0, g.row_blocks()), g.loops.mr);
    const int64_t columns = g.shape.group_blocks * g.layout.kk;
    if (g.p.group == -1 || g.p.group == columns) {
      copy(0, 0, g.p.k, g.shape.padded_k, true);
    } else {
      const int64_t full = g.p.k / g.p.group;
      const Value group = b.for_loop(LoopKind::serial, "g", 0, full);
      copy(Affine::of(group, g.p.group), Affine::of(group, columns), g.p.group, columns, false);
      b.end();
      const int64_t rest = g.p.k - full * g.p.group;
      if (rest > 0) copy(full * g.p.group, full * columns, rest, g.shape.padded_k - full * columns, true);
    }
    if (g.has_c()) sum_segments();
    b.end();
    return b.take();
  }

 private:
  /// Columns [from, from+count) of a go to [to, ...) of ap, then zeros up to `padded` columns. At the end of a row the last
  /// vector is clipped: what lies behind k is zero.
  void copy(const Affine& from, const Affine& to, int64_t count, int64_t padded, bool ends_row) {
    int64_t done = 0;
    if (!g.p.perm) done = copy_vectors(from, to, ends_row ? ceil_div(count, copy_columns) : count / copy_columns);
    if (done < count) copy_elements(from, to, done, count);
    if (std::max(done, count) >= padded) return;
    const Value zero = b.tile("zero", {Type::f32, {g.loops.mr, 1, 1}});
    b.fill(zero, 0);
    Value padding = zero;
    if (g.operand != Type::f32) b.elementwise(Op::convert, padding = rows_.out, zero);
    const Value k = b.for_loop(LoopKind::serial, "pad", count, padded);
    b.store(ap_, rows_at(to + Affine::of(k)), padding);
    b.end();
  }

  int64_t copy_vectors(const Affine& from, const Affine& to, int64_t vectors) {
    const Affine row = row_ + Affine::of(b.for_loop(LoopKind::serial, "r", 0, g.loops.mr));
    const Value v = b.for_loop(LoopKind::serial, "v", 0, vectors);
    b.load(vector_.in, a_, {{row}, {from + Affine::of(v, copy_columns), copy_columns}}, true);
    if (vector_.in != vector_.out) b.elementwise(Op::convert, vector_.out, vector_.in);
    b.store(ap_, {{row}, {to + Affine::of(v, copy_columns), copy_columns}}, vector_.out);
    b.end();
    b.end();
    return vectors * copy_columns;
  }

  void copy_elements(const Affine& from, const Affine& to, int64_t lo, int64_t hi) {
    const Value k = b.for_loop(LoopKind::serial, "k", lo, hi);
    Affine source = from + Affine::of(k);
    if (g.p.perm) source = Affine::of(b.load_index("from", perm_, {{source}}));
    b.load(rows_.in, a_, rows_at(source), true);
    if (rows_.in != rows_.out) b.elementwise(Op::convert, rows_.out, rows_.in);
    b.store(ap_, rows_at(to + Affine::of(k)), rows_.out);
    b.end();
  }

  void sum_segments() {
    Affine segment = 0;
    if (g.repeats > 1) segment = Affine::of(b.for_loop(LoopKind::serial, "seg", 0, g.repeats));
    for (const std::vector<Run>& runs : g.segments)
      for (const Run& run : runs) sum_chunks(run, segment);
    if (g.repeats > 1) b.end();
  }

  /// asum[row, chunk] = the f32 sum of a over the chunk, ascending; the padding adds zeros.
  void sum_chunks(const Run& run, const Affine& segment) {
    const TileType column{Type::f32, {g.loops.mr, 1, 1}};
    const Value sum = b.tile("sum", column);
    const Value x = b.tile("x", {g.operand, column.shape});
    const Value wide = g.operand == Type::f32 ? x : b.tile("x_wide", column);
    const Value c = b.for_loop(LoopKind::serial, "c", 0, run.count);
    b.fill(sum, 0);
    const int64_t columns = run.blocks * g.layout.kk;
    const Affine first = segment * g.stride.block + run.block;
    const Value k = b.for_loop(LoopKind::serial, "k", 0, columns);
    b.load(x, ap_, rows_at(first * g.layout.kk + Affine::of(c, columns) + Affine::of(k)));
    if (x != wide) b.elementwise(Op::convert, wide, x);
    b.elementwise(Op::add, sum, sum, wide);
    b.end();
    b.store(asum_, rows_at(segment * g.stride.sum + run.sum + Affine::of(c)), sum);
    b.end();
  }

  std::vector<Slice> rows_at(const Affine& column) const { return {{row_, g.loops.mr}, {column}}; }

  const Geometry& g;
  ir::Builder b;
  Mover vector_, rows_;
  BufferId a_, perm_ = BufferId::none, ap_, asum_ = BufferId::none;
  Affine row_;
};

}  // namespace

ir::Kernel build_prepare(const Geometry& geometry) { return Prepare(geometry).build(); }

}  // namespace tilejit

// The `reduce` kernel: the sums of k segments that were tasks of their own are added in ascending order, from +0, and finished.
#include <numeric>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "jit/linear/epilogue.h"
#include "jit/linear/geometry.h"

namespace tilejit {

using ir::Affine;
using ir::LoopKind;
using ir::Op;
using ir::Value;

namespace {

constexpr int64_t most_unrolled = 16;  // segments whose sums are loaded before the first is added

class Reduce {
 public:
  /// `whole`: of the kernel that left the sums; `tile` is the same for the tiles that are reduced.
  Reduce(const Geometry& whole, const Geometry& tile) : whole_(whole), g(tile), b("reduce") {}

  ir::Kernel build() {
    const ir::BufferId partial = partial_sums(whole_, b);
    EpilogueBuilder epilogue(g, b);
    std::vector<Value> totals;
    for (int s = 0; s < g.streams; ++s) totals.push_back(b.tile("total" + suffix(s), tile(g.partial_type())));
    // Waves have few registers and many tasks.
    const LoopKind inner = g.is_matrix() ? LoopKind::tasks : LoopKind::serial;
    at_.panel = Affine::of(b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.streams), g.streams);
    at_.row = Affine::of(b.for_loop(inner, "b", 0, g.row_blocks()), g.loops.mr);
    at_.column = Affine::of(b.for_loop(inner, "h", 0, g.layout.panel / g.loops.nr), g.loops.nr);
    for (const Value total : totals) b.fill(total, 0);
    add_up(partial, totals);
    if (g.sums_are_integers()) totals = scaled(totals);
    epilogue.finish(at_, totals);
    b.end();
    b.end();
    b.end();
    return b.take();
  }

 private:
  ir::TileType tile(Type type) const { return {type, {g.loops.mr, g.loops.nr, 1}}; }
  static std::string suffix(int stream) { return stream > 0 ? std::to_string(stream) : ""; }

  void load(Value sum, ir::BufferId partial, const Affine& segment, int stream) {
    const Affine channel = (at_.panel + stream) * g.layout.panel + at_.column;
    b.load(sum, partial, {{at_.row, g.loops.mr}, {segment}, {channel, g.loops.nr}}, g.clips_rows() && g.loops.mr > 1);
  }

  void add_up(ir::BufferId partial, const std::vector<Value>& totals) {
    if (whole_.repeats > most_unrolled || !whole_.clips_rows()) {
      const Value sum = b.tile("sum", tile(g.partial_type()));
      const Affine segment = Affine::of(b.for_loop(LoopKind::serial, "seg", 0, whole_.repeats));
      for (int s = 0; s < g.streams; ++s) {
        load(sum, partial, segment, s);
        b.elementwise(Op::add, totals[static_cast<size_t>(s)], totals[static_cast<size_t>(s)], sum);
      }
      b.end();
      return;
    }
    std::vector<Value> sums;
    for (int64_t segment = 0; segment < whole_.repeats; ++segment)
      for (int s = 0; s < g.streams; ++s) {
        sums.push_back(b.tile("sum", tile(g.partial_type())));
        load(sums.back(), partial, segment, s);
      }
    for (size_t i = 0; i < sums.size(); ++i) {
      const Value total = totals[i % totals.size()];
      b.elementwise(Op::add, total, total, sums[i]);
    }
  }

  /// The exact sums in f32, times the scales of the channels.
  std::vector<Value> scaled(const std::vector<Value>& totals) {
    const ir::BufferId scales =
        b.buffer("s", ir::Space::global, g.p.s, {g.shape.panels, g.shape.groups, g.shape.panel});
    std::vector<Value> all;
    for (int s = 0; s < g.streams; ++s) {
      const ir::Shape row{1, g.loops.nr, 1};
      const Value stored = b.tile("s_stored", {g.p.s, row});
      b.load(stored, scales, {{at_.panel + s}, {0}, {at_.column, g.loops.nr}});
      Value scale = stored;
      if (g.p.s != Type::f32) b.elementwise(Op::convert, scale = b.tile("s_used", {Type::f32, row}), stored);
      all.push_back(b.tile("scaled" + suffix(s), tile(Type::f32)));
      b.elementwise(Op::convert, all.back(), totals[static_cast<size_t>(s)]);
      b.elementwise(Op::mul, all.back(), all.back(), scale);
    }
    return all;
  }

  const Geometry& whole_;
  const Geometry& g;
  ir::Builder b;
  Position at_;
};

}  // namespace

ir::BufferId partial_sums(const Geometry& g, ir::Builder& b) {
  return b.buffer("partial", ir::Space::workspace, g.partial_type(),
                  {g.rows(), int64_t{g.ks}, g.shape.panels * g.shape.panel});
}

/// Few rows are reduced one at a time, over all lanes of a wave and more: no others are touched.
ir::Kernel build_reduce(const Geometry& g) {
  if (!g.clips_rows()) return Reduce(g, g).build();
  constexpr int columns = 64;
  Schedule one_row{g.layout, g.loops};
  one_row.loops.mr = one_row.loops.wm = one_row.loops.wn = 1;
  one_row.loops.nr = std::gcd(columns, g.layout.panel);
  return Reduce(g, Geometry(g.p, one_row)).build();
}

}  // namespace tilejit

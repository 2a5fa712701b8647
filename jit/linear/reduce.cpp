// The `reduce` kernel: the sums of k segments that were tasks of their own are added in ascending order, from +0, and finished.
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

ir::BufferId partial_sums(const Geometry& g, ir::Builder& b) {
  return b.buffer("partial", ir::Space::workspace, Type::f32,
                  {g.rows(), int64_t{g.ks}, g.shape.panels * g.shape.panel});
}

ir::Kernel build_reduce(const Geometry& g) {
  ir::Builder b("reduce");
  const ir::BufferId partial = partial_sums(g, b);
  EpilogueBuilder epilogue(g, b);
  const ir::TileType tile{Type::f32, {g.loops.mr, g.loops.nr, 1}};
  const Value sum = b.tile("sum", tile);
  std::vector<Value> totals;
  for (int s = 0; s < g.streams; ++s) totals.push_back(b.tile("total" + (s > 0 ? std::to_string(s) : ""), tile));

  // Waves have few registers and many tasks.
  const LoopKind inner = g.is_matrix() ? LoopKind::tasks : LoopKind::serial;
  Position at;
  at.panel = Affine::of(b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.streams), g.streams);
  at.row = Affine::of(b.for_loop(inner, "b", 0, g.row_blocks()), g.loops.mr);
  at.column = Affine::of(b.for_loop(inner, "h", 0, g.layout.panel / g.loops.nr), g.loops.nr);
  for (const Value total : totals) b.fill(total, 0);
  const Affine segment = Affine::of(b.for_loop(LoopKind::serial, "seg", 0, g.repeats));
  for (int s = 0; s < g.streams; ++s) {
    const Affine channel = (at.panel + s) * g.layout.panel + at.column;
    b.load(sum, partial, {{at.row, g.loops.mr}, {segment}, {channel, g.loops.nr}}, g.clips_rows());
    const Value total = totals[static_cast<size_t>(s)];
    b.elementwise(Op::add, total, total, sum);
  }
  b.end();
  epilogue.finish(at, totals);
  b.end();
  b.end();
  b.end();
  return b.take();
}

}  // namespace tilejit

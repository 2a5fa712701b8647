#include "jit/linear/nest.h"

namespace tilejit {

using ir::Affine;
using ir::Bound;
using ir::LoopKind;

Nest::Nest(const Geometry& geometry, ir::Builder& builder) : g(geometry), b(builder), t(geometry, builder) {}

void Nest::open_panels() {
  const ir::Value p = b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.streams);
  t.at.panel = Affine::of(p, g.streams);
}

void Nest::open_row_block() {
  Bound blocks(Affine::of(ir::value_m));
  blocks.rounding = ir::Rounding::ceil;
  blocks.divisor = g.loops.mc;
  row_block_ = Affine::of(b.for_loop(LoopKind::tasks, "mb", 0, blocks));
}

void Nest::open_row_tiles() {
  Bound tiles = g.row_blocks();
  if (g.loops.mc > 0) {
    tiles.value = tiles.value + row_block_ * -int64_t{g.loops.mc};
    tiles.limit = g.loops.mc / g.loops.mr;
  }
  t.at.row_tile = Affine::of(b.for_loop(LoopKind::serial, "b", 0, tiles));
  t.at.row = row_block_ * g.loops.mc + local_row();
}

void Nest::open_columns() {
  t.at.column_tile = 0;
  if (g.loops.nr < g.layout.panel)
    t.at.column_tile = Affine::of(b.for_loop(LoopKind::serial, "h", 0, g.layout.panel / g.loops.nr));
  t.at.column = t.at.column_tile * g.loops.nr;
}

void Nest::close_columns() {
  if (g.loops.nr < g.layout.panel) b.end();
}

}  // namespace tilejit

// The loops of the gemm kernel: over the register tiles of a task and over segments, pieces, words and dot steps of k. In which
// order they nest, and what is done in them, is gemm.cpp's and blocked.cpp's.
#pragma once

#include <vector>

#include "ir/builder.h"
#include "jit/linear/geometry.h"
#include "jit/linear/tile.h"

namespace tilejit {

/// Refers to the geometry and the builder it is made of.
class Nest {
 public:
  Nest(const Geometry& geometry, ir::Builder& builder);

  const Geometry& g;
  ir::Builder& b;
  Tile t;
  ir::Affine segment;  // number of a repeated segment

  ir::Affine local_row() const { return t.at.row_tile * g.loops.mr; }
  RunStart start(const Run& run) const { return g.start_of(run, segment); }

  /// A task for every `streams` panels; b.end() closes it.
  void open_panels();
  /// A task for every mc rows; b.end() closes it.
  void open_row_block();
  void open_columns();
  void close_columns();

  /// body() for every register tile of the task's rows.
  template <typename Body>
  void for_rows(Body body) {
    open_row_tiles();
    open_columns();
    body();
    close_columns();
    b.end();
  }

  /// body(block) for words 0..blocks: `unroll` an iteration, the rest after the loop; each iteration starts with a prefetch for
  /// word first + block. A bound that varies is not unrolled.
  template <typename Body>
  void for_blocks(const ir::Bound& blocks, const ir::Affine& first, Body body) {
    const int64_t unroll = blocks.is_constant() ? g.loops.unroll : 1;
    ir::Bound even = blocks;
    const int64_t total = blocks.is_constant() ? blocks.value.constant() : 0;
    if (blocks.is_constant()) even = total / unroll * unroll;
    const ir::Affine k = ir::Affine::of(b.for_loop(ir::LoopKind::serial, "k", 0, even, unroll));
    t.prefetch(first + k, unroll);
    for (int64_t i = 0; i < unroll; ++i) body(k + i);
    b.end();
    for (int64_t i = total / unroll * unroll; i < total; ++i) body(ir::Affine(i));
  }

  /// body(segment) for every segment of k in ascending order.
  template <typename Body>
  void for_segments(Body body) {
    segment = 0;
    if (g.repeats > 1) segment = ir::Affine::of(b.for_loop(ir::LoopKind::serial, "seg", 0, g.repeats));
    for (const std::vector<Run>& runs : g.segments) body(runs);
    if (g.repeats > 1) b.end();
  }

  /// body(first word, words, number of the piece) for every piece of a chunk, all counted from the chunk's start.
  template <typename Body>
  void for_pieces(const Run& run, Body body) {
    if (run.pieces == 1) return body(ir::Affine(0), run.blocks, ir::Affine(0));
    const int64_t full = run.blocks / g.piece_blocks;
    const ir::Affine i = ir::Affine::of(b.for_loop(ir::LoopKind::serial, "i", 0, full));
    body(i * g.piece_blocks, g.piece_blocks, i);
    b.end();
    if (full < run.pieces)
      body(ir::Affine(full * g.piece_blocks), run.blocks - full * g.piece_blocks, ir::Affine(full));
  }

  /// The dot steps of a word, ascending in k.
  template <typename Body>
  void for_steps(Body body) {
    const int pair = g.shape.pair;
    const ir::Value j = b.for_loop(ir::LoopKind::unrolled, "j", 0, g.layout.kk / pair);
    for (int step = 0; step < pair / g.depth; ++step) body(Step{j, step});
    b.end();
  }

 private:
  void open_row_tiles();

  ir::Affine row_block_;
};

}  // namespace tilejit

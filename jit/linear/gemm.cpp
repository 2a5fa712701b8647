// The `gemm` kernel. A register tile of rows goes through all of k, its sums in registers, and unpacks beside the dot steps;
// or the order is that of blocked.cpp.
#include <vector>

#include "ir/builder.h"
#include "jit/linear/blocked.h"
#include "jit/linear/epilogue.h"
#include "jit/linear/nest.h"

namespace tilejit {
namespace {

using ir::Affine;

void block_steps(Nest& n, const Affine& block) {
  n.t.load_packed(block);
  n.for_steps([&](Step step) {
    n.t.load_x(block, step);
    for (const Stream& stream : n.t.streams()) n.t.dot(stream, n.t.unpack(stream, step));
  });
}

void add_run(Nest& n, const Run& run) {
  const Affine c = Affine::of(n.b.for_loop(ir::LoopKind::serial, "g", 0, run.count));
  const RunStart start = n.start(run);
  n.t.load_zeros(c + start.scale);
  n.for_pieces(run, [&](const Affine& word, int64_t words, const Affine& i) {
    const Affine piece = c * run.pieces + start.piece + i;
    n.t.start_parts(piece);
    const Affine first = c * run.blocks + start.block + word;
    n.for_blocks(words, first, [&](const Affine& block) { block_steps(n, first + block); });
    n.t.scale_parts(c + start.scale, piece);
  });
  n.t.add_offsets(c + start.scale, c + start.sum);
  n.b.end();
}

void whole_k(Nest& n, EpilogueBuilder& epilogue) {
  n.for_rows([&] {
    n.t.clear_totals();
    n.for_segments([&](const std::vector<Run>& segment) {
      n.t.clear_accs();
      for (const Run& run : segment) add_run(n, run);
      n.t.add_segment();
    });
    epilogue.finish(n.t.at, n.t.totals());
  });
}

/// A task computes one segment (split=1); its sums go to memory.
void segment_tasks(Nest& n, ir::BufferId partial) {
  n.segment = Affine::of(n.b.for_loop(ir::LoopKind::tasks, "seg", 0, n.g.repeats));
  n.for_rows([&] {
    n.t.clear_accs();
    for (const Run& run : n.g.segments[0]) add_run(n, run);
    for (size_t s = 0; s < n.t.streams().size(); ++s) {
      const Affine channel = (n.t.at.panel + static_cast<int64_t>(s)) * n.g.layout.panel + n.t.at.column;
      n.b.store(partial, {{n.t.at.row, n.g.loops.mr}, {n.segment}, {channel, n.g.loops.nr}}, n.t.streams()[s].acc);
    }
  });
  n.b.end();
}

}  // namespace

ir::Kernel build_gemm(const Geometry& g) {
  ir::Builder b("gemm");
  Nest n(g, b);
  if (g.loops.split != 0) {
    const ir::BufferId partial = partial_sums(g, b);
    n.open_panels();
    if (g.loops.mc > 0) n.open_row_block();
    segment_tasks(n, partial);
  } else {
    EpilogueBuilder epilogue(g, b);
    n.open_panels();
    if (g.loops.mc > 0) n.open_row_block();
    if (g.loops.is_blocked())
      build_blocked(n, epilogue);
    else
      whole_k(n, epilogue);
  }
  if (g.loops.mc > 0) b.end();
  b.end();
  return b.take();
}

}  // namespace tilejit

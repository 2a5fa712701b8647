// The `gemm` kernel of matrix steps. A task is a grid of wm x wn waves, each with a register tile of mr rows by nr channels of
// every stream. Activations come through shared memory, a stage of some columns for all rows of the task; every wave brings its
// share of the rows. With two stages one is filled while the other is used, and one barrier a stage suffices: behind it all
// waves are done with the buffer that is filled next, and have filled the one that is used next. Packed weights go from memory
// to registers as they lie.
#include <algorithm>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "jit/linear/epilogue.h"
#include "jit/linear/geometry.h"
#include "jit/linear/tile.h"

namespace tilejit {
namespace {

using ir::Affine;
using ir::Bound;
using ir::BufferId;
using ir::LoopKind;
using ir::Value;

/// How a run goes through its stages. Either a stage holds whole chunks, or a chunk takes whole stages.
struct Stages {
  int64_t blocks;  // of packed weights in a stage
  int64_t chunks;  // in a stage; 0: a chunk takes several stages
  int64_t count;   // stages of the run, or of a chunk
  bool overlaps;   // one is filled while the other is used
};

Stages stages_of(const Geometry& g, const Run& run) {
  const int64_t most = g.loops.kc / g.shape.block_k;
  const auto divisor = [](int64_t of, int64_t limit) {
    int64_t d = std::min(of, limit);
    while (of % d != 0) --d;
    return d;
  };
  if (run.blocks <= most) {
    const int64_t chunks = divisor(run.count, most / run.blocks);
    return {chunks * run.blocks, chunks, run.count / chunks, g.loops.stages > 1};
  }
  const int64_t blocks = divisor(run.blocks, most);
  const int64_t count = run.blocks / blocks;
  // Which buffer a chunk starts with is known only if each takes an even number of stages.
  return {blocks, 0, count, g.loops.stages > 1 && (run.count == 1 || count % 2 == 0)};
}

class WaveGemm {
 public:
  explicit WaveGemm(const Geometry& geometry) : g(geometry), b("gemm"), t(g, b) {
    stage_ = b.buffer("stage", ir::Space::shared, g.x,
                      {g.loops.stages, g.row_unit(), g.loops.kc + stage_padding(g.layout, g.x)});
  }

  ir::Kernel build() {
    if (g.loops.split != 0) {
      const BufferId partial = partial_sums(g, b);
      open_task();
      segment_ = Affine::of(b.for_loop(LoopKind::tasks, "seg", 0, g.repeats));
      open_waves();
      add_segment(g.segments[0]);
      store_partial(partial);
      close(task_loops_ + 1 + wave_loops_);
      return b.take();
    }
    EpilogueBuilder epilogue(g, b);
    open_task();
    open_waves();
    t.clear_totals();
    if (g.repeats > 1) segment_ = Affine::of(b.for_loop(LoopKind::serial, "seg", 0, g.repeats));
    for (const std::vector<Run>& segment : g.segments) {
      add_segment(segment);
      t.add_segment();
    }
    if (g.repeats > 1) b.end();
    epilogue.finish(t.at, t.totals());
    close(task_loops_ + wave_loops_);
    return b.take();
  }

 private:
  void close(int loops) {
    for (int i = 0; i < loops; ++i) b.end();
  }

  /// Tasks over panels, over parts of a panel where waves do not take all of it, and over row units.
  void open_task() {
    const Value p = b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.layout.streams);
    t.at.panel = Affine::of(p, g.layout.streams);
    const int64_t columns = int64_t{g.loops.nr} * g.loops.wn;
    task_loops_ = 2;
    if (columns < g.layout.panel) {
      t.at.column = Affine::of(b.for_loop(LoopKind::tasks, "h", 0, g.layout.panel / columns), columns);
      ++task_loops_;
    }
    Bound units(Affine::of(ir::value_m));
    units.rounding = ir::Rounding::ceil;
    units.divisor = g.row_unit();
    first_row_ = Affine::of(b.for_loop(LoopKind::tasks, "mb", 0, units), g.row_unit());
    t.at.row = first_row_;
  }

  void open_waves() {
    Affine y = 0;
    if (g.loops.wm > 1) {
      y = Affine::of(b.for_loop(LoopKind::waves, "y", 0, g.loops.wm));
      ++wave_loops_;
    }
    Affine x = 0;
    if (g.loops.wn > 1 || g.loops.wm == 1) {
      x = Affine::of(b.for_loop(LoopKind::waves, "x", 0, g.loops.wn));
      ++wave_loops_;
    }
    row_in_unit_ = y * g.loops.mr;
    t.at.row = first_row_ + row_in_unit_;
    t.at.column = t.at.column + x * g.loops.nr;
    copied_rows_ = g.row_unit() / (g.loops.wm * g.loops.wn);
    copied_row_ = (y * g.loops.wn + x) * copied_rows_;
  }

  void store_partial(BufferId partial) {
    for (size_t s = 0; s < t.streams().size(); ++s) {
      const Affine channel = (t.at.panel + static_cast<int64_t>(s)) * g.layout.panel + t.at.column;
      b.store(partial, {{t.at.row, g.loops.mr}, {segment_}, {channel, g.loops.nr}}, t.streams()[s].acc);
    }
  }

  // --- k
  void add_segment(const std::vector<Run>& segment) {
    t.clear_accs();
    for (const Run& run : segment) add_run(run);
  }

  void add_run(const Run& run) {
    const Stages stages = stages_of(g, run);
    copied_ = b.tile("rows", {g.x, {copied_rows_, static_cast<int32_t>(stages.blocks * g.shape.block_k), 1}});
    const Affine first = g.start_of(run, segment_).block;
    if (stages.overlaps) start_stages(first);
    if (stages.chunks > 0) {
      for_stages(stages, first, [&](const Affine& i, int buffer) { whole_chunks(run, stages, i, buffer); });
      return;
    }
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    open_chunk(run, c);
    for_stages(stages, first + c * run.blocks, [&](const Affine& i, int buffer) {
      add_blocks(first + c * run.blocks + i * stages.blocks, stages.blocks, buffer, 0);
    });
    close_chunk(run, c);
    b.end();
  }

  void whole_chunks(const Run& run, const Stages& stages, const Affine& i, int buffer) {
    Affine in_stage = 0;
    if (stages.chunks > 1) in_stage = Affine::of(b.for_loop(LoopKind::serial, "g", 0, stages.chunks));
    const Affine c = i * stages.chunks + in_stage;
    open_chunk(run, c);
    add_blocks(c * run.blocks + g.start_of(run, segment_).block, run.blocks, buffer,
               in_stage * (run.blocks * g.shape.block_k));
    close_chunk(run, c);
    if (stages.chunks > 1) b.end();
  }

  void open_chunk(const Run& run, const Affine& c) {
    const RunStart start = g.start_of(run, segment_);
    t.load_zeros(c + start.scale);
    t.start_parts(c + start.piece);
  }

  void close_chunk(const Run& run, const Affine& c) {
    const RunStart start = g.start_of(run, segment_);
    t.scale_parts(c + start.scale, c + start.piece);
    t.add_offsets(c + start.scale, c + start.sum);
  }

  /// The matrix steps of consecutive blocks, whose activations start at a column of a buffer.
  void add_blocks(const Affine& block, int64_t count, int buffer, const Affine& column) {
    const Affine k = Affine::of(b.for_loop(LoopKind::serial, "k", 0, count));
    t.load_packed(block + k);
    const Value j = b.for_loop(LoopKind::unrolled, "j", 0, g.steps);
    b.load(t.x(), stage_,
           {{buffer}, {row_in_unit_, g.loops.mr}, {column + k * g.shape.block_k + Affine::of(j, g.depth), g.depth}});
    for (const Stream& stream : t.streams()) t.dot(stream, t.unpack(stream, {j, 0}));
    b.end();
    b.end();
  }

  // --- stages
  /// body(stage, buffer) for all stages of a run or chunk whose first block is `first`.
  template <typename Body>
  void for_stages(const Stages& stages, const Affine& first, Body body) {
    if (!stages.overlaps) {
      const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, stages.count));
      b.barrier();  // the buffer is no longer read
      load_rows(first + i * stages.blocks);
      store_rows(0);
      b.barrier();
      body(i, 0);
      b.end();
      return;
    }
    const int64_t even = stages.count / 2 * 2;
    const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, even, 2));
    for (int buffer = 0; buffer < 2; ++buffer) one_stage(stages, first, i + buffer, buffer, body);
    b.end();
    if (even == stages.count) return;
    b.barrier();
    body(Affine(even), 0);
  }

  template <typename Body>
  void one_stage(const Stages& stages, const Affine& first, const Affine& i, int buffer, Body body) {
    b.barrier();
    load_rows(first + (i + 1) * stages.blocks);
    body(i, buffer);
    store_rows(1 - buffer);
  }

  /// Fills the first buffer; the barrier before the store lets others finish what they read of it.
  void start_stages(const Affine& first) {
    load_rows(first);
    b.barrier();
    store_rows(0);
  }

  void load_rows(const Affine& block) {
    b.load(copied_, t.activations(), {{first_row_ + copied_row_, copied_rows_}, {block * g.shape.block_k, columns()}});
  }
  void store_rows(int buffer) { b.store(stage_, {{buffer}, {copied_row_, copied_rows_}, {0, columns()}}, copied_); }
  int32_t columns() { return b.kernel().value(copied_).tile.shape.cols; }

  const Geometry& g;
  ir::Builder b;
  Tile t;
  BufferId stage_;
  Affine segment_ = 0;      // number of a repeated segment
  Affine first_row_;        // of the task
  Affine row_in_unit_ = 0;  // of the wave's register tile, from there
  Affine copied_row_;       // the first row that the wave brings, likewise
  int32_t copied_rows_ = 1;
  Value copied_ = Value::none;
  int task_loops_ = 0;
  int wave_loops_ = 0;
};

}  // namespace

int stage_padding(const Layout& layout, Type type) { return std::min(layout.kt, 16 * 8 / bits_of(type)); }

ir::Kernel build_wave_gemm(const Geometry& geometry) { return WaveGemm(geometry).build(); }

}  // namespace tilejit

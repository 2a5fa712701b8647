// The `gemm` kernel of matrix steps. A task is a grid of wm x wn waves, each with a register tile of mr rows by nr channels of
// every stream. Activations come through shared memory, a stage of some columns for all rows of the task; every wave brings its
// share of the rows. What a stage takes from memory is loaded to registers while the one before it is used: rows, packed
// weights as they lie, zero points, scales (with ahead=1 these when it begins). With two buffers of rows one barrier a stage
// suffices: behind it all waves are done with the buffer that is filled next, and have filled the one that is used next. One
// buffer takes half of the shared memory, and a second barrier before it is filled.
#include <algorithm>
#include <array>
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
  bool overlaps;   // the next one is loaded while one is used
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
    return {chunks * run.blocks, chunks, run.count / chunks, true};
  }
  const int64_t blocks = divisor(run.blocks, most);
  const int64_t count = run.blocks / blocks;
  // Which registers and buffer a chunk starts with is known only if each takes an even number of stages.
  return {blocks, 0, count, run.count == 1 || count % 2 == 0};
}

/// The registers that a stage's weights, scales and zero points are loaded into: of every block, of every chunk.
struct Ahead {
  std::vector<std::vector<Value>> packed;
  std::vector<ChunkValues> chunks;
};

constexpr int most_task_loops = 3;  // of a kernel

/// Whether another stage follows the last one of a loop, so that it is brought in meanwhile.
enum class Next : uint8_t { always, unless_last };

class WaveGemm {
 public:
  explicit WaveGemm(const Geometry& geometry) : g(geometry), b("gemm"), t(g, b) {
    stage_ = b.buffer("stage", ir::Space::shared, g.x,
                      {g.loops.stages, g.row_unit(), g.loops.kc + stage_padding(g.layout, g.x)});
    if (g.loops.ahead != 0) operands_ = {t.new_operands(), t.new_operands()};
  }

  ir::Kernel build() {
    if (g.loops.split != 0) {
      const BufferId partial = partial_sums(g, b);
      open_columns();
      segment_ = Affine::of(b.for_loop(LoopKind::tasks, "seg", 0, g.repeats));
      ++task_loops_;
      const bool has_rows = task_loops_ < most_task_loops;  // else the waves go through all rows
      if (has_rows) open_rows(LoopKind::tasks);
      open_waves();
      if (!has_rows) open_rows(LoopKind::serial);
      place_rows();
      add_segment(g.segments[0]);
      store_partial(partial);
      close(task_loops_ + wave_loops_);
      return b.take();
    }
    EpilogueBuilder epilogue(g, b);
    open_columns();
    open_rows(LoopKind::tasks);
    open_waves();
    place_rows();
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

  /// Tasks over panels, and over parts of a panel where waves do not take all of it.
  void open_columns() {
    const Value p = b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.layout.streams);
    t.at.panel = Affine::of(p, g.layout.streams);
    const int64_t columns = int64_t{g.loops.nr} * g.loops.wn;
    task_loops_ = 1;
    if (columns < g.layout.panel) {
      t.at.column = Affine::of(b.for_loop(LoopKind::tasks, "h", 0, g.layout.panel / columns), columns);
      ++task_loops_;
    }
  }

  /// Over row units.
  void open_rows(LoopKind kind) {
    Bound units(Affine::of(ir::value_m));
    units.rounding = ir::Rounding::ceil;
    units.divisor = g.row_unit();
    first_row_ = Affine::of(b.for_loop(kind, "mb", 0, units), g.row_unit());
    ++task_loops_;
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
    t.at.column = t.at.column + x * g.loops.nr;
    copied_rows_ = g.row_unit() / (g.loops.wm * g.loops.wn);
    copied_row_ = (y * g.loops.wn + x) * copied_rows_;
  }

  void place_rows() { t.at.row = first_row_ + row_in_unit_; }

  void store_partial(BufferId partial) {
    for (size_t s = 0; s < t.streams().size(); ++s) {
      const Affine channel = (t.at.panel + static_cast<int64_t>(s)) * g.layout.panel + t.at.column;
      b.store(partial, {{t.at.row, g.loops.mr}, {segment_}, {channel, g.loops.nr}},
              g.sums_are_integers() ? t.streams()[s].parts[0] : t.streams()[s].acc, g.clips_rows());
    }
  }

  // --- k
  void add_segment(const std::vector<Run>& segment) {
    t.clear_accs();
    for (const Run& run : segment) add_run(run);
  }

  void add_run(const Run& run) {
    stages_ = stages_of(g, run);
    copied_ = b.tile("rows", {g.x, {copied_rows_, static_cast<int32_t>(stages_.blocks * g.shape.block_k), 1}});
    for (Ahead& ahead : ahead_) ahead = new_ahead();
    for (size_t j = 0; j < ahead_[0].chunks.size() && has_late_scales(); ++j)
      ahead_[1].chunks[j].scales = ahead_[0].chunks[j].scales;
    if (stages_.chunks > 0) return whole_chunks(run);
    if (run.count > 1) {
      if (stages_.overlaps) start_stages(run, 0);
      const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count - 1));
      long_chunk(run, c, Next::always);
      b.end();
    } else if (stages_.overlaps) {
      start_stages(run, 0);
    }
    long_chunk(run, run.count - 1, Next::unless_last);
  }

  void whole_chunks(const Run& run) {
    if (stages_.overlaps) start_stages(run, 0);
    for_stages(run, 0, Next::unless_last, [&](const Affine& i, const Ahead& ahead, int buffer) {
      for (int64_t j = 0; j < stages_.chunks; ++j) {
        const Affine c = i * stages_.chunks + j;
        t.use_chunk(ahead.chunks[static_cast<size_t>(j)]);
        t.start_parts(c + start_of(run).piece);
        add_blocks(ahead, j * run.blocks, run.blocks, buffer);
        close_chunk(run, c);
      }
    });
  }

  /// A chunk of several stages.
  void long_chunk(const Run& run, const Affine& c, Next next) {
    const ChunkValues values = t.new_chunk();
    t.load_chunk_zeros(values, c + start_of(run).scale);
    t.load_chunk_scales(values, c + start_of(run).scale);
    t.use_chunk(values);
    t.start_parts(c + start_of(run).piece);
    for_stages(run, c * stages_.count, next,
               [&](const Affine&, const Ahead& ahead, int buffer) { add_blocks(ahead, 0, stages_.blocks, buffer); });
    close_chunk(run, c);
  }

  void close_chunk(const Run& run, const Affine& c) {
    if (g.loops.split != 0 && g.sums_are_integers()) return;
    const RunStart start = start_of(run);
    t.scale_parts(c + start.scale, c + start.piece);
    t.add_offsets(c + start.scale, c + start.sum);
  }

  /// The matrix steps of consecutive blocks of a stage.
  void add_blocks(const Ahead& ahead, int64_t first, int64_t count, int buffer) {
    if (g.loops.ahead != 0) return add_steps_ahead(ahead, first * g.steps, count * g.steps, buffer);
    for (int64_t block = first; block < first + count; ++block) {
      t.use_packed(ahead.packed[static_cast<size_t>(block)]);
      const Value j = b.for_loop(LoopKind::unrolled, "j", 0, g.steps);
      const Affine column = Affine::of(j, g.depth) + block * g.shape.block_k;
      b.load(t.x(), stage_, {{buffer}, {row_in_unit_, g.loops.mr}, {column, g.depth}});
      for (const Stream& stream : t.streams()) t.dot(stream, t.unpack(stream, {j, 0}));
      b.end();
    }
  }

  /// Consecutive steps of a stage; the operands of each are brought before the one that precedes it.
  void add_steps_ahead(const Ahead& ahead, int64_t first, int64_t count, int buffer) {
    const auto bring = [&](int64_t step) {
      MatrixOperands& into = operands_[static_cast<size_t>(step % 2)];
      b.load(into.x, stage_, {{buffer}, {row_in_unit_, g.loops.mr}, {step * g.depth, g.depth}});
      t.use_packed(ahead.packed[static_cast<size_t>(step / g.steps)]);
      t.unpack(into, step % g.steps);
    };
    bring(first);
    for (int64_t step = first; step < first + count; ++step) {
      if (step + 1 < first + count) bring(step + 1);
      t.dot(operands_[static_cast<size_t>(step % 2)]);
    }
  }

  // --- stages, numbered from the start of a run
  /// body(stage from `first` on, its registers, its buffer) for all stages of a run, or of a chunk.
  template <typename Body>
  void for_stages(const Run& run, const Affine& first, Next next, Body body) {
    if (!stages_.overlaps) {
      const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, stages_.count));
      load_stage(run, first + i, ahead_[0]);
      b.barrier();  // the buffer is no longer read
      store_rows(0);
      b.barrier();
      if (has_late_scales()) load_scales(run, first + i, ahead_[0]);
      body(i, ahead_[0], 0);
      b.end();
      return;
    }
    // The last stages stand behind the loop: nothing follows the very last.
    const int64_t looped = next == Next::always ? stages_.count : (stages_.count - 1) / 2 * 2;
    const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, looped, 2));
    for (int set = 0; set < 2; ++set) one_stage(run, first, i + set, set, Next::always, body);
    b.end();
    for (int64_t rest = looped; rest < stages_.count; ++rest)
      one_stage(run, first, rest, static_cast<int>(rest % 2),
                rest + 1 < stages_.count ? Next::always : Next::unless_last, body);
  }

  /// `set`: which of the two sets of registers holds the stage.
  template <typename Body>
  void one_stage(const Run& run, const Affine& first, const Affine& i, int set, Next next, Body body) {
    b.barrier();
    if (has_late_scales()) load_scales(run, first + i, ahead_[0]);
    if (next == Next::always) load_stage(run, first + i + 1, ahead_[static_cast<size_t>(1 - set)]);
    body(i, ahead_[static_cast<size_t>(set)], buffer_of(set));
    if (next != Next::always) return;
    if (buffer_of(0) == buffer_of(1)) b.barrier();  // the buffer is no longer read
    store_rows(buffer_of(1 - set));
  }

  int buffer_of(int set) const { return set % g.loops.stages; }

  /// Fills the first buffer; the barrier before the store lets others finish what they read of it.
  void start_stages(const Run& run, const Affine& stage) {
    load_stage(run, stage, ahead_[0]);
    b.barrier();
    store_rows(0);
  }

  RunStart start_of(const Run& run) const { return g.start_of(run, segment_); }

  Ahead new_ahead() {
    Ahead ahead;
    for (int64_t block = 0; block < stages_.blocks; ++block) ahead.packed.push_back(t.new_packed());
    for (int64_t chunk = 0; chunk < stages_.chunks; ++chunk) ahead.chunks.push_back(t.new_chunk());
    return ahead;
  }

  /// What a stage takes from memory before it begins: the wave's share of the activations, then its own weights.
  void load_stage(const Run& run, const Affine& stage, const Ahead& into) {
    const Affine block = start_of(run).block + stage * stages_.blocks;
    b.load(copied_, t.activations(), {{first_row_ + copied_row_, copied_rows_}, {block * g.shape.block_k, columns()}},
           g.clips_rows());
    for (size_t i = 0; i < into.packed.size(); ++i) t.load_packed(into.packed[i], block + static_cast<int64_t>(i));
    for (size_t j = 0; j < into.chunks.size(); ++j) t.load_chunk_zeros(into.chunks[j], scale_of(run, stage, j));
    if (!has_late_scales()) load_scales(run, stage, into);
  }
  /// Scales are used where a chunk ends: a long stage has time to load its own, and needs fewer registers then.
  bool has_late_scales() const { return g.loops.ahead != 0; }
  void load_scales(const Run& run, const Affine& stage, const Ahead& into) {
    for (size_t j = 0; j < into.chunks.size(); ++j) t.load_chunk_scales(into.chunks[j], scale_of(run, stage, j));
  }
  Affine scale_of(const Run& run, const Affine& stage, size_t chunk) const {
    return start_of(run).scale + stage * stages_.chunks + static_cast<int64_t>(chunk);
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
  Stages stages_{};                         // of the run
  std::array<Ahead, 2> ahead_;              // the registers of a stage and of the next one
  std::array<MatrixOperands, 2> operands_;  // with ahead=1, of a matrix step and of the next one
  int task_loops_ = 0;
  int wave_loops_ = 0;
};

}  // namespace

int stage_padding(const Layout& layout, Type type) {
  return std::clamp(layout.kt, 8 * 8 / bits_of(type), 16 * 8 / bits_of(type));
}

ir::Kernel build_wave_gemm(const Geometry& geometry) { return WaveGemm(geometry).build(); }

}  // namespace tilejit

// The `gemm` kernel: the order of the work of its register tiles (tile.h). Two forms: `inplace` unpacks beside the dot steps
// and keeps sums in registers, `panel` expands a block of k into scratch first, uses it for all rows of the task, and saves
// sums in scratch between blocks.
#include <optional>
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
using ir::Slice;
using ir::Space;
using ir::Value;

/// The sums of a register tile that wait in scratch while other rows are computed.
enum class Sum : uint8_t { part, acc, total };

class Gemm {
 public:
  explicit Gemm(const Geometry& geometry) : g(geometry), b("gemm"), t(geometry, b) {
    if (g.loops.split != 0)
      partial_ = partial_sums(g, b);
    else
      epilogue_.emplace(g, b);
  }

  ir::Kernel build() {
    const Value p = b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.layout.streams);
    t.at.panel = Affine::of(p, g.layout.streams);
    if (g.loops.expand == Expand::inplace)
      inplace();
    else
      expanded();
    b.end();
    return b.take();
  }

 private:
  // --- loops that both forms have
  void open_columns() {
    t.at.column = 0;
    if (g.loops.nr < g.layout.panel)
      t.at.column = Affine::of(b.for_loop(LoopKind::serial, "h", 0, g.layout.panel / g.loops.nr), g.loops.nr);
  }
  void close_columns() {
    if (g.loops.nr < g.layout.panel) b.end();
  }

  /// Row blocks of mc rows, when the rows are tasks of their own; the loop is left open.
  void open_row_block() {
    Bound blocks(Affine::of(ir::value_m));
    blocks.rounding = ir::Rounding::ceil;
    blocks.divisor = g.loops.mc;
    row_block_ = Affine::of(b.for_loop(LoopKind::tasks, "mb", 0, blocks));
  }

  /// body() for every register tile of the task's rows.
  template <typename Body>
  void for_rows(Body body) {
    Bound blocks = g.row_blocks();
    if (g.loops.mc > 0) {
      blocks.value = blocks.value + row_block_ * -int64_t{g.loops.mc};
      blocks.limit = g.loops.mc / g.loops.mr;
    }
    local_row_ = Affine::of(b.for_loop(LoopKind::serial, "b", 0, blocks), g.loops.mr);
    t.at.row = row_block_ * g.loops.mc + local_row_;
    open_columns();
    body();
    close_columns();
    b.end();
  }

  /// body(block) for words 0..blocks: `unroll` an iteration, the rest after the loop. A bound that varies is not unrolled.
  template <typename Body>
  void for_blocks(const Bound& blocks, Body body) {
    const int64_t unroll = blocks.is_constant() ? g.loops.unroll : 1;
    Bound even = blocks;
    const int64_t total = blocks.is_constant() ? blocks.value.constant() : 0;
    if (blocks.is_constant()) even = total / unroll * unroll;
    const Value k = b.for_loop(LoopKind::serial, "k", 0, even, unroll);
    for (int64_t i = 0; i < unroll; ++i) body(Affine::of(k) + i);
    b.end();
    for (int64_t i = total / unroll * unroll; i < total; ++i) body(Affine(i));
  }

  /// body(segment) for every segment of k in ascending order.
  template <typename Body>
  void for_segments(Body body) {
    segment_ = 0;
    if (g.repeats > 1) segment_ = Affine::of(b.for_loop(LoopKind::serial, "seg", 0, g.repeats));
    for (const std::vector<Run>& segment : g.segments) body(segment);
    if (g.repeats > 1) b.end();
  }

  /// body(first word, words, number of the piece) for every piece of a chunk, all counted from the chunk's start.
  template <typename Body>
  void for_pieces(const Run& run, Body body) {
    if (run.pieces == 1) return body(Affine(0), run.blocks, Affine(0));
    const int64_t full = run.blocks / g.piece_blocks;
    const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, full));
    body(i * g.piece_blocks, g.piece_blocks, i);
    b.end();
    if (full < run.pieces) body(Affine(full * g.piece_blocks), run.blocks - full * g.piece_blocks, Affine(full));
  }

  /// The dot steps of a word, ascending in k.
  template <typename Body>
  void for_steps(Body body) {
    const int pair = g.shape.pair;
    const Value j = b.for_loop(LoopKind::unrolled, "j", 0, g.layout.kk / pair);
    for (int step = 0; step < pair / g.depth; ++step) body(Step{j, step});
    b.end();
  }

  RunStart start(const Run& run) const { return g.start_of(run, segment_); }

  void finish() {
    std::vector<Value> totals;
    for (const Stream& stream : t.streams()) totals.push_back(stream.total);
    epilogue_->finish(t.at, totals);
  }

  // --- expand=inplace
  void inplace() {
    if (g.loops.mc > 0) open_row_block();
    if (g.loops.split != 0) return split();
    for_rows([&] {
      t.clear_totals();
      for_segments([&](const std::vector<Run>& segment) {
        t.clear_accs();
        for (const Run& run : segment) inplace_run(run);
        t.add_segment();
      });
      finish();
    });
    if (g.loops.mc > 0) b.end();
  }

  /// A task computes one segment; its sums go to memory.
  void split() {
    segment_ = Affine::of(b.for_loop(LoopKind::tasks, "seg", 0, g.repeats));
    for_rows([&] {
      t.clear_accs();
      for (const Run& run : g.segments[0]) inplace_run(run);
      for (size_t s = 0; s < t.streams().size(); ++s) {
        const Affine channel = (t.at.panel + static_cast<int64_t>(s)) * g.layout.panel + t.at.column;
        b.store(partial_, {{t.at.row, g.loops.mr}, {segment_}, {channel, g.loops.nr}}, t.streams()[s].acc);
      }
    });
    b.end();
    if (g.loops.mc > 0) b.end();
  }

  void inplace_run(const Run& run) {
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    t.load_zeros(c + start(run).scale);
    for_pieces(run, [&](const Affine& word, int64_t words, const Affine& i) {
      const Affine piece = c * run.pieces + start(run).piece + i;
      t.start_parts(piece);
      for_blocks(words, [&](const Affine& block) { inplace_block(c * run.blocks + start(run).block + word + block); });
      t.scale_parts(c + start(run).scale, piece);
    });
    t.add_offsets(c + start(run).scale, c + start(run).sum);
    b.end();
  }

  void inplace_block(const Affine& block) {
    t.load_packed(block);
    t.prefetch(block);
    for_steps([&](Step step) {
      t.load_x(block, step);
      for (const Stream& stream : t.streams()) t.dot(stream, t.unpack(stream, step));
    });
  }

  // --- expand=panel
  void expanded() {
    direct_ = sums_stay_in_registers(g);
    const int64_t columns = int64_t{g.layout.panel} * g.layout.streams;
    panel_ = b.buffer("panel", Space::scratch, g.u, {expanded_blocks(g) * g.steps, columns, g.depth});
    if (!direct_) {
      const std::vector<ir::Extent> rows = {int64_t{g.loops.mc}, columns};
      if (has_long_chunks()) parts_ = b.buffer("parts", Space::scratch, g.part, rows);
      accs_ = b.buffer("accs", Space::scratch, Type::f32, rows);
      if (g.ks > 1) totals_ = b.buffer("totals", Space::scratch, Type::f32, rows);
    }
    open_row_block();
    if (g.ks > 1) clear(Sum::total);
    for_segments([&](const std::vector<Run>& segment) {
      if (!direct_) clear(Sum::acc);
      for (const Run& run : segment) expanded_run(run);
      if (g.ks == 1) return;
      for_rows([&] {
        restore(Sum::total);
        restore(Sum::acc);
        t.add_segment();
        save(Sum::total);
      });
    });
    if (!direct_)
      for_rows([&] {
        restore(g.ks > 1 ? Sum::total : Sum::acc);
        finish();
      });
    b.end();
  }

  /// Chunks of one piece that are longer than the expanded panel, so that the piece's own sum waits between blocks.
  bool has_long_chunks() const {
    for (const std::vector<Run>& segment : g.segments)
      for (const Run& run : segment)
        if (run.pieces == 1 && run.blocks > expanded_blocks(g)) return true;
    return false;
  }

  void expanded_run(const Run& run) {
    const int64_t most = expanded_blocks(g);
    if (run.blocks > most) return run.pieces == 1 ? long_chunks(run, most) : chunks_of_pieces(run, most);
    const int64_t chunks = std::min(run.count, most / run.blocks);
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(run.count, chunks)), chunks);
    const Bound count = rest_of(run.count, first, chunks);
    open_columns();
    Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, count));
    if (!g.p.has_integer_dot()) t.load_zeros(first + c + start(run).scale);
    expand(c * run.blocks, (first + c) * run.blocks + start(run).block, run.blocks);
    b.end();
    close_columns();
    for_rows([&] {
      if (direct_)
        t.clear_accs();
      else
        restore(Sum::acc);
      c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, count));
      chunk(run, first + c, c * run.blocks);
      b.end();
      if (direct_)
        finish();
      else
        save(Sum::acc);
    });
    b.end();
  }

  /// All of chunk number c, whose words lie in the panel from `local` on.
  void chunk(const Run& run, const Affine& c, const Affine& local) {
    if (g.p.has_integer_dot()) t.load_zeros(c + start(run).scale);
    for_pieces(run, [&](const Affine& word, int64_t words, const Affine& i) {
      const Affine piece = c * run.pieces + start(run).piece + i;
      t.start_parts(piece);
      dot_blocks(local + word, c * run.blocks + start(run).block + word, words);
      t.scale_parts(c + start(run).scale, piece);
    });
    t.add_offsets(c + start(run).scale, c + start(run).sum);
  }

  void long_chunks(const Run& run, int64_t most) {
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    for_rows([&] {
      t.start_parts(c + start(run).piece);
      save(Sum::part);
    });
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(run.blocks, most)), most);
    const Bound blocks = rest_of(run.blocks, first, most);
    const Affine global = c * run.blocks + first + start(run).block;
    expand_columns(c + start(run).scale, global, blocks);
    for_rows([&] {
      restore(Sum::part);
      dot_blocks(0, global, blocks);
      save(Sum::part);
    });
    b.end();
    for_rows([&] {
      restore(Sum::acc);
      restore(Sum::part);
      if (g.p.has_integer_dot()) t.load_zeros(c + start(run).scale);
      t.scale_parts(c + start(run).scale, c + start(run).piece);
      t.add_offsets(c + start(run).scale, c + start(run).sum);
      save(Sum::acc);
    });
    b.end();
  }

  /// Chunks of several pieces that are longer than the panel, which holds whole pieces: first the full ones, then the rest.
  void chunks_of_pieces(const Run& run, int64_t most) {
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    const int64_t full = run.blocks / g.piece_blocks;
    const int64_t together = most / g.piece_blocks;
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(full, together)), together);
    some_pieces(run, c, first, rest_of(full, first, together),
                rest_of(full * g.piece_blocks, first * g.piece_blocks, together * g.piece_blocks), g.piece_blocks);
    b.end();
    if (full < run.pieces) {
      const int64_t words = run.blocks - full * g.piece_blocks;
      some_pieces(run, c, full, 1, words, words);
    }
    if (g.has_c())
      for_rows([&] {
        restore(Sum::acc);
        t.add_offsets(c + start(run).scale, c + start(run).sum);
        save(Sum::acc);
      });
    b.end();
  }

  /// `count` pieces of chunk c from number `first` on, together `words` long, each `piece_words`.
  void some_pieces(const Run& run, const Affine& c, const Affine& first, const Bound& count, const Bound& words,
                   int64_t piece_words) {
    const Affine global = c * run.blocks + first * g.piece_blocks + start(run).block;
    expand_columns(c + start(run).scale, global, words);
    for_rows([&] {
      restore(Sum::acc);
      t.load_zeros(c + start(run).scale);
      const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, count));
      const Affine piece = c * run.pieces + start(run).piece + first + i;
      t.start_parts(piece);
      dot_blocks(i * g.piece_blocks, global + i * g.piece_blocks, piece_words);
      t.scale_parts(c + start(run).scale, piece);
      b.end();
      save(Sum::acc);
    });
  }

  /// min(most, total - first), constant where `most` divides the total.
  static Bound rest_of(int64_t total, const Affine& first, int64_t most) {
    if (total % most == 0) return Bound(most);
    Bound bound(first * -1 + total);
    bound.limit = most;
    return bound;
  }

  void expand_columns(const Affine& scale, const Affine& from, const Bound& blocks) {
    open_columns();
    if (!g.p.has_integer_dot()) t.load_zeros(scale);
    expand(0, from, blocks);
    close_columns();
  }

  /// panel[(to + block) * steps + j] = the weights of word `from + block`.
  void expand(const Affine& to, const Affine& from, const Bound& blocks) {
    const Affine k = Affine::of(b.for_loop(LoopKind::serial, "k", 0, blocks));
    t.load_packed(from + k);
    for_steps([&](Step step) {
      for (size_t s = 0; s < t.streams().size(); ++s)
        b.store(panel_, panel_at(s, to + k, step), t.unpack(t.streams()[s], step));
    });
    b.end();
  }

  void dot_blocks(const Affine& local, const Affine& global, const Bound& blocks) {
    for_blocks(blocks, [&](const Affine& block) {
      for_steps([&](Step step) {
        t.load_x(global + block, step);
        for (size_t s = 0; s < t.streams().size(); ++s) {
          b.load(t.unpacked(), panel_, panel_at(s, local + block, step));
          t.dot(t.streams()[s], t.unpacked());
        }
      });
    });
  }

  std::vector<Slice> panel_at(size_t stream, const Affine& block, Step step) const {
    return {
        {block * g.steps + Affine::of(step.j, g.shape.pair / g.depth) + step.t}, t.columns_of(stream), {0, g.depth}};
  }

  // --- sums in scratch
  BufferId saved_in(Sum sum) const { return sum == Sum::part ? parts_ : sum == Sum::acc ? accs_ : totals_; }
  static Value saved_tile(const Stream& s, Sum sum) {
    return sum == Sum::part ? s.parts[0] : sum == Sum::acc ? s.acc : s.total;
  }
  std::vector<Slice> saved_at(size_t stream) const { return {{local_row_, g.loops.mr}, t.columns_of(stream)}; }

  void save(Sum sum) {
    for (size_t s = 0; s < t.streams().size(); ++s)
      b.store(saved_in(sum), saved_at(s), saved_tile(t.streams()[s], sum));
  }
  void restore(Sum sum) {
    for (size_t s = 0; s < t.streams().size(); ++s) b.load(saved_tile(t.streams()[s], sum), saved_in(sum), saved_at(s));
  }
  void clear(Sum sum) {
    for_rows([&] {
      if (sum == Sum::total)
        t.clear_totals();
      else
        t.clear_accs();
      save(sum);
    });
  }

  const Geometry& g;
  ir::Builder b;
  Tile t;
  std::optional<EpilogueBuilder> epilogue_;  // none where the sums go to `partial`
  bool direct_ = false;                      // sums go from zero to the output in registers
  BufferId partial_ = BufferId::none, panel_ = BufferId::none, parts_ = BufferId::none, accs_ = BufferId::none,
           totals_ = BufferId::none;
  Affine local_row_, row_block_, segment_;
};

}  // namespace

ir::Kernel build_gemm(const Geometry& geometry) { return Gemm(geometry).build(); }

}  // namespace tilejit

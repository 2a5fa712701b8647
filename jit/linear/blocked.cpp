#include "jit/linear/blocked.h"

#include <algorithm>
#include <vector>

namespace tilejit {
namespace {

using ir::Affine;
using ir::Bound;
using ir::BufferId;
using ir::LoopKind;
using ir::Slice;
using ir::Space;

/// The sums of a register tile that wait in scratch while other rows are computed.
enum class Sum : uint8_t { part, acc, total };

class Blocked {
 public:
  Blocked(Nest& nest, EpilogueBuilder& epilogue)
      : n(nest), g(nest.g), b(nest.b), t(nest.t), epilogue_(epilogue), direct_(sums_stay_in_registers(g)) {}

  void build() {
    declare_scratch();
    if (g.ks > 1) clear(Sum::total);
    n.for_segments([&](const std::vector<Run>& segment) {
      if (!direct_ && g.adds_chunks()) clear(Sum::acc);
      for (const Run& run : segment) add_run(run);
      if (g.ks == 1) return;
      n.for_rows([&] {
        restore(Sum::total);
        restore(Sum::acc);
        t.add_segment();
        save(Sum::total);
      });
    });
    if (direct_) return;
    n.for_rows([&] {
      restore(g.ks > 1 ? Sum::total : Sum::acc);
      epilogue_.finish(t.at, t.totals());
    });
  }

 private:
  bool unpacks_once() const { return g.loops.expand == Expand::panel; }
  /// Stored zero points are subtracted where weights are unpacked, or, of integer dots, where their sums are scaled.
  bool unpacking_takes_zeros() const { return !g.p.has_integer_dot(); }
  bool tile_takes_zeros() const { return !unpacks_once() || !unpacking_takes_zeros(); }

  void declare_scratch() {
    const int64_t columns = int64_t{g.layout.panel} * g.streams;
    if (unpacks_once())
      panel_ = b.buffer("panel", Space::scratch, g.u, {words_of_block(g) * g.steps, columns, g.depth});
    if (direct_) return;
    const std::vector<ir::Extent> rows = {int64_t{g.loops.mc}, columns};
    if (has_long_chunks()) parts_ = b.buffer("parts", Space::scratch, g.part, rows);
    accs_ = b.buffer("accs", Space::scratch, Type::f32, rows);
    if (g.ks > 1) totals_ = b.buffer("totals", Space::scratch, Type::f32, rows);
  }

  /// Chunks of one piece that are longer than a block, so that the piece's own sum waits between blocks.
  bool has_long_chunks() const {
    for (const std::vector<Run>& segment : g.segments)
      for (const Run& run : segment)
        if (run.pieces == 1 && run.blocks > words_of_block(g)) return true;
    return false;
  }

  void add_run(const Run& run) {
    const int64_t most = words_of_block(g);
    if (run.blocks <= most) return whole_chunks(run, most);
    return run.pieces == 1 ? long_chunks(run, most) : chunks_of_pieces(run, most);
  }

  // --- the three ways to cut a run into blocks
  void whole_chunks(const Run& run, int64_t most) {
    const int64_t chunks = std::min(run.count, most / run.blocks);
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(run.count, chunks)), chunks);
    const Bound count = rest_of(run.count, first, chunks);
    if (unpacks_once()) {
      n.open_columns();
      const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, count));
      if (unpacking_takes_zeros()) t.load_zeros(first + c + n.start(run).scale);
      expand(c * run.blocks, (first + c) * run.blocks + n.start(run).block, run.blocks);
      b.end();
      n.close_columns();
    }
    n.for_rows([&] {
      if (direct_)
        t.clear_accs();
      else
        restore_accs();
      const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, count));
      add_chunk(run, first + c, c * run.blocks);
      b.end();
      if (direct_)
        epilogue_.finish(t.at, t.totals());
      else
        save(Sum::acc);
    });
    b.end();
  }

  /// All of chunk number c, whose words start at word `local` of the block.
  void add_chunk(const Run& run, const Affine& c, const Affine& local) {
    const RunStart start = n.start(run);
    if (tile_takes_zeros()) t.load_zeros(c + start.scale);
    n.for_pieces(run, [&](const Affine& word, int64_t words, const Affine& i) {
      const Affine piece = c * run.pieces + start.piece + i;
      t.start_parts(piece);
      dot_words(local + word, c * run.blocks + start.block + word, words);
      t.scale_parts(c + start.scale, piece);
    });
    t.add_offsets(c + start.scale, c + start.sum);
  }

  void long_chunks(const Run& run, int64_t most) {
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    const RunStart start = n.start(run);
    n.for_rows([&] {
      t.start_parts(c + start.piece);
      save(Sum::part);
    });
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(run.blocks, most)), most);
    const Bound words = rest_of(run.blocks, first, most);
    const Affine global = c * run.blocks + first + start.block;
    expand_columns(c + start.scale, global, words);
    n.for_rows([&] {
      restore(Sum::part);
      if (!unpacks_once() && unpacking_takes_zeros()) t.load_zeros(c + start.scale);
      dot_words(0, global, words);
      save(Sum::part);
    });
    b.end();
    n.for_rows([&] {
      restore_accs();
      restore(Sum::part);
      if (!unpacking_takes_zeros()) t.load_zeros(c + start.scale);
      t.scale_parts(c + start.scale, c + start.piece);
      t.add_offsets(c + start.scale, c + start.sum);
      save(Sum::acc);
    });
    b.end();
  }

  /// Chunks of several pieces that are longer than a block, which holds whole pieces: first the full ones, then the rest.
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
      n.for_rows([&] {
        restore(Sum::acc);
        t.add_offsets(c + n.start(run).scale, c + n.start(run).sum);
        save(Sum::acc);
      });
    b.end();
  }

  /// `count` pieces of chunk c from number `first` on, together `words` long, each `piece_words`.
  void some_pieces(const Run& run, const Affine& c, const Affine& first, const Bound& count, const Bound& words,
                   int64_t piece_words) {
    const RunStart start = n.start(run);
    const Affine global = c * run.blocks + first * g.piece_blocks + start.block;
    expand_columns(c + start.scale, global, words);
    n.for_rows([&] {
      restore(Sum::acc);
      t.load_zeros(c + start.scale);
      const Affine i = Affine::of(b.for_loop(LoopKind::serial, "i", 0, count));
      const Affine piece = c * run.pieces + start.piece + first + i;
      t.start_parts(piece);
      dot_words(i * g.piece_blocks, global + i * g.piece_blocks, piece_words);
      t.scale_parts(c + start.scale, piece);
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

  // --- words of a block
  void expand_columns(const Affine& scale, const Affine& from, const Bound& words) {
    if (!unpacks_once()) return;
    n.open_columns();
    if (unpacking_takes_zeros()) t.load_zeros(scale);
    expand(0, from, words);
    n.close_columns();
  }

  /// panel[(to + word) * steps + j] = the weights of word `from + word`.
  void expand(const Affine& to, const Affine& from, const Bound& words) {
    const Affine k = Affine::of(b.for_loop(LoopKind::serial, "k", 0, words));
    t.load_packed(from + k);
    n.for_steps([&](Step step) {
      for (size_t s = 0; s < t.streams().size(); ++s)
        b.store(panel_, panel_at(s, to + k, step), t.unpack(t.streams()[s], step));
    });
    b.end();
  }

  void dot_words(const Affine& local, const Affine& global, const Bound& words) {
    n.for_blocks(words, global, [&](const Affine& word) {
      if (!unpacks_once()) t.load_packed(global + word);
      n.for_steps([&](Step step) {
        t.load_x(global + word, step);
        for (size_t s = 0; s < t.streams().size(); ++s) t.dot(t.streams()[s], weights(s, local + word, step));
      });
    });
  }

  /// The register that holds the weights of a dot step.
  ir::Value weights(size_t stream, const Affine& local, Step step) {
    if (!unpacks_once()) return t.unpack(t.streams()[stream], step);
    b.load(t.unpacked(), panel_, panel_at(stream, local, step));
    return t.unpacked();
  }

  std::vector<Slice> panel_at(size_t stream, const Affine& word, Step step) const {
    return {{word * g.steps + Affine::of(step.j, g.shape.pair / g.depth) + step.t}, t.columns_of(stream), {0, g.depth}};
  }

  // --- sums in scratch
  BufferId saved_in(Sum sum) const { return sum == Sum::part ? parts_ : sum == Sum::acc ? accs_ : totals_; }
  static ir::Value saved_tile(const Stream& s, Sum sum) {
    return sum == Sum::part ? s.parts[0] : sum == Sum::acc ? s.acc : s.total;
  }
  std::vector<Slice> saved_at(size_t stream) const { return {{n.local_row(), g.loops.mr}, t.columns_of(stream)}; }

  void save(Sum sum) {
    for (size_t s = 0; s < t.streams().size(); ++s)
      b.store(saved_in(sum), saved_at(s), saved_tile(t.streams()[s], sum));
  }
  void restore(Sum sum) {
    for (size_t s = 0; s < t.streams().size(); ++s) b.load(saved_tile(t.streams()[s], sum), saved_in(sum), saved_at(s));
  }
  /// Sums that chunks are added to; else the first chunk makes them.
  void restore_accs() {
    if (g.adds_chunks()) restore(Sum::acc);
  }
  void clear(Sum sum) {
    n.for_rows([&] {
      if (sum == Sum::total)
        t.clear_totals();
      else
        t.clear_accs();
      save(sum);
    });
  }

  Nest& n;
  const Geometry& g;
  ir::Builder& b;
  Tile& t;
  EpilogueBuilder& epilogue_;
  bool direct_;  // sums go from zero to the output in registers
  BufferId panel_ = BufferId::none, parts_ = BufferId::none, accs_ = BufferId::none, totals_ = BufferId::none;
};

}  // namespace

void build_blocked(Nest& nest, EpilogueBuilder& epilogue) { Blocked(nest, epilogue).build(); }

}  // namespace tilejit

// The `gemm` kernel. The work of one register tile is the same in both schedules; they differ in where expanded weights come
// from and where sums wait: `inplace` unpacks beside the dot steps and keeps sums in registers, `panel` expands a block of k
// into scratch first, uses it for all rows of the task, and saves sums in scratch between blocks.
#include <string>
#include <vector>

#include "ir/builder.h"
#include "jit/linear/geometry.h"

namespace tilejit {
namespace {

using ir::Affine;
using ir::Bound;
using ir::BufferId;
using ir::Extent;
using ir::LoopKind;
using ir::Op;
using ir::Slice;
using ir::Space;
using ir::TileType;
using ir::Value;

/// A stored value per channel (scale, zero point, c, bias) and its register in the type it is used in.
struct Channel {
  BufferId buffer = BufferId::none;
  Value stored = Value::none;
  Value used = Value::none;
};

/// Registers of one panel: its packed words and zero points, and its sums of the chunk, of the segment, of all segments.
struct Panel {
  Value packed = Value::none;
  Value zero = Value::none;
  Value part, acc, total;
};

/// A dot step of a word: of the `pair` k at place `j` a step of smaller depth takes number t.
struct Step {
  Value j;
  int t;
};

class Gemm {
 public:
  explicit Gemm(const Geometry& geometry) : g(geometry), b("gemm"), mr_(g.loops.mr), nr_(g.loops.nr) {
    const std::vector<Extent> per_group = {g.shape.panels, g.shape.groups, g.shape.panel};
    ap_ = b.buffer("ap", Space::workspace, g.operand, {g.rows(), g.ap_columns});
    if (g.has_c()) asum_ = b.buffer("asum", Space::workspace, Type::f32, {g.rows(), g.sums});
    w_ = b.buffer("w", Space::global, Type::u4, {g.shape.panels, g.shape.blocks, g.shape.panel, g.layout.kk});
    scale_ = channel("s", g.p.s, per_group, Type::f32);
    if (g.p.zp == ZeroDomain::integer) zero_ = channel("z", Type::u8, per_group, Type::i32);
    if (g.has_c()) offset_ = channel("c", g.p.s, per_group, Type::f32);
    if (g.p.has(Epilogue::bias)) bias_ = channel("bias", g.p.bias_type, {g.p.n}, Type::f32);
    out_ = b.buffer("out", Space::global, g.p.out, {Extent::of_m(), g.p.n}, true);
    x_ = b.tile("x", {g.operand, {mr_, 1, g.depth}});
    u_ = b.tile("u", {g.operand, {1, nr_, g.depth}});
    if (g.has_c()) a_sum_ = b.tile("a_sum", {Type::f32, {mr_, 1, 1}});
    for (int s = 0; s < g.layout.streams; ++s) panels_.push_back(panel_registers(s));
    y_ = g.p.out == Type::f32 ? Value::none : b.tile("y", {g.p.out, {mr_, nr_, 1}});
  }

  ir::Kernel build() {
    const Value p = b.for_loop(LoopKind::tasks, "p", 0, g.shape.panels / g.layout.streams);
    panel_ = Affine::of(p, g.layout.streams);
    if (g.loops.expand == Expand::inplace)
      inplace();
    else
      expanded();
    b.end();
    return b.take();
  }

 private:
  Channel channel(const char* name, Type stored, std::vector<Extent> dims, Type used) {
    Channel c;
    c.buffer = b.buffer(name, Space::global, stored, std::move(dims));
    c.stored = b.tile(std::string(name) + "_stored", {stored, {1, nr_, 1}});
    c.used = stored == used ? c.stored : b.tile(std::string(name) + "_used", {used, {1, nr_, 1}});
    return c;
  }

  Panel panel_registers(int stream) {
    const TileType sums{Type::f32, {mr_, nr_, 1}};
    const std::string suffix = stream > 0 ? std::to_string(stream) : "";
    Panel r;
    r.packed = b.tile("q" + suffix, {Type::u4, {1, nr_, g.layout.kk}});
    if (zero_.buffer != BufferId::none)
      r.zero = stream > 0 ? b.tile("z_used" + suffix, {Type::i32, {1, nr_, 1}}) : zero_.used;
    r.part = b.tile("part" + suffix, sums);
    r.acc = b.tile("acc" + suffix, sums);
    r.total = g.p.ks > 1 ? b.tile("total" + suffix, sums) : r.acc;
    return r;
  }

  // --- one register tile
  void load_channel(const Channel& c, std::vector<Slice> at, bool clip = false) {
    b.load(c.stored, c.buffer, std::move(at), clip);
    if (c.used != c.stored) b.elementwise(Op::convert, c.used, c.stored);
  }

  std::vector<Slice> group_at(int stream, const Affine& group) const {
    return {{panel_ + stream}, {group}, {column_, nr_}};
  }

  void load_zero(int stream, const Affine& group) {
    if (zero_.buffer != BufferId::none)
      load_channel({zero_.buffer, zero_.stored, panels_[static_cast<size_t>(stream)].zero}, group_at(stream, group));
  }

  void load_packed(int stream, const Affine& block) {
    b.load(panels_[static_cast<size_t>(stream)].packed, w_,
           {{panel_ + stream}, {block}, {column_, nr_}, {0, g.layout.kk}});
  }

  /// u = the weights of dot step j, exact: u - z.
  void unpack(const Panel& r, Step step) {
    const int lane = step.t * (g.layout.kk / g.shape.pair);
    if (zero_.buffer != BufferId::none)
      b.unpack_zero(u_, r.packed, r.zero, step.j, lane);
    else
      b.unpack(u_, r.packed, step.j, lane, g.p.zero);
  }

  void load_x(const Affine& block, Step step) {
    b.load(x_, ap_, {{row_, mr_}, {block * g.layout.kk + Affine::of(step.j, g.shape.pair) + step.t, g.depth}});
  }

  void dot(const Panel& r) { b.elementwise(g.p.dot == Dot::bf16 ? Op::dot_bf16 : Op::fma, r.part, x_, u_, r.part); }

  /// acc = fma(part, s, acc), then acc = fma(A, c, acc) when c exists.
  void scale(int stream, const Affine& group, const Affine& sum) {
    const Panel& r = panels_[static_cast<size_t>(stream)];
    load_channel(scale_, group_at(stream, group));
    b.elementwise(Op::fma, r.acc, r.part, scale_.used, r.acc);
    if (!g.has_c()) return;
    load_channel(offset_, group_at(stream, group));
    b.load(a_sum_, asum_, {{row_, mr_}, {sum}});
    b.elementwise(Op::fma, r.acc, a_sum_, offset_.used, r.acc);
  }

  /// Bias in f32, then the one rounding. Rows past m and channels past n are clipped.
  void epilogue(int stream) {
    const Value acc = panels_[static_cast<size_t>(stream)].total;
    const Affine n0 = panel_ * g.shape.panel + stream * g.shape.panel + column_;
    const bool partial = g.p.n % (g.shape.panel * g.layout.streams) != 0;
    if (bias_.buffer != BufferId::none) {
      load_channel(bias_, {{n0, nr_}}, partial);
      b.elementwise(Op::add, acc, acc, bias_.used);
    }
    if (y_ != Value::none) b.elementwise(Op::convert, y_, acc);
    b.store(out_, {{row_, mr_}, {n0, nr_}}, y_ == Value::none ? acc : y_, partial || mr_ > 1);
  }

  // --- loops
  void open_columns() {
    column_ = 0;
    if (nr_ < g.layout.panel) column_ = Affine::of(b.for_loop(LoopKind::serial, "h", 0, g.layout.panel / nr_), nr_);
  }
  void close_columns() {
    if (nr_ < g.layout.panel) b.end();
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

  Affine first_scale(const Run& run) const { return segment_ * g.stride.scale + run.scale; }
  Affine first_sum(const Run& run) const { return segment_ * g.stride.sum + run.sum; }
  Affine first_block(const Run& run) const { return segment_ * g.stride.block + run.block; }

  /// The dot steps of a word, ascending in k.
  template <typename Body>
  void for_steps(Body body) {
    const int pair = g.shape.pair;
    const Value j = b.for_loop(LoopKind::unrolled, "j", 0, g.layout.kk / pair);
    for (int t = 0; t < pair / g.depth; ++t) body(Step{j, t});
    b.end();
  }

  // --- expand=inplace
  void inplace() {
    row_ = Affine::of(b.for_loop(LoopKind::serial, "b", 0, g.row_blocks()), mr_);
    open_columns();
    if (g.p.ks > 1)
      for (const Panel& r : panels_) b.fill(r.total, 0);
    for_segments([&](const std::vector<Run>& segment) {
      for (const Panel& r : panels_) b.fill(r.acc, 0);
      for (const Run& run : segment) inplace_run(run);
      if (g.p.ks > 1)
        for (const Panel& r : panels_) b.elementwise(Op::add, r.total, r.total, r.acc);
    });
    for (int s = 0; s < g.layout.streams; ++s) epilogue(s);
    close_columns();
    b.end();
  }

  void inplace_run(const Run& run) {
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    for (int s = 0; s < g.layout.streams; ++s) {
      b.fill(panels_[static_cast<size_t>(s)].part, 0);
      load_zero(s, c + first_scale(run));
    }
    for_blocks(run.blocks, [&](const Affine& block) { inplace_block(c * run.blocks + first_block(run) + block); });
    for (int s = 0; s < g.layout.streams; ++s) scale(s, c + first_scale(run), c + first_sum(run));
    b.end();
  }

  void inplace_block(const Affine& block) {
    for (int s = 0; s < g.layout.streams; ++s) {
      load_packed(s, block);
      if (g.loops.prefetch > 0) prefetch(s, block);
    }
    for_steps([&](Step step) {
      load_x(block, step);
      for (const Panel& r : panels_) {
        unpack(r, step);
        dot(r);
      }
    });
  }

  /// One prefetch for each cache line of the tile's words, `prefetch` bytes ahead in the panel.
  void prefetch(int stream, const Affine& block) {
    const int64_t block_bytes = g.layout.panel * 4;
    for (int column = 0; column < nr_; column += 16)
      b.prefetch(
          w_,
          {{panel_ + stream}, {block + ceil_div(g.loops.prefetch, block_bytes)}, {column_ + column}, {0, g.layout.kk}});
  }

  // --- expand=panel
  void expanded() {
    const bool direct = sums_stay_in_registers(g);
    const int64_t rows = g.loops.mc;
    expanded_ = b.buffer("panel", Space::scratch, g.operand, {expanded_blocks(g) * g.steps, g.layout.panel, g.depth});
    if (!direct) {
      parts_ = b.buffer("parts", Space::scratch, Type::f32, {rows, g.layout.panel});
      accs_ = b.buffer("accs", Space::scratch, Type::f32, {rows, g.layout.panel});
      if (g.p.ks > 1) totals_ = b.buffer("totals", Space::scratch, Type::f32, {rows, g.layout.panel});
    }
    Bound blocks(Affine::of(ir::value_m));
    blocks.rounding = ir::Rounding::ceil;
    blocks.divisor = rows;
    const Panel& r = panels_[0];
    row_block_ = Affine::of(b.for_loop(LoopKind::tasks, "mb", 0, blocks));
    if (g.p.ks > 1) clear(totals_, r.total);
    for_segments([&](const std::vector<Run>& segment) {
      if (!direct) clear(accs_, r.acc);
      for (const Run& run : segment) expanded_run(run, direct);
      if (g.p.ks == 1) return;
      for_rows([&] {
        restore(totals_, r.total);
        restore(accs_, r.acc);
        b.elementwise(Op::add, r.total, r.total, r.acc);
        save(totals_, r.total);
      });
    });
    if (!direct)
      for_rows([&] {
        restore(g.p.ks > 1 ? totals_ : accs_, r.total);
        epilogue(0);
      });
    b.end();
  }

  void expanded_run(const Run& run, bool direct) {
    const int64_t most = expanded_blocks(g);
    if (run.blocks > most) return long_chunks(run, most);
    const int64_t chunks = std::min(run.count, most / run.blocks);
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(run.count, chunks)), chunks);
    Bound count(chunks);
    if (run.count % chunks != 0) {
      count = Bound(first * -1 + run.count);
      count.limit = chunks;
    }
    open_columns();
    Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, count));
    load_zero(0, first + c + first_scale(run));
    expand(c * run.blocks, (first + c) * run.blocks + first_block(run), run.blocks);
    b.end();
    close_columns();
    const Panel& r = panels_[0];
    for_rows([&] {
      if (direct)
        b.fill(r.acc, 0);
      else
        restore(accs_, r.acc);
      c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, count));
      b.fill(r.part, 0);
      dot_blocks(c * run.blocks, (first + c) * run.blocks + first_block(run), run.blocks);
      scale(0, first + c + first_scale(run), first + c + first_sum(run));
      b.end();
      if (direct)
        epilogue(0);
      else
        save(accs_, r.acc);
    });
    b.end();
  }

  /// Chunks longer than the expanded panel: the chunk's own sum is saved between blocks.
  void long_chunks(const Run& run, int64_t most) {
    const Panel& r = panels_[0];
    const Affine c = Affine::of(b.for_loop(LoopKind::serial, "g", 0, run.count));
    clear(parts_, r.part);
    const Affine first = Affine::of(b.for_loop(LoopKind::serial, "e", 0, ceil_div(run.blocks, most)), most);
    Bound blocks(most);
    if (run.blocks % most != 0) {
      blocks = Bound(first * -1 + run.blocks);
      blocks.limit = most;
    }
    const Affine global = c * run.blocks + first + first_block(run);
    open_columns();
    load_zero(0, c + first_scale(run));
    expand(0, global, blocks);
    close_columns();
    for_rows([&] {
      restore(parts_, r.part);
      dot_blocks(0, global, blocks);
      save(parts_, r.part);
    });
    b.end();
    for_rows([&] {
      restore(accs_, r.acc);
      restore(parts_, r.part);
      scale(0, c + first_scale(run), c + first_sum(run));
      save(accs_, r.acc);
    });
    b.end();
  }

  /// panel[(to + block) * steps + j] = the weights of word `from + block`.
  void expand(const Affine& to, const Affine& from, const Bound& blocks) {
    const Affine k = Affine::of(b.for_loop(LoopKind::serial, "k", 0, blocks));
    load_packed(0, from + k);
    for_steps([&](Step step) {
      unpack(panels_[0], step);
      b.store(expanded_, panel_at(to + k, step), u_);
    });
    b.end();
  }

  void dot_blocks(const Affine& local, const Affine& global, const Bound& blocks) {
    for_blocks(blocks, [&](const Affine& block) {
      for_steps([&](Step step) {
        b.load(u_, expanded_, panel_at(local + block, step));
        load_x(global + block, step);
        dot(panels_[0]);
      });
    });
  }

  std::vector<Slice> panel_at(const Affine& block, Step step) const {
    return {{block * g.steps + Affine::of(step.j, g.shape.pair / g.depth) + step.t}, {column_, nr_}, {0, g.depth}};
  }

  /// body() for every register tile of the task's rows.
  template <typename Body>
  void for_rows(Body body) {
    Bound blocks(Affine::of(ir::value_m) + row_block_ * -int64_t{g.loops.mc});
    if (mr_ > 1) {
      blocks.rounding = ir::Rounding::ceil;
      blocks.divisor = mr_;
    }
    blocks.limit = g.loops.mc / mr_;
    local_row_ = Affine::of(b.for_loop(LoopKind::serial, "b", 0, blocks), mr_);
    row_ = row_block_ * g.loops.mc + local_row_;
    open_columns();
    body();
    close_columns();
    b.end();
  }

  std::vector<Slice> saved_at() const { return {{local_row_, mr_}, {column_, nr_}}; }
  void save(BufferId buffer, Value tile) { b.store(buffer, saved_at(), tile); }
  void restore(BufferId buffer, Value tile) { b.load(tile, buffer, saved_at()); }
  void clear(BufferId buffer, Value tile) {
    for_rows([&] {
      b.fill(tile, 0);
      save(buffer, tile);
    });
  }

  const Geometry& g;
  ir::Builder b;
  int mr_, nr_;
  BufferId ap_, asum_ = BufferId::none, w_, out_;
  BufferId expanded_ = BufferId::none, parts_ = BufferId::none, accs_ = BufferId::none, totals_ = BufferId::none;
  Channel scale_, zero_, offset_, bias_;
  Value x_, u_, a_sum_ = Value::none, y_ = Value::none;
  std::vector<Panel> panels_;
  Affine panel_, column_, row_, local_row_, row_block_, segment_;
};

}  // namespace

ir::Kernel build_gemm(const Geometry& geometry) { return Gemm(geometry).build(); }

}  // namespace tilejit

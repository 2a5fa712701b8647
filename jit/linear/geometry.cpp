#include "jit/linear/geometry.h"

#include <algorithm>

namespace tilejit {
namespace {

/// Cuts the words of k into segments, runs, chunks and pieces, in ascending order.
class Cutter {
 public:
  Cutter(const Problem& p, const PackedShape& shape, int64_t piece_blocks, int ks)
      : p_(p), shape_(shape), piece_blocks_(piece_blocks), ks_(ks) {}

  /// Segment i of the units holds floor(i*units/ks) up to floor((i+1)*units/ks); with one group over all of k the units are
  /// of 128 k and a segment is one chunk, else the units are the groups and a segment is its whole groups, then a short one.
  std::vector<std::vector<Run>> cut() {
    const bool one_group = p_.group == -1;
    const int64_t unit_blocks = one_group ? 128 / shape_.block_k : shape_.group_blocks;
    const int64_t units = one_group ? ceil_div(p_.k, 128) : shape_.groups;
    const int64_t full = one_group ? units : p_.k / p_.group;
    std::vector<std::vector<Run>> segments(static_cast<size_t>(ks_));
    for (int64_t i = 0; i < ks_; ++i) {
      const int64_t lo = i * units / ks_;
      const int64_t hi = (i + 1) * units / ks_;
      std::vector<Run>& runs = segments[static_cast<size_t>(i)];
      if (one_group) {
        runs.push_back(run(0, i, 1, lo * unit_blocks, std::min(hi * unit_blocks, shape_.blocks) - lo * unit_blocks));
        continue;
      }
      const int64_t whole = std::min(hi, full);
      if (whole > lo) runs.push_back(run(lo, lo, whole - lo, lo * unit_blocks, unit_blocks));
      if (hi > full) runs.push_back(run(full, full, 1, full * unit_blocks, shape_.blocks - full * unit_blocks));
    }
    return segments;
  }

  int64_t pieces() const { return pieces_; }

 private:
  Run run(int64_t scale, int64_t sum, int64_t count, int64_t block, int64_t blocks) {
    const Run r{scale, sum, pieces_, count, block, blocks, ceil_div(blocks, piece_blocks_)};
    pieces_ += r.count * r.pieces;
    return r;
  }

  const Problem& p_;
  const PackedShape& shape_;
  int64_t piece_blocks_;
  int ks_;
  int64_t pieces_ = 0;
};

/// Segments that differ by equal steps only, which one loop describes.
bool alike(const std::vector<std::vector<Run>>& segments) {
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].size() != 1) return false;
    const Run& run = segments[i][0];
    const Run& first = segments[0][0];
    if (run.count != first.count || run.blocks != first.blocks) return false;
  }
  return segments.size() > 1;
}

constexpr int most_copy_columns = 512;  // eight registers of a wave of 64 lanes, whose loads are in flight together

struct DotTypes {
  Type x, part;
  int depth;
};

DotTypes matrix_types(const Problem& p, const PackedShape& shape) {
  const int depth = shape.lanes * shape.pair;
  if (p.has_integer_dot()) return {Type::i8, Type::i32, depth};
  return {p.a, Type::f32, depth};
}

DotTypes dot_types(Dot dot) {
  if (dot == Dot::bf16) return {Type::bf16, Type::f32, 2};
  if (dot == Dot::i8 || dot == Dot::i8x2) return {Type::i8, Type::i32, 4};
  return {Type::f32, Type::f32, 1};
}

}  // namespace

Geometry::Geometry(const Problem& problem, const Schedule& schedule)
    : p(problem), layout(schedule.layout), loops(schedule.loops), shape(packed_shape(p, layout)),
      streams(schedule.tile_streams()), piece_blocks(p.dot == Dot::i8x2 ? 128 / shape.block_k : shape.blocks),
      digits(p.digits()), ks(sums_are_integers() && loops.split == 0 ? 1 : p.ks) {
  const DotTypes types = is_matrix() ? matrix_types(p, shape) : dot_types(p.dot);
  x = types.x;
  u = is_matrix() ? x : p.unpacked_type();
  part = types.part;
  depth = types.depth;
  steps = static_cast<int>(shape.block_k / depth);
  copy_columns = is_matrix() ? 64 : 16;
  while (copies_whole_rows() && copy_columns < most_copy_columns && 2 * copy_columns <= shape.padded_k)
    copy_columns *= 2;
  Cutter cutter(p, shape, piece_blocks, ks);
  segments = cutter.cut();
  pieces = cutter.pieces();
  sums = p.group == -1 ? ks : shape.groups;
  if (alike(segments)) {
    const Run& first = segments[0][0];
    const Run& second = segments[1][0];
    repeats = ks;
    stride = {second.scale - first.scale,
              second.sum - first.sum,
              second.piece - first.piece,
              0,
              second.block - first.block,
              0,
              0};
    segments.resize(1);
  }
  // An odd number of cache lines a row, so that the rows of a register tile never fall into the same L1 sets. The extra word
  // and vector take the end of a copied vector that starts on an odd word or ends behind the last.
  const int64_t line = 64 * 8 / bits_of(x);
  const int64_t behind = is_matrix() ? copy_columns : std::max(layout.kk, copy_columns);
  ap_columns = (ceil_div(shape.padded_k + behind, line) | 1) * line;
}

int64_t Geometry::prefetch_words() const {
  const int64_t bits = int64_t{layout.panel} * layout.kk * bits_of(p.weight_type());
  return ceil_div(int64_t{loops.prefetch} * 8, bits);
}

ir::Bound Geometry::row_blocks() const {
  ir::Bound bound(ir::Affine::of(ir::value_m));
  if (loops.mr > 1) {
    bound.rounding = ir::Rounding::ceil;
    bound.divisor = loops.mr;
  }
  return bound;
}

int64_t words_of_block(const Geometry& g) {
  const int64_t most = g.loops.kc == 0 ? g.shape.blocks : g.loops.kc / g.layout.kk;
  int64_t blocks = 0;
  for (const std::vector<Run>& segment : g.segments)
    for (const Run& run : segment) {
      const int64_t chunks = std::min(run.count, std::max<int64_t>(most / run.blocks, 1));
      blocks = std::max(blocks, run.blocks <= most ? chunks * run.blocks : most);
    }
  return blocks;
}

bool sums_stay_in_registers(const Geometry& g) {
  if (g.ks != 1 || g.segments[0].size() != 1) return false;
  const Run& run = g.segments[0][0];
  return run.count * run.blocks <= words_of_block(g);
}

PackedShape packed_shape(const Problem& resolved, const Layout& layout) {
  PackedShape s{};
  s.panel = layout.panel;
  s.halves = resolved.has(Epilogue::swiglu) ? 2 : 1;
  s.panels = ceil_div(ceil_div(resolved.n / s.halves, layout.panel) * s.halves, layout.streams) * layout.streams;
  s.lanes = layout.is_matrix() ? layout.kl : 1;
  s.block_k = int64_t{layout.kk} * s.lanes;
  s.group = resolved.group == -1 ? resolved.k : resolved.group;
  s.groups = resolved.groups();
  s.group_blocks = ceil_div(s.group, s.block_k);
  const int64_t last = resolved.k - (s.groups - 1) * s.group;
  s.blocks = (s.groups - 1) * s.group_blocks + ceil_div(last, s.block_k);
  s.pair = layout.is_matrix() ? layout.kt : std::min(resolved.has_integer_dot() ? 4 : 2, layout.kk);
  s.padded_k = s.blocks * s.block_k;
  return s;
}

int64_t channel_of(const PackedShape& shape, int64_t n, int64_t panel, int64_t column) {
  const int64_t in_half = panel / shape.halves * shape.panel + column;
  return in_half < n / shape.halves ? panel % shape.halves * (n / shape.halves) + in_half : -1;
}

ir::Program build_linear(const Problem& resolved, const Schedule& schedule) {
  const Geometry geometry(resolved, schedule);
  ir::Program program;
  program.kernels.push_back(build_prepare(geometry));
  program.kernels.push_back(geometry.is_matrix() ? build_wave_gemm(geometry) : build_gemm(geometry));
  if (geometry.loops.split != 0) program.kernels.push_back(build_reduce(geometry));
  return program;
}

bool has_equal_segments(const Problem& resolved, const Layout& layout) {
  Loops split;
  split.split = layout.is_matrix() ? 1 : 0;
  return Geometry(resolved, {layout, split}).repeats > 1;
}

int64_t scratch_bytes(const Problem& resolved, const Schedule& schedule) {
  if (schedule.layout.is_matrix()) return 0;
  const Geometry g(resolved, schedule);
  const int64_t staged = resolved.has_integer_dot() ? int64_t{g.loops.mr} * g.ap_columns * 4 : 0;
  if (!schedule.loops.is_blocked()) return staged;
  const int64_t columns = int64_t{g.layout.panel} * g.streams;
  const bool has_panel = schedule.loops.expand == Expand::panel;
  const int64_t panel = has_panel ? bytes_of(g.u, words_of_block(g) * g.layout.kk * columns) : 0;
  const int64_t saved = int64_t{g.loops.mc} * columns * 4 * (resolved.ks > 1 ? 3 : 2);
  return std::max(staged, panel + (sums_stay_in_registers(g) ? 0 : saved));
}

}  // namespace tilejit

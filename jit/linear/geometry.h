// What the kernels of a linear layer agree on: how k is cut into segments, chunks and pieces, and the buffers between.
#pragma once

#include <vector>

#include "ir/builder.h"
#include "ir/ir.h"
#include "ir/mma.h"
#include "jit/build_linear.h"

namespace tilejit {

/// Consecutive chunks of k of one length. A chunk is what one scale covers: a group, or, when one group covers all of k, the
/// whole of a segment. A piece is what one integer sum covers: a chunk, or 128 k of it (dot=i8x2, the last piece shorter).
struct Run {
  int64_t scale;  // of the first chunk; the next chunk has the next scale
  int64_t sum;    // likewise, its place in asum
  int64_t piece;  // the first of all pieces of the first chunk
  int64_t count;
  int64_t block;   // first word of the first chunk
  int64_t blocks;  // words of a chunk
  int64_t pieces;  // of a chunk
};

/// Where the first chunk of a run lies: its scale, its place in asum, its first piece and word.
struct RunStart {
  ir::Affine scale, sum, piece, block;
};

inline constexpr int few_rows = 16;

/// Refers to the problem and schedule it is made of.
struct Geometry {
  Geometry(const Problem& problem, const Schedule& schedule);

  const Problem& p;
  const Layout& layout;
  const Loops& loops;
  PackedShape shape;
  int streams;           // of a register tile
  int64_t piece_blocks;  // words of a full piece
  /// Segments of k, ascending, each a list of runs; when all are alike only the first, which a loop over `repeats` moves on.
  std::vector<std::vector<Run>> segments;
  int64_t repeats = 1;
  Run stride{};      // from a repeated segment to the next: scale, sum, piece and block
  Type x;            // of an activation in a dot step
  Type u;            // of a weight in a dot step
  Type part;         // of the sum of dot steps
  int depth;         // k of a dot step
  int steps;         // dot steps of a block
  int copy_columns;  // of the tiles that copy activations
  int digits;        // int8 digits of an activation: 2 for dot=i8x2, else 1
  int64_t sums;      // chunks: columns of asum
  int64_t pieces;
  int64_t ap_columns;  // of one digit
  int ks;              // segments that are summed apart: 1 where the sums are integers to the end and are not split

  /// Dot steps are matrix steps of waves.
  bool is_matrix() const { return layout.is_matrix(); }
  bool has_c() const { return p.zp == ZeroDomain::floating; }
  /// Dot steps multiply u - z where that has the type of a weight in one; of integer dots matrix steps alone, in int8.
  bool unpacking_subtracts() const { return p.has_scales() && (!p.has_integer_dot() || is_matrix()); }
  /// The constant that unpacking subtracts: z, or what brings 8 bits into int8.
  int unpacked_zero() const {
    if (!unpacking_subtracts()) return 0;
    return p.has_integer_dot() && p.weight_bits() == 8 ? 128 : p.zero;
  }
  /// Of integer dots, what of a constant z enters through the sums of the activations.
  int zero_of_sums() const { return p.zero - unpacked_zero(); }
  bool needs_activation_sums() const {
    if (!p.has_integer_dot()) return false;
    return p.zp == ZeroDomain::integer ? !is_matrix() : zero_of_sums() != 0;
  }
  bool starts_at_zero() const { return !needs_activation_sums() || p.zp == ZeroDomain::integer; }
  /// Scales of the quantized activations of a row: one, or one for each piece.
  int64_t activation_scales() const { return p.quantizes_rows() ? 1 : pieces; }
  /// Sums of chunks are scaled and added up; else the one sum of a segment is the result.
  bool adds_chunks() const { return p.has_scales() && p.scheme != Scheme::w8a8; }
  /// Packed weights are dot operands as they lie.
  bool needs_no_unpacking() const {
    return p.weight_type() == u && shape.pair == depth && (!is_matrix() || steps == 1);
  }
  /// In a repeated segment, `segment` is its number; else 0.
  RunStart start_of(const Run& run, const ir::Affine& segment) const {
    return {segment * stride.scale + run.scale, segment * stride.sum + run.sum, segment * stride.piece + run.piece,
            segment * stride.block + run.block};
  }
  /// Words of a panel that `prefetch` bytes are.
  int64_t prefetch_words() const;
  /// `prefetch` reaches from a word of a tile's panels to that of the next tile's.
  bool asks_for_next_tile() const { return loops.kc == 0 && prefetch_words() == shape.blocks * streams; }
  /// Rows of a task of waves, of a register tile else.
  int row_unit() const { return loops.mr * loops.wm; }
  /// Activations are made one row at a time where waves run, and where they are quantized: that reads a row several times, so
  /// that it should stay in L1. A gather reads its indices once for all rows.
  bool prepares_single_rows() const { return is_matrix() || (p.has_integer_dot() && !p.perm); }
  /// Rows of the tiles that make activations: one, else those of a register tile.
  int prepared_rows() const { return prepares_single_rows() ? 1 : loops.mr; }
  /// One integer sum of all of k is scaled at the end.
  bool sums_are_integers() const { return p.scheme == Scheme::w8a8; }
  /// What a segment that is a task leaves behind.
  Type partial_type() const { return sums_are_integers() ? Type::i32 : Type::f32; }
  /// Tasks of waves with one tile of rows keep the rows that there are and clip the others; for large m whole tiles are cheaper.
  bool clips_rows() const { return is_matrix() && row_unit() <= few_rows; }
  /// Few rows of which nothing but the copy is made, or one scale: they are copied in wide vectors from their begin.
  bool copies_whole_rows() const {
    const bool has_no_gaps = p.group == -1 || p.group == shape.group_blocks * shape.block_k;
    return clips_rows() && has_no_gaps && !p.perm && !has_c() && !needs_activation_sums();
  }
  /// Rows of ap, asum and partial: m, rounded up to whole row units where they are not clipped.
  ir::Extent rows() const { return clips_rows() ? ir::Extent::of_m() : ir::Extent::of_m(row_unit(), row_unit()); }
  /// The row of numerics of matrix steps.
  int numerics() const { return p.has_integer_dot() ? *ir::find_mma("i8") : p.numerics; }
  /// Register tiles over m.
  ir::Bound row_blocks() const;
};

/// body(run, its start) for every run of every segment, ascending in k.
template <typename Body>
void for_runs(const Geometry& g, ir::Builder& b, Body body) {
  ir::Affine number = 0;
  if (g.repeats > 1) number = ir::Affine::of(b.for_loop(ir::LoopKind::serial, "seg", 0, g.repeats));
  for (const std::vector<Run>& segment : g.segments)
    for (const Run& run : segment) body(run, g.start_of(run, number));
  if (g.repeats > 1) b.end();
}

ir::Kernel build_prepare(const Geometry& geometry);
ir::Kernel build_gemm(const Geometry& geometry);
/// The same with matrix steps.
ir::Kernel build_wave_gemm(const Geometry& geometry);
/// Adds the sums of the segments, when these are tasks, and finishes them.
ir::Kernel build_reduce(const Geometry& geometry);
/// [rows, segments, channels of all panels]: the sums of segments that are tasks.
ir::BufferId partial_sums(const Geometry& geometry, ir::Builder& builder);

/// Words of the largest block of k (blocked loops).
int64_t words_of_block(const Geometry& geometry);
/// The register tile's sums go from zero to the output without being saved: one segment, one run, one block.
bool sums_stay_in_registers(const Geometry& geometry);

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace tilejit

// What both kernels of a linear layer agree on: how k is cut into segments and chunks, and the shapes of the buffers between.
#pragma once

#include <vector>

#include "ir/ir.h"
#include "jit/build_linear.h"

namespace tilejit {

/// Consecutive chunks of k of one length. A chunk is what one scale (and one partial sum) covers: a group, or, when one
/// group covers all of k, the whole of a segment.
struct Run {
  int64_t scale;  // of the first chunk; the next chunk has the next scale
  int64_t sum;    // likewise, its place in asum
  int64_t count;
  int64_t block;   // first 32-bit word of the first chunk
  int64_t blocks;  // words of a chunk
};

/// Refers to the problem and schedule it is made of.
struct Geometry {
  Geometry(const Problem& problem, const Schedule& schedule);

  const Problem& p;
  const Layout& layout;
  const Loops& loops;
  PackedShape shape;
  /// Segments of k, ascending, each a list of runs; when all are alike only the first, which a loop over `repeats` moves on.
  std::vector<std::vector<Run>> segments;
  int64_t repeats = 1;
  Run stride{};  // from a repeated segment to the next: scale, sum and block
  Type operand;  // of a dot step
  int depth;     // k of a dot step
  int steps;     // dot steps of a word
  int64_t sums;  // columns of asum
  int64_t ap_columns;

  bool has_c() const { return p.zp == ZeroDomain::floating; }
  /// Rows of ap and asum: m rounded up to whole register tiles.
  ir::Extent rows() const { return ir::Extent::of_m(loops.mr, loops.mr); }
  /// Register tiles over m.
  ir::Bound row_blocks() const;
};

ir::Kernel build_prepare(const Geometry& geometry);
ir::Kernel build_gemm(const Geometry& geometry);

/// Words of the expanded panel: the largest block of k that is expanded at once (expand=panel).
int64_t expanded_blocks(const Geometry& geometry);
/// The register tile's sums go from zero to the output without being saved: one segment, one run, one expanded block.
bool sums_stay_in_registers(const Geometry& geometry);

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace tilejit

// What happens to a finished sum: the epilogue ops in f32, in their order, then the one rounding and the store.
#pragma once

#include <vector>

#include "ir/builder.h"
#include "ir/tile_ops.h"
#include "jit/linear/geometry.h"
#include "jit/linear/tile.h"

namespace tilejit {

/// Declares its buffers: ascale of quantized rows, bias, mul, residual, out.
class EpilogueBuilder {
 public:
  EpilogueBuilder(const Geometry& geometry, ir::Builder& builder);

  /// sums[s]: the f32 sums of stream s at a tile's position, which are overwritten: scaled by the scale of the row (w8a8, w4a8),
  /// then the epilogue; swiglu makes one of a pair.
  void finish(const Position& at, const std::vector<ir::Value>& sums);

 private:
  /// Where the columns of a tile start in a buffer of n columns (n/2 behind swiglu), and whether some may lie past its end.
  struct Columns {
    ir::Affine first;
    bool clip;
  };
  Columns columns_of(const Position& at, size_t stream, bool joined) const;
  std::vector<ir::Slice> tile_at(const Position& at, const Columns& columns) const;
  bool clips(const Columns& columns) const;
  void scale_rows(const Position& at, const std::vector<ir::Value>& sums);
  /// The epilogue op on y: in y, or a new register.
  ir::Value apply(Epilogue e, ir::Value y, const Position& at, const Columns& columns);
  void add_bias(ir::Value y, const Columns& columns);
  void relu(ir::Value y);
  /// silu(gate) * up.
  ir::Value join(ir::Value gate, ir::Value up);
  ir::TileOps functions() const;
  void with_operand(ir::Op op, ir::BufferId buffer, ir::Value y, const Position& at, const Columns& columns);
  void store(ir::Value y, const Position& at, const Columns& columns);

  const Geometry& g;
  ir::Builder& b;
  ir::BufferId ascale_ = ir::BufferId::none, bias_ = ir::BufferId::none, mul_ = ir::BufferId::none,
               residual_ = ir::BufferId::none, out_;
};

}  // namespace tilejit

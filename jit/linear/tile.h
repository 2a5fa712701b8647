// One register tile of the gemm kernel: mr rows by nr channels of each stream. What is computed on it is here, step by step;
// the order of the steps, and where sums wait in between, is gemm.cpp's and blocked.cpp's.
#pragma once

#include <string>
#include <vector>

#include "ir/builder.h"
#include "jit/linear/geometry.h"

namespace tilejit {

/// Where a register tile stands: its first row, the panel of its first stream, its first channel in each panel; its number
/// among the row tiles of the task and among the column tiles of the panel.
struct Position {
  ir::Affine row, panel, column;
  ir::Affine row_tile, column_tile;
};

/// A dot step of a word: of the `pair` k at place `j` a step of smaller depth takes number t.
struct Step {
  ir::Value j;
  int t;
};

/// A stored value per channel (scale, zero point, c) and its register in the type it is used in.
struct Channel {
  ir::BufferId buffer = ir::BufferId::none;
  ir::Value stored = ir::Value::none;
  ir::Value used = ir::Value::none;
};

/// The registers of one stream: its packed words and zero points, and its sums of the piece (one for each digit of the
/// activations), of the segment, of all segments.
struct Stream {
  ir::Value packed = ir::Value::none;
  ir::Value zero = ir::Value::none;
  std::vector<ir::Value> parts;
  ir::Value acc = ir::Value::none;
  ir::Value total = ir::Value::none;
};

/// What a chunk of matrix steps takes from memory beside its words, one register for each stream, as stored.
struct ChunkValues {
  std::vector<ir::Value> zeros, scales;
};

/// What a matrix step multiplies: the weights of each stream.
struct MatrixOperands {
  ir::Value x = ir::Value::none;
  std::vector<ir::Value> u;
};

class Tile {
 public:
  Tile(const Geometry& geometry, ir::Builder& builder);

  Position at;
  const std::vector<Stream>& streams() const { return streams_; }
  /// The sum of all segments, of each stream.
  std::vector<ir::Value> totals() const;
  /// Columns of a scratch buffer that holds the streams side by side, at this tile.
  ir::Slice columns_of(size_t stream) const;

  void clear_totals();
  void clear_accs();
  void load_zeros(const ir::Affine& scale);
  /// The sums of a piece, before its first dot step.
  void start_parts(const ir::Affine& piece);
  void load_packed(const ir::Affine& block);
  /// Registers beside those of the streams, filled ahead of their use and then put in the streams' place.
  std::vector<ir::Value> new_packed();
  void load_packed(const std::vector<ir::Value>& into, const ir::Affine& block);
  void use_packed(const std::vector<ir::Value>& packed);
  ChunkValues new_chunk();
  void load_chunk_zeros(const ChunkValues& into, const ir::Affine& scale);
  void load_chunk_scales(const ChunkValues& into, const ir::Affine& scale);
  void use_chunk(const ChunkValues& values);
  /// Asks for `words` words that come `prefetch` bytes behind `block` in each stream; where register tiles share the panels,
  /// each for its part of them; where the next tile is meant, in several places of it.
  void prefetch(const ir::Affine& block, int64_t words);
  void load_x(const ir::Affine& block, Step step);
  /// The activations of a dot step, of the lowest digit.
  ir::Value x() const { return x_[0]; }
  ir::BufferId activations() const { return ap_; }
  /// The weights of a dot step, u - z (u for integer dots), exact; the register that holds them.
  ir::Value unpack(const Stream& stream, Step step);
  ir::Value unpacked() const { return u_; }
  void dot(const Stream& stream, ir::Value u);
  /// Registers for what a matrix step multiplies; the weights of step `j` of the streams' words; a step.
  MatrixOperands new_operands();
  void unpack(MatrixOperands& into, int64_t j);
  void dot(const MatrixOperands& operands);
  /// acc += the scaled sum of a piece.
  void scale_parts(const ir::Affine& scale, const ir::Affine& piece);
  /// acc = fma(A, c, acc), when c exists, behind the last piece of a chunk.
  void add_offsets(const ir::Affine& scale, const ir::Affine& sum);
  void add_segment();

 private:
  /// Columns of a packed word in a cache line.
  int64_t line_columns() const { return 64 * 8 / (g.layout.kk * bits_of(g.p.weight_type())); }
  void prefetch_next_tile(const ir::Affine& block, int64_t words, int level);
  Channel channel(const char* name, Type stored, std::vector<ir::Extent> dims, Type used);
  Stream stream_registers(size_t stream);
  void load_channel(const Channel& c, std::vector<ir::Slice> slices);
  std::vector<ir::Slice> scale_at(size_t stream, const ir::Affine& scale) const;
  void scale_stream(size_t stream, const ir::Affine& scale);
  void unpack(ir::Value u, const Stream& stream, ir::Value j, int lane);
  /// The exact integer sum of a piece as f32, for i8x2 in the scale of the piece.
  ir::Value integer_sum(const Stream& stream);

  const Geometry& g;
  ir::Builder& b;
  ir::BufferId ap_, asum_ = ir::BufferId::none, isum_ = ir::BufferId::none, ascale_ = ir::BufferId::none, w_;
  Channel scale_, zero_, offset_;
  std::vector<ir::Value>
      scales_;  // of the chunk that is used, one for each stream; empty: they are loaded when they are used
  std::vector<ir::Value> x_;  // by digit
  ir::Value u_ = ir::Value::none, sum_ = ir::Value::none, row_sum_ = ir::Value::none, row_isum_ = ir::Value::none,
            row_scale_ = ir::Value::none, product_ = ir::Value::none;
  std::vector<Stream> streams_;
};

}  // namespace tilejit

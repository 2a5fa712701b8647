// The generator behind random_kernel: a pool of registers that are surely written, the loops around, and a method per kind
// of statement. random_kernel.cpp holds its structure, random_statements.cpp its statements.
#pragma once

#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/mma.h"
#include "tests/support/random_kernel.h"

namespace tilejit::test {

using ir::Affine;
using ir::Bound;
using ir::BufferId;
using ir::Builder;
using ir::Extent;
using ir::Kernel;
using ir::LoopKind;
using ir::Op;
using ir::Rounding;
using ir::Shape;
using ir::Slice;
using ir::Space;
using ir::TileType;
using ir::Value;

constexpr int64_t scratch_rows = 6;
constexpr int64_t in_rows = 9;
constexpr int64_t in_tiles = 3;  // width of an input row, in tiles of cols_
constexpr int64_t activations = 40;
constexpr int64_t blocks = 5;
constexpr int64_t side_rows = 4;

constexpr int64_t index_values = 16;  // a loaded index lies in 0..15

struct GeneratedLoop {
  Value var;
  int64_t last;  // the largest value that it can take
  bool unrolled;
};

class Generator {
 public:
  Generator(uint64_t seed, RandomKernelOptions options)
      : random_(seed * 0x9e3779b97f4a7c15u + 1), options_(options), b_("random" + std::to_string(seed)) {}

  Kernel run();

 private:
  // --- choices
  int64_t pick(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(random_() % static_cast<uint64_t>(hi - lo + 1));
  }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  Type pick(std::initializer_list<Type> types) {
    return types.begin()[pick(0, static_cast<int64_t>(types.size()) - 1)];
  }
  Shape broadcast_shape() { return {chance(60) ? rows_ : 1, chance(75) ? cols_ : 1, 1}; }
  Affine start_inside(int64_t dim, int64_t extent);
  Slice inside(int64_t dim, int32_t extent) { return {start_inside(dim, extent), extent}; }

  // --- registers
  Value fresh(const char* name, TileType type) { return b_.tile(name, type); }
  Value result(TileType type);
  Value pool_tile(Type type);
  std::vector<Value> operands_for(TileType type);
  void keep(Value v) { pool_.push_back(v); }
  const TileType& type_of(Value v) const { return tiles_.at(v); }
  Value record(Value v, TileType type) {
    tiles_[v] = type;
    return v;
  }

  // --- memory
  BufferId buffer(const std::string& name, Space space, Type type, std::vector<Extent> dims, bool may_stride = false);
  std::string named(const char* what, Type type) { return std::string(what) + "_" + std::string(to_string(type)); }
  Slice row_block() const { return {Affine::of(row_, rows_), rows_}; }
  /// One row of the wave's own part of scratch memory.
  Slice own(int64_t rows) { return {start_inside(rows, 1) + wave_ * rows, 1}; }
  Affine task_and_wave() const { return Affine::of(task_, waves_) + wave_; }
  std::vector<Extent> with_task_dims(std::vector<Extent> dims) const;
  std::vector<Slice> with_task_slices(std::vector<Slice> slices) const;

  // --- statements
  void statements(int count, int depth);
  void statement(int depth);
  void fill();
  void load_row();
  void load_rows_of_m();
  void load_gathered();
  void convert();
  void arithmetic();
  Value number(Value from);
  void unary();
  void reduce();
  void quantize();
  Value packed(Type& type);
  Value unpacked(TileType tile);
  void dequantize();
  Value accumulator(TileType tile);
  void dot();
  void dot_i8();
  void scratch();
  void panel();
  void store_side();
  void store_tile(Value v);
  void store_out();
  void loop(int depth);
  void tail_loop();
  void function();
  void row_loop(int depth);
  void init_scratch();
  void open_waves();
  void exchange();
  void matrix_step();

  std::mt19937_64 random_;
  RandomKernelOptions options_;
  Builder b_;
  int32_t rows_ = 1, cols_ = 16;
  int64_t tasks_ = 1;
  Value task_ = Value::none;
  Value row_ = Value::none;  // index of the block of rows_ rows of m; none outside its loop
  bool row_is_task_ = false;
  int64_t waves_ = 1;
  int wave_loops_ = 0;
  Affine wave_;  // the number of the wave
  int exchanges_ = 0;
  Value acc_ = Value::none;  // f32 [R,C], written from the start and stored at the end of every block of rows
  std::vector<GeneratedLoop> loops_;
  std::vector<Value> pool_;  // registers that are surely written
  std::map<Value, TileType> tiles_;
  std::map<std::string, BufferId> buffers_;
  BufferId scratch_ = BufferId::none, panel_ = BufferId::none;
};

}  // namespace tilejit::test

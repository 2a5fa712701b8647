// Builds a kernel instruction by instruction. A method per op appends it and returns its result register; shapes and types
// are the caller's duty (verify checks them). Loops nest by scope: `for_loop` opens, `end` closes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

class Builder {
 public:
  explicit Builder(std::string kernel_name) {
    kernel_.name = std::move(kernel_name);
    kernel_.body.reserve(usual_instructions);
    kernel_.values.reserve(usual_instructions);
  }

  BufferId buffer(std::string name, Space space, Type type, std::vector<Extent> dims, bool strided = false);
  /// A register to be written by `into` forms below (an accumulator).
  Value tile(std::string name, TileType type) { return kernel_.add_value(std::move(name), type); }

  Value for_loop(LoopKind kind, std::string var, Bound lo, Bound hi, int64_t step = 1);
  void end();

  void fill(Value dst, int64_t bits);
  void elementwise(Op op, Value dst, Value a, Value b = Value::none, Value c = Value::none);
  void shift(Op op, Value dst, Value a, int64_t bits);
  void unpack(Value dst, Value packed, Value lane_var, int32_t lane_constant, int64_t zero);
  void unpack_zero(Value dst, Value packed, Value zeros, Value lane_var, int32_t lane_constant);
  void dot(Op op, Value dst, Value x, Value w, Value acc);
  /// row: of numerics (mma.h).
  void mma(int row, Value dst, Value x, Value w, Value acc);
  void load(Value dst, BufferId buffer, std::vector<Slice> slices, bool clip = false);
  void store(BufferId buffer, std::vector<Slice> slices, Value tile, bool clip = false);
  Value load_index(std::string name, BufferId buffer, std::vector<Slice> slices);
  void async_copy(BufferId shared, std::vector<Slice> slices, BufferId source, std::vector<Slice> source_slices);
  void barrier() { append(Op::barrier); }
  /// Until all but the newest `may_fly` async copies of this wave have landed.
  void wait(int64_t may_fly) { append(Op::wait).imm = may_fly; }
  /// level: the cache that the slices should come into, 1 or 2.
  void prefetch(BufferId buffer, std::vector<Slice> slices, int level);

  Instr& append(Op op);
  /// The kernel so far; its body takes what other writers of instructions append.
  Kernel& kernel() { return kernel_; }
  Kernel take() { return std::move(kernel_); }

 private:
  static constexpr size_t usual_instructions = 128;

  Kernel kernel_;
  int open_loops_ = 0;
};

}  // namespace tilejit::ir

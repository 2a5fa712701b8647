// Addresses by strength reduction. Every access is a pointer plus a constant; the pointer is a node of a tree that adds one
// variable's term per level, from the buffer's base inwards. A node of a loop variable is set before its loop and advanced at
// the loop's end; accesses that differ by a constant share a node.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <vector>

#include "ir/ir.h"
#include "ir/ranges.h"
#include "targets/x86/select_emit.h"

namespace tilejit::x86 {

/// Bytes between neighbours of one buffer dimension: a constant, or a register that the entry block computes. u4 counts bits.
struct Stride {
  static constexpr int none = -1;
  static constexpr int unplanned = -2;  // a run-time stride that no access has needed so far

  int64_t bits = 0;
  int runtime = none;  // index into the run-time strides, in bytes
};

/// One memory instruction: where element 0 of its tile is and which dimensions its rows, columns and depth walk.
struct Access {
  int node = -1;
  int64_t disp = 0;
  int row_dim = -1;
  int col_dim = -1;
  int depth_dim = -1;
  uint8_t unproved = 0;  // by dimension: clip has to check it
  uint8_t negative = 0;  // by dimension: the start may be below zero
};

class Addresses {
 public:
  Addresses(const ir::Kernel& kernel, Emitter& emit);

  /// Walks the kernel: strides, nodes and which loop variables are needed as numbers.
  Result<void> plan();

  const Access& access(size_t position) const { return accesses_[position]; }
  Stride stride(ir::BufferId buffer, int dim) const { return strides_[stride_index(buffer, dim)]; }
  Reg runtime_stride(int runtime) const { return runtime_strides_[static_cast<size_t>(runtime)]; }
  Reg pointer(const Access& access) const { return nodes_[static_cast<size_t>(access.node)].reg; }
  bool is_needed(ir::Value loop_variable) const { return needed_[static_cast<size_t>(loop_variable)] != 0; }

  /// The number a variable holds. Loop variables and loaded indices are set by `set`.
  Reg variable(ir::Value v);
  void set(ir::Value v, Reg reg) { variables_[static_cast<size_t>(v)] = reg; }
  Reg evaluate(const ir::Affine& affine);
  /// A dimension's extent as a number; constants become immediates.
  Reg extent(const ir::Extent& extent);
  /// floor(value / divisor) for 0 <= value < 2^31.
  Reg divide(Reg value, int64_t divisor);

  /// Pointers of the variable that instruction `position` sets: `first` or, when that is none, a constant.
  void start(size_t position, Reg first, int64_t constant);
  /// The end of the body of the loop at `position`.
  void advance(size_t position);

 private:
  struct Term {
    ir::Value var = ir::Value::none;  // none: the constant 1
    int64_t coef = 0;                 // bytes, or elements of the run-time stride
    int runtime = Stride::none;
    int32_t scope = 0;  // where the variable is set: an instruction + 1, or 0 for what the entry knows
    bool operator==(const Term&) const = default;
  };
  struct Node {
    int parent;
    ir::BufferId buffer;
    Term term;
    Reg reg = Reg::none;
  };
  static constexpr size_t most_dims = 5;
  static size_t stride_index(ir::BufferId buffer, int dim) {
    return static_cast<size_t>(buffer) * most_dims + static_cast<size_t>(dim);
  }

  Result<void> plan_access(size_t position, const ir::Ranges& ranges);
  void plan_clip(const ir::Slice& slice, const ir::Extent& extent_of_dim, int dim, const ir::Ranges& ranges,
                 Access& access);
  bool map_dims(const ir::Instr& instr, Access& access) const;
  void need(const ir::Affine& affine);
  int32_t scope_of(ir::Value v) const { return v == ir::Value::none ? 0 : scope_[static_cast<size_t>(v)]; }
  int child(int parent, ir::BufferId buffer, const Term& term);
  int root(ir::BufferId buffer);
  Reg base(ir::BufferId buffer);
  void set_from_parent(Node& node, Reg value, int64_t constant_value);
  void add_strides(const ir::Buffer& buffer);
  Stride planned_stride(ir::BufferId buffer, int dim);
  int add_runtime_stride(ir::BufferId buffer, int dim);
  void add_term(const Term& term);

  const ir::Kernel& kernel_;
  Emitter& emit_;
  std::vector<Access> accesses_;  // by instruction
  std::vector<Node> nodes_;
  std::vector<Stride> strides_;  // by buffer and dimension
  std::vector<Reg> runtime_strides_;
  std::vector<Term> terms_;         // of one access, while planning
  std::vector<Reg> variables_;      // by value
  std::vector<uint8_t> needed_;     // by value
  std::vector<int32_t> scope_;      // by value, while planning: where it is set
  std::vector<int32_t> task_;       // by value: its place in `task`, -1 for others
  std::vector<int64_t> scratch_;    // by buffer: offset in the scratch memory
  std::vector<int32_t> parameter_;  // by buffer: its argument slot
};

}  // namespace tilejit::x86

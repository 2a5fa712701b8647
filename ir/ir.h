// The tile IR: a flat list of instructions over mutable tile registers, with structured loops and named buffers.
//
// A Kernel says what one launch computes; a Program is up to three kernels run in order with a barrier between.
// Spaces, loop kinds, types and ops are closed enums whose spelling is their text (print.h, parse.h). Nothing here knows
// what a linear layer is (jit/build_linear.h does) or what a machine is (targets/). `verify` (verify.h) states what is
// legal; `interpret` (interpret.h) says what it means.
#pragma once

#include <tilejit/types.h>

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tilejit::ir {

enum class Op : uint8_t {
#define OP(name, operands, writes, kind) name,
#include "ir/ops.def"
#undef OP
};

enum class OpClass : uint8_t { elementwise, memory, control, other };

struct OpInfo {
  std::string_view name;
  int operands;
  bool writes;  // has a dst (a tile; an index for load_index and for_loop)
  OpClass kind;
};
constexpr int op_count = 0
#define OP(name, operands, writes, kind) +1
#include "ir/ops.def"
#undef OP
    ;
inline constexpr std::array<OpInfo, op_count> op_infos = {{
#define OP(name, operands, writes, kind) {#name, operands, writes, OpClass::kind},
#include "ir/ops.def"
#undef OP
}};
constexpr const OpInfo& info(Op op) { return op_infos[static_cast<size_t>(op)]; }

/// A tile register or an index. Registers are mutable: a later instruction may write the same Value again.
enum class Value : int32_t { none = -1 };
enum class BufferId : int32_t { none = -1 };

/// Bits of a tile's depth, at most.
inline constexpr int64_t deepest_bits = 512;

/// Rows x columns x depth. Depth is what one dot or matrix step contracts, or the packed weights of one column.
struct Shape {
  int32_t rows = 1;
  int32_t cols = 1;
  int32_t depth = 1;
  int64_t count() const { return int64_t{rows} * cols * depth; }
  bool operator==(const Shape&) const = default;
};

struct TileType {
  Type type = Type::f32;
  Shape shape;
  bool operator==(const TileType&) const = default;
};

struct Term {
  Value var;
  int64_t coef;
  bool operator==(const Term&) const = default;
};

/// constant + sum coef * var: at most six terms, sorted by var, no zero coefficient. `add` keeps that form.
class Affine {
 public:
  static constexpr int max_terms = 6;

  Affine() = default;
  Affine(int64_t constant) : constant_(constant) {}
  static Affine of(Value var, int64_t coef = 1);

  int64_t constant() const { return constant_; }
  int size() const { return size_; }
  const Term* begin() const { return terms_.data(); }
  const Term* end() const { return terms_.data() + size_; }
  bool is_constant() const { return size_ == 0; }
  int64_t coef_of(Value var) const;

  void add(Value var, int64_t coef);
  /// The same with every `var` replaced by `value`.
  Affine substitute(Value var, const Affine& value) const;

  friend Affine operator+(Affine a, const Affine& b);
  friend Affine operator*(Affine a, int64_t factor);
  bool operator==(const Affine& other) const;

 private:
  int64_t constant_ = 0;
  int32_t size_ = 0;
  std::array<Term, max_terms> terms_{};
};

enum class Rounding : uint8_t { exact, floor, ceil };

/// A loop bound: min(limit, round(value / divisor)). Text: `4096`, `m`, `ceil(m,8)`, `floor(%s*32+32,3)`,
/// `min(32,ceil(m-%b*256,8))`. A negative quotient counts as 0. With Rounding::exact the divisor is 1.
struct Bound {
  static constexpr int64_t no_limit = std::numeric_limits<int64_t>::max();

  Affine value;
  Rounding rounding = Rounding::exact;
  int64_t divisor = 1;
  int64_t limit = no_limit;

  Bound() = default;
  Bound(int64_t constant) : value(constant) {}
  Bound(Affine affine) : value(affine) {}
  bool is_constant() const { return value.is_constant(); }
  /// The value for constant bounds; for others pass the affine part already evaluated.
  int64_t round(int64_t evaluated) const;
  bool operator==(const Bound&) const = default;
};

/// A Bound of a for_loop, kept on the heap: few instructions are loops, and every pass moves all of them. It is copied with its
/// instruction; in any other instruction it is 0 and takes no memory.
class LoopBound {
 public:
  LoopBound() = default;
  LoopBound(const Bound& bound) : bound_(std::make_unique<Bound>(bound)) {}
  LoopBound(const LoopBound& other) : bound_(other.bound_ ? std::make_unique<Bound>(*other.bound_) : nullptr) {}
  LoopBound(LoopBound&&) noexcept = default;
  LoopBound& operator=(LoopBound other) noexcept {
    bound_ = std::move(other.bound_);
    return *this;
  }
  ~LoopBound() = default;

  operator const Bound&() const { return bound_ ? *bound_ : zero; }
  const Bound* operator->() const { return bound_ ? bound_.get() : &zero; }
  Bound& edit() {
    if (!bound_) bound_ = std::make_unique<Bound>();
    return *bound_;
  }
  bool operator==(const LoopBound& other) const { return *operator->() == *other.operator->(); }

 private:
  inline static const Bound zero;
  std::unique_ptr<Bound> bound_;
};

/// A buffer dimension: constant + per * ceil(m / divisor). Text: `4096`, `m`, `ceil(m,8)*8`.
struct Extent {
  int64_t constant = 0;
  int64_t per = 0;
  int64_t divisor = 1;

  Extent() = default;
  Extent(int64_t fixed) : constant(fixed) {}
  static Extent of_m(int64_t per = 1, int64_t divisor = 1);
  bool is_constant() const { return per == 0; }
  int64_t at(int64_t m) const { return constant + per * ((m + divisor - 1) / divisor); }
  bool operator==(const Extent&) const = default;
};

/// Where a buffer lives. `global`: a parameter bound by the caller. `workspace`: global memory between the kernels of a
/// program. `scratch`: private to a task. `shared`: seen by all waves of a task.
enum class Space : uint8_t { global, workspace, scratch, shared };

struct Buffer {
  std::string name;
  Space space = Space::global;
  Type type = Type::f32;
  std::vector<Extent> dims;  // row-major, at most 5; u4 rows start on whole bytes
  bool strided = false;      // the distance between entries of dimension 0 is a run-time argument (in elements)

  bool operator==(const Buffer&) const = default;
  /// Parameters are passed by the caller in declaration order; scratch and shared memory is the kernel's own.
  bool is_parameter() const { return space == Space::global || space == Space::workspace; }
  /// From the first element to the end of the last row: what the dimensions say is there. The stride counts for strided buffers.
  int64_t bytes_at(int64_t m, int64_t row_stride_bytes) const;
};

/// `tasks` iterations run in any order on any thread (workgroup), `waves` side by side within a task; two waves loops, one
/// alone inside the other, are a grid of waves, numbered row by row.
enum class LoopKind : uint8_t { serial, unrolled, tasks, waves };

struct Slice {
  Affine start;
  int32_t extent = 1;
  bool operator==(const Slice&) const = default;
};

struct Instr {
  Op op = Op::fill;
  LoopKind loop = LoopKind::serial;  // for_loop
  bool clip = false;                 // load, store
  int32_t lane_constant = 0;         // unpack: lane = lane_constant + lane_var (if any)
  Value lane_var = Value::none;
  Value dst = Value::none;
  std::array<Value, 3> args{Value::none, Value::none, Value::none};
  /// fill: bits; unpack: the zero point; mma: the row of numerics (mma.h); prefetch: 1 for L1, 2 for L2; wait: how many may
  /// stay in flight.
  int64_t imm = 0;
  BufferId buffer = BufferId::none;
  BufferId source = BufferId::none;  // async_copy
  std::vector<Slice> slices;         // one per dimension of buffer
  std::vector<Slice> source_slices;
  LoopBound lo, hi;  // for_loop
  int64_t step = 1;
  int32_t line = 0;  // of the text it was parsed from; 0: built

  /// Equal but for `line`.
  bool same(const Instr& other) const;
};

struct ValueInfo {
  std::string name;
  TileType tile;  // type == index: a scalar
  bool operator==(const ValueInfo&) const = default;
};

/// Value 0 of every kernel is the index `m`, the run-time number of activation rows.
inline constexpr Value value_m = Value{0};

struct Kernel {
  std::string name;
  std::vector<Buffer> buffers;
  std::vector<ValueInfo> values;
  std::vector<Instr> body;

  Kernel();
  Value add_value(std::string value_name, TileType tile);
  BufferId add_buffer(Buffer buffer);
  const ValueInfo& value(Value v) const { return values[static_cast<size_t>(v)]; }
  const Buffer& buffer(BufferId b) const { return buffers[static_cast<size_t>(b)]; }
  /// Equal but for source lines, the names and numbering of values, values that nothing uses, and where own buffers stand
  /// among the parameters: what print and parse preserve.
  bool same(const Kernel& other) const;
};

/// Kernels run in order. Buffers of the same name in several kernels are the same memory (and must agree in type, dims and
/// space); the caller binds `global` ones and allocates `workspace` ones.
struct Program {
  std::vector<Kernel> kernels;
  bool same(const Program& other) const;
};

std::string_view to_string(Space space);
std::string_view to_string(LoopKind kind);

/// For every instruction the index of its partner: a for_loop's end, an end's for_loop; -1 for the rest.
std::vector<int32_t> match_loops(const Kernel& kernel);

}  // namespace tilejit::ir

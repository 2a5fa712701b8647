#include "ir/interpret_ops.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "ir/check.h"
#include "ir/float_mode.h"
#include "ir/interpret.h"
#include "ir/mma.h"
#include "ir/scalar_ops.h"

namespace tilejit::ir::interpreter {
namespace {

constexpr uint32_t sign_bit = 0x80000000u;
constexpr uint32_t smallest_normal = 0x00800000u;

float f32(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

/// A subnormal as the zero of its sign.
uint32_t flush(uint32_t b) { return (b & ~sign_bit) < smallest_normal ? b & sign_bit : b; }

// --- conversion -------------------------------------------------------------------------------------------------------

constexpr bool floating(Type type) { return type == Type::f32 || type == Type::bf16 || type == Type::f16; }

struct Range {
  int32_t lo, hi;
};

constexpr Range range_of(Type type) {
  switch (type) {
    case Type::i16: return {-32768, 32767};
    case Type::i8: return {-128, 127};
    case Type::u8: return {0, 255};
    case Type::u4: return {0, 15};
    case Type::i32:
    case Type::f32:
    case Type::bf16:
    case Type::f16:
    case Type::index: break;
  }
  return {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()};
}

template <Type from>
float widen(uint32_t cell) {
  if constexpr (from == Type::bf16) return bf16_to_f32(static_cast<uint16_t>(cell));
  if constexpr (from == Type::f16) return f16_to_f32(static_cast<uint16_t>(cell));
  if constexpr (from == Type::f32) return f32(cell);
  return static_cast<float>(static_cast<int32_t>(cell));  // rounds to nearest even
}

template <Type to>
uint32_t round_to(float value) {
  if constexpr (to == Type::bf16) return f32_to_bf16(value);
  if constexpr (to == Type::f16) return f32_to_f16(value);
  return bits(value);
}

/// A float as the nearest integer (ties to even) that the type holds; NaN is 0.
template <Type to>
uint32_t round_to_integer(float value) {
  if (value != value) return 0;
  constexpr Range range = range_of(to);
  const double inside = std::clamp(double{value}, double{range.lo}, double{range.hi});
  return static_cast<uint32_t>(static_cast<int32_t>(std::nearbyint(inside)));
}

/// Integers go to 16-bit floats through f32, to narrower integers by saturation.
template <Type from, Type to>
uint32_t convert_cell(uint32_t cell) {
  if constexpr (floating(to)) return round_to<to>(widen<from>(cell));
  if constexpr (floating(from)) return round_to_integer<to>(widen<from>(cell));
  constexpr Range range = range_of(to);
  return static_cast<uint32_t>(std::clamp(static_cast<int32_t>(cell), range.lo, range.hi));
}

template <Type type>
struct TypeTag {};

template <typename F>
void with_type(Type type, F f) {
  switch (type) {
    case Type::f32: return f(TypeTag<Type::f32>{});
    case Type::bf16: return f(TypeTag<Type::bf16>{});
    case Type::f16: return f(TypeTag<Type::f16>{});
    case Type::i32: return f(TypeTag<Type::i32>{});
    case Type::i16: return f(TypeTag<Type::i16>{});
    case Type::i8: return f(TypeTag<Type::i8>{});
    case Type::u8: return f(TypeTag<Type::u8>{});
    case Type::u4: return f(TypeTag<Type::u4>{});
    case Type::index: break;
  }
  CHECK(false, "an index is not a tile");
}

// --- rows: the innermost loop of a walk -------------------------------------------------------------------------------

struct Row {
  uint32_t* to;
  const uint32_t *a, *b, *c;
  int64_t step_a, step_b, step_c;
  int64_t n;
};

template <typename F>
void for_each_row(const Step& step, uint32_t* cells, F row) {
  const Walk& w = step.walk;
  for (int64_t i = 0; i < w.n[0]; ++i)
    for (int64_t j = 0; j < w.n[1]; ++j) {
      const auto at = [&](size_t o) { return cells + step.at[o] + i * w.step[o][0] + j * w.step[o][1]; };
      row(Row{at(0), at(1), at(2), at(3), w.step[1][2], w.step[2][2], w.step[3][2], w.n[2]});
    }
}

// These rows have two versions: the machine's fused multiply-add and the C library's, which gives the same bits.
#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void fma_row(const Row& r) {
  for (int64_t i = 0; i < r.n; ++i)
    r.to[i] = bits(ScalarOps::fma(f32(r.a[i * r.step_a]), f32(r.b[i * r.step_b]), f32(r.c[i * r.step_c])));
}

#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void exp_row(const Row& r) {
  for (int64_t i = 0; i < r.n; ++i) r.to[i] = bits(ScalarOps::exp(f32(r.a[i * r.step_a])));
}

#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void erf_row(const Row& r) {
  for (int64_t i = 0; i < r.n; ++i) r.to[i] = bits(ScalarOps::erf(f32(r.a[i * r.step_a])));
}

#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void tanh_row(const Row& r) {
  for (int64_t i = 0; i < r.n; ++i) r.to[i] = bits(ScalarOps::tanh(f32(r.a[i * r.step_a])));
}

/// fma of flushed operands whose tiny result is the zero of its sign. Tiny is what lies below the smallest normal number after
/// rounding to 24 bits, as if the exponent had no end; fma itself rounds there to fewer bits and may reach that number.
inline uint32_t flushing_fma(float a, float b, float c) {
  const uint32_t r = bits(std::fma(a, b, c));
  const uint32_t magnitude = r & ~sign_bit;
  if (magnitude != smallest_normal) return flush(r);
  const double exact = double{a} * double{b} + double{c};  // has at most 41 bits near the limit
  return std::abs(exact) < 0x1p-126 - 0x1p-151 ? r & sign_bit : r;
}

/// Cells of the depth-4 operands hold integers. Unsigned arithmetic wraps as the op does.
void dot_i8_row(const Row& r) {
  for (int64_t i = 0; i < r.n; ++i) {
    const uint32_t* x = r.a + i * r.step_a;
    const uint32_t* w = r.b + i * r.step_b;
    r.to[i] = r.c[i * r.step_c] + x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + x[3] * w[3];
  }
}

/// Cells of the depth-2 operands hold bf16 bits, the upper half of an f32. Odd k first.
#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void dot_bf16_row(const Row& r) {
  for (int64_t i = 0; i < r.n; ++i) {
    const uint32_t* x = r.a + i * r.step_a;
    const uint32_t* w = r.b + i * r.step_b;
    const uint32_t inner = flushing_fma(f32(flush(x[1] << 16)), f32(flush(w[1] << 16)), f32(flush(r.c[i * r.step_c])));
    r.to[i] = flushing_fma(f32(flush(x[0] << 16)), f32(flush(w[0] << 16)), f32(inner));
  }
}

template <typename T, typename F>
void run_unary(const Step& step, uint32_t* cells, F op) {
  for_each_row(step, cells, [&](const Row& r) {
    for (int64_t i = 0; i < r.n; ++i) r.to[i] = std::bit_cast<uint32_t>(op(std::bit_cast<T>(r.a[i * r.step_a])));
  });
}

template <typename T, typename F>
void run_pairs(const Step& step, uint32_t* cells, F op) {
  for_each_row(step, cells, [&](const Row& r) {
    for (int64_t i = 0; i < r.n; ++i)
      r.to[i] = std::bit_cast<uint32_t>(op(std::bit_cast<T>(r.a[i * r.step_a]), std::bit_cast<T>(r.b[i * r.step_b])));
  });
}

/// In the type of the result.
template <typename F>
void run_binary(const Step& step, uint32_t* cells, F op) {
  CHECK(step.type == Type::f32 || step.type == Type::i32, "arithmetic is in f32 or i32");
  if (step.type == Type::f32) return run_pairs<float>(step, cells, op);
  return run_pairs<int32_t>(step, cells, op);
}

/// One row of the operand into one cell: walk.n = {rows, 1, columns}.
template <typename F>
void run_reduce(const Step& step, uint32_t* cells, F op) {
  const int64_t columns = step.walk.n[2];
  for (int64_t row = 0; row < step.walk.n[0]; ++row) {
    const uint32_t* from = cells + step.at[1] + row * columns;
    auto result = static_cast<int32_t>(from[0]);
    for (int64_t c = 1; c < columns; ++c) result = op(result, static_cast<int32_t>(from[c]));
    cells[step.at[0] + row] = static_cast<uint32_t>(result);
  }
}

void run_convert(const Step& step, uint32_t* cells) {
  with_type(step.from, [&]<Type from>(TypeTag<from>) {
    with_type(step.type, [&]<Type to>(TypeTag<to>) {
      for_each_row(step, cells, [](const Row& r) {
        for (int64_t i = 0; i < r.n; ++i) r.to[i] = convert_cell<from, to>(r.a[i * r.step_a]);
      });
    });
  });
}

void run_fill(const Step& step, uint32_t* cells) {
  CHECK(step.type == Type::f32 || step.type == Type::i32, "a fill makes f32 or i32");
  std::fill_n(cells + step.at[0], step.cells, static_cast<uint32_t>(step.instr->imm));
}

/// Where the cells of an unpack lie: to[c * columns + r * results + t] comes of from[(r * columns + c) * packed + t * lanes].
template <typename F>
void for_unpacked(const Step& step, uint32_t* cells, int64_t lane, F cell) {
  const auto [columns, results, lanes] = step.walk.n;
  const uint32_t* from = cells + step.at[1] + lane;
  uint32_t* to = cells + step.at[0];
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < step.rows; ++r)
      for (int64_t t = 0; t < results; ++t) *to++ = cell(from[((r * columns + c) * results + t) * lanes], c);
}

/// zeros == nullptr: the constant `imm` of the instruction.
void run_unpack(const Step& step, uint32_t* cells, int64_t lane, const uint32_t* zeros) {
  const int64_t zero_step = step.walk.step[2][0];
  const uint32_t imm = static_cast<uint32_t>(step.instr->imm);
  if (floating(step.from)) {
    const int up = step.type == step.from ? 0 : 16;  // bf16 is the upper half of an f32
    return for_unpacked(step, cells, lane, [up](uint32_t packed, int64_t) { return packed << up; });
  }
  with_type(step.type, [&]<Type type>(TypeTag<type>) {
    for_unpacked(step, cells, lane, [&](uint32_t packed, int64_t c) {
      return convert_cell<Type::i32, type>(packed - (zeros == nullptr ? imm : zeros[c * zero_step]));
    });
  });
}

void run_mma(const Step& step, uint32_t* cells) {
  const MmaRow& row = mma_rows()[static_cast<size_t>(step.instr->imm)];
  const auto [rows, columns, depth] = step.walk.n;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const uint32_t* acc = cells + step.at[3] + r * columns + c;
      cells[step.at[0] + r * columns + c] =
          mma(row, cells + step.at[1] + r * depth, cells + step.at[2] + c * depth, depth, *acc);
    }
}

}  // namespace

void run_tile_op(const Step& step, uint32_t* cells, int64_t lane) {
  const Instr& instr = *step.instr;
  switch (instr.op) {
    case Op::fill: return run_fill(step, cells);
    case Op::convert: return run_convert(step, cells);
    case Op::add: return run_binary(step, cells, [](auto a, auto b) { return ScalarOps::add(a, b); });
    case Op::sub: return run_binary(step, cells, [](auto a, auto b) { return ScalarOps::sub(a, b); });
    case Op::mul: return run_binary(step, cells, [](auto a, auto b) { return ScalarOps::mul(a, b); });
    case Op::max: return run_binary(step, cells, [](auto a, auto b) { return ScalarOps::max(a, b); });
    case Op::min: return run_binary(step, cells, [](auto a, auto b) { return ScalarOps::min(a, b); });
    case Op::fma: return for_each_row(step, cells, fma_row);
    case Op::div: return run_pairs<float>(step, cells, ScalarOps::div);
    case Op::round: return run_unary<float>(step, cells, ScalarOps::round);
    case Op::exp: return for_each_row(step, cells, exp_row);
    case Op::erf: return for_each_row(step, cells, erf_row);
    case Op::tanh: return for_each_row(step, cells, tanh_row);
    case Op::bitcast: return run_unary<uint32_t>(step, cells, [](uint32_t a) { return a; });
    case Op::bit_and: return run_pairs<int32_t>(step, cells, ScalarOps::bit_and);
    case Op::bit_or: return run_pairs<int32_t>(step, cells, ScalarOps::bit_or);
    case Op::shift_left:
      return run_unary<int32_t>(step, cells, [n = instr.imm](int32_t a) { return ScalarOps::shift_left(a, n); });
    case Op::shift_right:
      return run_unary<int32_t>(step, cells, [n = instr.imm](int32_t a) { return ScalarOps::shift_right(a, n); });
    case Op::reduce_max: return run_reduce(step, cells, ScalarOps::max<int32_t>);
    case Op::reduce_add: return run_reduce(step, cells, [](int32_t a, int32_t b) { return ScalarOps::add(a, b); });
    case Op::unpack: return run_unpack(step, cells, lane, nullptr);
    case Op::unpack_zero: return run_unpack(step, cells, lane, cells + step.at[2]);
    case Op::dot_bf16: return for_each_row(step, cells, dot_bf16_row);
    case Op::dot_i8: return for_each_row(step, cells, dot_i8_row);
    case Op::mma: return run_mma(step, cells);
    case Op::load:
    case Op::store:
    case Op::load_index:
    case Op::prefetch:
    case Op::async_copy:
    case Op::for_loop:
    case Op::end:
    case Op::barrier:
    case Op::wait: break;
  }
  CHECK(false, "not a tile op");
}

}  // namespace tilejit::ir::interpreter

namespace tilejit::ir {

float dot_bf16(uint16_t x0, uint16_t x1, uint16_t w0, uint16_t w1, float c) {
  const DefaultFloatMode mode;
  const uint32_t x[2] = {x0, x1};
  const uint32_t w[2] = {w0, w1};
  const uint32_t acc = std::bit_cast<uint32_t>(c);
  uint32_t to = 0;
  interpreter::dot_bf16_row({&to, x, w, &acc, 0, 0, 0, 1});
  return std::bit_cast<float>(to);
}

}  // namespace tilejit::ir

// Sources: CDNA 2 and 3 as reconstructed on hardware by MMA-Sim (arXiv 2511.10909); RDNA's adder as measured in public on
// gfx1151, its use by WMMA in ascending pairs assumed. Doubles hold every product and every sum below exactly.
#include "ir/mma.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "ir/check.h"

namespace tilejit::ir {
namespace {

constexpr std::array rows = {
    MmaRow{"i8", Type::i8, Type::i32, 1, MmaRule::exact, false},
    MmaRow{"cdna2_bf16", Type::bf16, Type::f32, 4, MmaRule::pairwise, false},
    MmaRow{"cdna2_f16", Type::f16, Type::f32, 4, MmaRule::pairwise, false},
    MmaRow{"cdna3_bf16", Type::bf16, Type::f32, 8, MmaRule::aligned, false},
    MmaRow{"cdna3_f16", Type::f16, Type::f32, 8, MmaRule::aligned, false},
    MmaRow{"cdna4_bf16", Type::bf16, Type::f32, 8, MmaRule::aligned, true},
    MmaRow{"cdna4_f16", Type::f16, Type::f32, 8, MmaRule::aligned, true},
    MmaRow{"rdna3_bf16", Type::bf16, Type::f32, 2, MmaRule::framed, true},
    MmaRow{"rdna3_f16", Type::f16, Type::f32, 2, MmaRule::framed, true},
    MmaRow{"rdna4_bf16", Type::bf16, Type::f32, 2, MmaRule::framed, true},
    MmaRow{"rdna4_f16", Type::f16, Type::f32, 2, MmaRule::framed, true},
};

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr int least_exponent = -126;  // of a normal f32 or bf16

template <Type type>
constexpr int least_exponent_of = type == Type::f16 ? -14 : least_exponent;

template <Type type>
float widened(uint32_t cell) {
  return type == Type::f16 ? f16_to_f32(static_cast<uint16_t>(cell)) : bf16_to_f32(static_cast<uint16_t>(cell));
}

/// 2^n of a normal double.
double power(int n) { return std::bit_cast<double>(static_cast<uint64_t>(n + 1023) << 52); }

/// The exponent of a finite value; that of zero and of subnormals is the least one of a normal number.
int exponent_of(float value, int least) {
  const auto biased = static_cast<int>(std::bit_cast<uint32_t>(value) >> 23 & 0xff);
  return std::max(biased - 127, least);
}

/// A value below the smallest normal number is +0.
float cleared(float value, int least) { return std::abs(value) < static_cast<float>(power(least)) ? 0.0F : value; }
/// A value below the smallest normal f32 is the zero of its sign.
float flushed(float value) { return std::abs(value) < 0x1p-126F ? std::copysign(0.0F, value) : value; }

/// What special values make of a sum: nothing, or its result.
struct Special {
  bool nan = false;
  bool plus = false;
  bool minus = false;

  void add(double term) {
    nan |= std::isnan(term);
    plus |= term == std::numeric_limits<double>::infinity();
    minus |= term == -std::numeric_limits<double>::infinity();
  }
  std::optional<float> result() const {
    if (nan || (plus && minus)) return tilejit::ir::nan;
    if (plus || minus) return plus ? infinity : -infinity;
    return std::nullopt;
  }
};

template <Type type>
float pairwise_step(float acc, const uint32_t* x, const uint32_t* w) {
  std::array<float, 4> p;
  for (size_t i = 0; i < 4; ++i)
    p[i] = flushed(std::fma(cleared(widened<type>(x[i]), least_exponent_of<type>),
                            cleared(widened<type>(w[i]), least_exponent_of<type>), 0.0F));
  const float sum = flushed(flushed(p[0] + p[1]) + flushed(p[2] + p[3]));
  return flushed(cleared(acc, least_exponent) + sum);
}

template <Type type>
float aligned_step(float acc, const uint32_t* x, const uint32_t* w) {
  std::array<double, 8> p;
  Special given;
  Special overflown;  // products of finite values count only if nothing given is special
  int e = 2 * least_exponent;
  given.add(acc);
  for (size_t i = 0; i < 8; ++i) {
    const float a = widened<type>(x[i]);
    const float b = widened<type>(w[i]);
    p[i] = double{a} * double{b};
    given.add(p[i]);
    if (std::abs(p[i]) >= 0x1p128) (p[i] > 0 ? overflown.plus : overflown.minus) = true;
    const int least = least_exponent_of<type>;
    const int of_a = a == 0 ? least_exponent : exponent_of(a, least);
    const int of_b = b == 0 ? least_exponent : exponent_of(b, least);
    e = std::max(e, of_a + of_b);
  }
  if (const auto special = given.result()) return *special;
  if (const auto special = overflown.result()) return *special;
  double sum = 0;
  for (const double product : p) sum += std::trunc(product * power(24 - e));
  const int m = std::max(e, exponent_of(acc, least_exponent));
  const double cut_sum = std::floor(sum * power(7 + e - m)) * power(-31);
  const double cut_acc = std::floor(double{acc} * power(24 - m)) * power(-24);
  const double total = cut_sum + cut_acc;
  return total == 0 ? 0.0F : static_cast<float>(total * power(m));
}

/// An f32 or bf16 input that is subnormal is a zero of its sign.
template <Type type>
float framed_input(uint32_t cell) {
  const float value = widened<type>(cell);
  return type == Type::bf16 ? flushed(value) : value;
}

template <Type type>
float framed_step(float c, const uint32_t* x, const uint32_t* w) {
  constexpr int least = least_exponent_of<type>;
  const float acc = flushed(c);
  std::array<double, 3> term{acc};
  std::array<int, 3> exponent{exponent_of(acc, least_exponent)};
  for (size_t i = 0; i < 2; ++i) {
    const float a = framed_input<type>(x[i]);
    const float b = framed_input<type>(w[i]);
    term[i + 1] = double{a} * double{b};
    exponent[i + 1] = exponent_of(a, least) + exponent_of(b, least);
  }
  Special given;
  bool all_negative = true;
  int e = std::numeric_limits<int>::min();
  for (size_t i = 0; i < 3; ++i) {
    given.add(term[i]);
    all_negative &= std::signbit(term[i]);
    if (term[i] != 0) e = std::max(e, exponent[i]);
  }
  if (const auto special = given.result()) return *special;
  if (e == std::numeric_limits<int>::min()) return all_negative ? -0.0F : 0.0F;
  const bool frame = std::signbit(acc);
  double count = 0;
  for (const double t : term) {
    if (t == 0) continue;
    const double units = std::trunc(std::abs(t) * power(24 - e));
    count += std::signbit(t) == frame ? units : -(units + 1);
  }
  if (count == 0) return 0.0F;
  return flushed(static_cast<float>((frame ? -count : count) * power(e - 24)));
}

template <Type type>
float float_chain(const MmaRow& row, const uint32_t* x, const uint32_t* w, int64_t depth, float acc) {
  for (int64_t k = 0; k < depth; k += row.k) {
    if (row.rule == MmaRule::pairwise)
      acc = pairwise_step<type>(acc, x + k, w + k);
    else if (row.rule == MmaRule::aligned)
      acc = aligned_step<type>(acc, x + k, w + k);
    else
      acc = framed_step<type>(acc, x + k, w + k);
  }
  return acc;
}

}  // namespace

std::span<const MmaRow> mma_rows() { return rows; }

std::optional<int> find_mma(std::string_view name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const MmaRow& row) { return row.name == name; });
  if (found == rows.end()) return std::nullopt;
  return static_cast<int>(found - rows.begin());
}

uint32_t mma(const MmaRow& row, const uint32_t* x, const uint32_t* w, int64_t depth, uint32_t acc) {
  if (row.rule == MmaRule::exact) {
    for (int64_t k = 0; k < depth; ++k) acc += x[k] * w[k];
    return acc;
  }
  CHECK(row.input == Type::bf16 || row.input == Type::f16, "float matrix steps take bf16 or f16");
  const auto c = std::bit_cast<float>(acc);
  return std::bit_cast<uint32_t>(row.input == Type::bf16 ? float_chain<Type::bf16>(row, x, w, depth, c)
                                                         : float_chain<Type::f16>(row, x, w, depth, c));
}

}  // namespace tilejit::ir

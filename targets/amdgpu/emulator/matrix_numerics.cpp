#include "targets/amdgpu/emulator/matrix_numerics.h"

#include <tilejit/types.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace tilejit::amdgpu::emulator {
namespace {

constexpr float least_normal = 0x1p-126f;
constexpr int least_exponent = -126;  // of f32 and bf16, and what cdna3 gives a zero

int fraction_bits(FloatType type) { return type == FloatType::f16 ? 10 : 7; }

float flushed(float x) { return std::abs(x) < least_normal ? std::copysign(0.0f, x) : x; }

/// magnitude * 2^exponent for exponents that double has as normal numbers.
double scaled(int64_t value, int exponent) {
  return static_cast<double>(value) * std::bit_cast<double>(static_cast<uint64_t>(exponent + 1023) << 52);
}

int64_t shifted_right(int64_t value, int count) { return value >> std::min(count, 63); }
/// Toward zero: what is below zero is rounded up by its arithmetic shift, so that no sign is asked for.
int64_t cut(int64_t value, int count) {
  count = std::min(count, 62);
  const int64_t below = (int64_t{1} << count) - 1;
  return (value + (value >> 63 & below)) >> count;
}

/// An f32 as significand * 2^(exponent - 23).
struct Accumulator {
  int64_t significand = 0;
  int exponent = least_exponent;
};
Accumulator taken_apart(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const int biased = static_cast<int>(bits >> 23 & 0xff);
  const int64_t magnitude = (bits & 0x7fffff) | (biased == 0 ? 0u : 0x800000u);
  return {(bits >> 31) != 0 ? -magnitude : magnitude, std::max(biased, 1) - 127};
}

float step_cdna2(const Factor* a, const Factor* b, float acc) {
  std::array<float, 4> p;
  for (size_t i = 0; i < p.size(); ++i) p[i] = flushed(a[i].value * b[i].value + 0.0f);
  const float sum = flushed(flushed(p[0] + p[1]) + flushed(p[2] + p[3]));
  return flushed((std::abs(acc) < least_normal ? 0.0f : acc) + sum);
}

/// Whether the plain sum of the exact terms is not finite; it is what the instruction returns then.
bool is_special(const Factor* a, const Factor* b, size_t count, float acc, float& result) {
  bool finite = std::isfinite(acc);
  for (size_t i = 0; i < count; ++i) finite &= a[i].finite & b[i].finite;
  if (finite) return false;
  double sum = acc;
  for (size_t i = 0; i < count; ++i) sum += double{a[i].value} * double{b[i].value};
  result = static_cast<float>(sum);
  return true;
}

/// The infinity that products beyond f32 make, or zero if there is none.
float beyond_f32(const Factor* a, const Factor* b, size_t count) {
  float sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const double product = double{a[i].value} * double{b[i].value};
    if (std::abs(product) >= 0x1p128)
      sum += std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(product));
  }
  return sum;
}

float step_cdna3(FloatType type, const Factor* a, const Factor* b, float acc) {
  constexpr size_t group = 8;
  float special = 0;
  if (is_special(a, b, group, acc, special)) return special;
  std::array<int, group> exponents;
  for (size_t i = 0; i < group; ++i) exponents[i] = a[i].exponent + b[i].exponent;
  const int e = *std::ranges::max_element(exponents);
  if (e >= 126)
    if (const float infinite = beyond_f32(a, b, group); infinite != 0) return infinite;  // NaN differs from 0 too
  const int up = 24 - 2 * fraction_bits(type);
  int64_t sum = 0;
  for (size_t i = 0; i < group; ++i) {
    const int64_t product = int64_t{a[i].significand} * b[i].significand * (int64_t{1} << up);
    sum += cut(product, e - exponents[i]);
  }
  const Accumulator c = taken_apart(acc);
  const int m = std::max(e, c.exponent);
  const int64_t products = shifted_right(sum * 128, m - e);               // in units of 2^(m - 31)
  const int64_t kept = shifted_right(c.significand * 2, m - c.exponent);  // of 2^(m - 24)
  return static_cast<float>(scaled(products + kept * 128, m - 31));
}

float step_rdna(FloatType type, const Factor* a, const Factor* b, float acc) {
  acc = flushed(acc);
  float special = 0;
  if (is_special(a, b, 2, acc, special)) return special;
  struct Term {
    int64_t significand;  // in units of 2^(exponent - 24)
    int exponent;
  };
  const int up = 24 - 2 * fraction_bits(type);
  const Accumulator c = taken_apart(acc);
  std::array<Term, 3> terms;
  terms[0] = {c.significand * 2, c.exponent};
  for (size_t i = 0; i < 2; ++i)
    terms[i + 1] = {int64_t{a[i].significand} * b[i].significand * (int64_t{1} << up), a[i].exponent + b[i].exponent};
  int e = std::numeric_limits<int>::min();
  for (const Term& t : terms)
    if (t.significand != 0) e = std::max(e, t.exponent);
  if (e == std::numeric_limits<int>::min()) return acc + a[0].value * b[0].value + a[1].value * b[1].value;
  const bool negative = std::signbit(acc);
  int64_t sum = 0;
  for (const Term& t : terms) {
    if (t.significand == 0) continue;
    const int64_t magnitude = shifted_right(std::abs(t.significand), e - t.exponent);
    sum += (t.significand < 0) == negative ? magnitude : -(magnitude + 1);
  }
  return flushed(static_cast<float>(scaled(negative ? -sum : sum, e - 24)));
}

}  // namespace

int group_of(Numerics row) {
  switch (row) {
    case Numerics::cdna2: return 4;
    case Numerics::cdna3: return 8;
    case Numerics::rdna: return 2;
    case Numerics::i32: return 1;
  }
  return 1;
}

Factor factor(Numerics row, FloatType type, uint16_t bits) {
  const int fraction = fraction_bits(type);
  const int least = type == FloatType::f16 ? -14 : least_exponent;
  const int biased = bits >> fraction & (type == FloatType::f16 ? 0x1f : 0xff);
  const bool negative = (bits & 0x8000) != 0;
  Factor f;
  f.value = type == FloatType::f16 ? f16_to_f32(bits) : bf16_to_f32(bits);
  f.finite = std::isfinite(f.value);
  if (biased == 0) {
    if (row == Numerics::cdna2) f.value = 0;
    if (row == Numerics::rdna && type == FloatType::bf16) f.value = std::copysign(0.0f, f.value);
  }
  if (f.value == 0) {
    f.exponent = least_exponent;
    return f;
  }
  const int32_t magnitude = (bits & ((1 << fraction) - 1)) | (biased == 0 ? 0 : 1 << fraction);
  f.significand = negative ? -magnitude : magnitude;
  f.exponent = least + std::max(biased, 1) - 1;
  return f;
}

uint32_t accumulate(Numerics row, FloatType type, std::span<const Factor> a, std::span<const Factor> b, uint32_t c) {
  float acc = std::bit_cast<float>(c);
  const size_t group = static_cast<size_t>(group_of(row));
  for (size_t k = 0; k + group <= a.size(); k += group) {
    switch (row) {
      case Numerics::cdna2: acc = step_cdna2(&a[k], &b[k], acc); break;
      case Numerics::cdna3: acc = step_cdna3(type, &a[k], &b[k], acc); break;
      case Numerics::rdna: acc = step_rdna(type, &a[k], &b[k], acc); break;
      case Numerics::i32: break;  // no row of floats
    }
  }
  return std::isnan(acc) ? 0x7fc00000 : std::bit_cast<uint32_t>(acc);
}

}  // namespace tilejit::amdgpu::emulator

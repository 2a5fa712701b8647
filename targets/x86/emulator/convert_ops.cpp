// Conversions between number formats, and between integers of different sizes.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "targets/x86/emulator/lanes.h"

namespace tilejit::x86::emulator {
namespace {

uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
bool is_nan(uint32_t b) { return (b & 0x7fffffff) > 0x7f800000; }

/// To nearest even; what does not fit, and NaN, is the "integer indefinite".
int32_t to_integer(float x) {
  const double whole = std::nearbyint(double{x});
  return whole >= -0x1p31 && whole < 0x1p31 ? static_cast<int32_t>(whole) : std::numeric_limits<int32_t>::min();
}
float from_integer(int32_t x) { return static_cast<float>(x); }

/// Subnormals are read as signed zeros, a NaN becomes quiet, the rest rounds to nearest even.
uint16_t to_bf16(float x) {
  const uint32_t b = bits(x);
  const uint32_t high = b >> 16;
  if (is_nan(b)) return static_cast<uint16_t>(high | 0x40);
  if ((b & 0x7f800000) == 0) return static_cast<uint16_t>(high & 0x8000);
  const uint32_t rest = b & 0xffff;
  const bool up = rest > 0x8000 || (rest == 0x8000 && (high & 1) != 0);
  return static_cast<uint16_t>(high + (up ? 1 : 0));
}

/// bf16 of b in the low half, of a in the high half of the destination.
void two_to_bf16(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  const size_t count = i.bytes / 4;
  for (size_t l = 0; l < count; ++l) {
    out.u16[l] = to_bf16(b.f32[l]);
    out.u16[l + count] = to_bf16(a.f32[l]);
  }
}

float from_half(uint16_t h) {
  const int exponent = h >> 10 & 31;
  const int fraction = h & 1023;
  const float negative = (h & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 31) {
    const uint32_t quiet = fraction != 0 ? 0x400000u : 0u;
    return std::bit_cast<float>((h & 0x8000u) << 16 | 0x7f800000u | static_cast<uint32_t>(fraction) << 13 | quiet);
  }
  if (exponent == 0) return negative * static_cast<float>(fraction) * 0x1p-24f;
  return negative * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

double round_by(double x, uint32_t mode) {
  switch (mode) {
    case 0: return std::nearbyint(x);
    case 1: return std::floor(x);
    case 2: return std::ceil(x);
    default: return std::trunc(x);
  }
}

/// In units of the last place of a half: 1024 to 2047 of them, fewer where it is subnormal. imm[2] stands for MXCSR's rounding.
uint16_t to_half(float x, uint32_t imm) {
  const uint32_t b = bits(x);
  const uint32_t negative = b >> 16 & 0x8000;
  if (is_nan(b)) return static_cast<uint16_t>(negative | 0x7e00 | (b >> 13 & 0x3ff));
  const uint32_t mode = (imm & 4) != 0 ? 0 : imm & 3;
  if ((b & 0x7fffffff) == 0x7f800000) return static_cast<uint16_t>(negative | 0x7c00);
  const int exponent = std::max(static_cast<int>(b >> 23 & 255) - 127, -14);
  const double units = std::abs(round_by(std::ldexp(double{x}, 10 - exponent), mode));
  const int64_t magnitude = int64_t{exponent + 14} * 1024 + static_cast<int64_t>(units);
  if (magnitude < 0x7c00) return static_cast<uint16_t>(negative | static_cast<uint32_t>(magnitude));
  const bool away = mode == 0 || (mode == 1 && negative != 0) || (mode == 2 && negative == 0);
  return static_cast<uint16_t>(negative | (away ? 0x7c00u : 0x7bffu));
}

void floats_to_halves(Vector& out, const Vector&, const Vector& b, const Instr& i) {
  for (size_t l = 0; l < lane_count<float>; ++l) out.u16[l] = to_half(b.f32[l], static_cast<uint32_t>(i.imm));
}

template <typename To, typename From>
To saturated(From x) {
  using Limits = std::numeric_limits<To>;
  if constexpr (std::is_signed_v<From>)
    return static_cast<To>(std::clamp<From>(x, From{Limits::min()}, From{Limits::max()}));
  return static_cast<To>(std::min<From>(x, From{Limits::max()}));
}

template <typename To, typename From>
constexpr Compute widened = convert<To, From, [](From x) { return static_cast<To>(x); }>;
template <typename To, typename From>
constexpr Compute narrowed = convert<To, From, [](From x) { return static_cast<To>(x); }>;
template <typename To, typename From>
constexpr Compute clamped = convert<To, From, saturated<To, From>>;

constexpr uint8_t none = row_flag::none;
constexpr uint8_t rounds = row_flag::rounds;

constexpr VectorRow rows[] = {
    {"vcvtdq2ps", 1, 4, rounds, convert<float, int32_t, from_integer>},
    {"vcvtps2dq", 1, 4, rounds, convert<int32_t, float, to_integer>},
    {"vcvtph2ps", 1, 4, none, convert<float, uint16_t, from_half>},
    {"vcvtps2ph", 1, 2, rounds | row_flag::immediate, floats_to_halves},
    {"vcvtneps2bf16", 1, 2, none, convert<uint16_t, float, to_bf16>},
    {"vcvtne2ps2bf16", 2, 2, none, two_to_bf16},
    {"vpmovzxbw", 1, 2, none, widened<uint16_t, uint8_t>},
    {"vpmovzxbd", 1, 4, none, widened<uint32_t, uint8_t>},
    {"vpmovzxwd", 1, 4, none, widened<uint32_t, uint16_t>},
    {"vpmovzxdq", 1, 8, none, widened<uint64_t, uint32_t>},
    {"vpmovsxbw", 1, 2, none, widened<int16_t, int8_t>},
    {"vpmovsxbd", 1, 4, none, widened<int32_t, int8_t>},
    {"vpmovsxwd", 1, 4, none, widened<int32_t, int16_t>},
    {"vpmovsxdq", 1, 8, none, widened<int64_t, int32_t>},
    {"vpmovwb", 1, 1, none, narrowed<uint8_t, uint16_t>},
    {"vpmovdb", 1, 1, none, narrowed<uint8_t, uint32_t>},
    {"vpmovdw", 1, 2, none, narrowed<uint16_t, uint32_t>},
    {"vpmovqd", 1, 4, none, narrowed<uint32_t, uint64_t>},
    {"vpmovswb", 1, 1, none, clamped<int8_t, int16_t>},
    {"vpmovsdb", 1, 1, none, clamped<int8_t, int32_t>},
    {"vpmovsdw", 1, 2, none, clamped<int16_t, int32_t>},
    {"vpmovuswb", 1, 1, none, clamped<uint8_t, uint16_t>},
    {"vpmovusdb", 1, 1, none, clamped<uint8_t, uint32_t>},
    {"vpmovusdw", 1, 2, none, clamped<uint16_t, uint32_t>},
};

}  // namespace

std::span<const VectorRow> convert_rows() { return rows; }

}  // namespace tilejit::x86::emulator

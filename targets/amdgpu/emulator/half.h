// Sixteen-bit floats of the emulator, by code of its own: what it finds is compared with the interpreter's.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace tilejit::amdgpu::emulator {

inline float from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

inline float from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000U} << 16;
  const uint32_t exponent = (bits >> 10) & 31U;
  const uint32_t fraction = bits & 0x3ffU;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000U | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24F;  // exact
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(small));
}

/// Nearest even of a double: the results of f16 arithmetic computed in double, whose error cannot reach a midpoint.
inline uint16_t to_f16(double x) {
  const auto bits = std::bit_cast<uint64_t>(x);
  const auto sign = static_cast<uint16_t>(bits >> 48 & 0x8000U);
  const double magnitude = std::fabs(x);
  if (std::isnan(x)) return static_cast<uint16_t>(sign | 0x7e00U | (bits >> 42 & 0x1ffU));
  if (magnitude >= 65520.0) return sign | 0x7c00U;
  // Adding a power of two whose last place is that of the result rounds to it.
  int exponent = magnitude < 0x1p-14 ? -14 : static_cast<int>(std::bit_cast<uint64_t>(magnitude) >> 52) - 1023;
  const double scaled = std::nearbyint(std::ldexp(magnitude, 10 - exponent));  // 0 to 2048
  const auto units = static_cast<uint32_t>(scaled);
  return static_cast<uint16_t>(sign | (static_cast<uint32_t>(exponent + 14) * 1024U + units));
}

inline uint16_t to_f16_toward_zero(float x) {
  const uint16_t nearest = to_f16(x);
  if (std::isnan(x)) return nearest;
  if ((nearest & 0x7fffU) == 0x7c00U && !std::isinf(x)) return static_cast<uint16_t>(nearest - 1);
  return std::fabs(from_f16(nearest)) > std::fabs(x) ? static_cast<uint16_t>(nearest - 1) : nearest;
}

/// Nearest even, subnormals kept.
inline uint16_t to_bf16(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40U);
  return static_cast<uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

}  // namespace tilejit::amdgpu::emulator

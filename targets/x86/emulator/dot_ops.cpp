// Instructions that multiply neighbours and add them up.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "targets/x86/emulator/lanes.h"

namespace tilejit::x86::emulator {
namespace {

constexpr uint32_t sign_bit = 0x80000000;
constexpr uint32_t smallest_normal = 0x00800000;

uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
float number(uint32_t b) { return std::bit_cast<float>(b); }

/// A subnormal as the zero of its sign.
inline uint32_t flush(uint32_t b) { return (b & 0x7f800000) == 0 ? b & sign_bit : b; }

/// Whether x * y + z, rounded to 24 bits with an unbounded exponent, is below the smallest normal number. f32 itself rounds
/// there to fewer bits, so the question is asked 2^64 higher. The sum being tiny and not zero, z and x * y are below 2^-60
/// (they have at most 24 bits), hence so is the smaller factor below 2^-30, and nothing overflows.
bool is_tiny(float x, float y, float z) {
  const float up = 0x1p64f;
  const bool x_is_smaller = std::abs(x) < std::abs(y);
  const float r = std::fma(x_is_smaller ? x * up : x, x_is_smaller ? y : y * up, z * up);
  return std::abs(r) < 0x1p-126f * up;
}

/// One step of vdpbf16ps in 16 lanes: z = x * y + z, one rounding to nearest even, tiny results as signed zeros.
#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void flushing_fma(const uint32_t* x, const uint32_t* y, uint32_t* z) {
  uint32_t r[16];
  uint32_t at_the_edge = 0;
  for (size_t l = 0; l < 16; ++l) {
    r[l] = bits(std::fma(number(x[l]), number(y[l]), number(z[l])));
    at_the_edge |= (r[l] & ~sign_bit) == smallest_normal ? 1u : 0u;
  }
  if (at_the_edge != 0)
    for (size_t l = 0; l < 16; ++l)
      if ((r[l] & ~sign_bit) == smallest_normal && is_tiny(number(x[l]), number(y[l]), number(z[l]))) r[l] &= sign_bit;
  for (size_t l = 0; l < 16; ++l) z[l] = flush(r[l]);
}

/// The odd elements of each pair first, then the even ones. MXCSR does not matter.
void dot_bf16(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  uint32_t x[16], y[16], z[16];
  for (size_t l = 0; l < 16; ++l) {
    x[l] = flush(a.u32[l] & 0xffff0000);
    y[l] = flush(b.u32[l] & 0xffff0000);
    z[l] = flush(out.u32[l]);
  }
  flushing_fma(x, y, z);
  for (size_t l = 0; l < 16; ++l) {
    x[l] = flush(a.u32[l] << 16);
    y[l] = flush(b.u32[l] << 16);
  }
  flushing_fma(x, y, z);
  for (size_t l = 0; l < 16; ++l) out.u32[l] = z[l];
}

/// Unsigned bytes of a, signed bytes of b; four products to a dword, which wraps.
void dot_bytes(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  for (size_t l = 0; l < 16; ++l) {
    int32_t sum = 0;
    for (size_t e = 4 * l; e < 4 * l + 4; ++e) sum += int32_t{a.u8[e]} * b.i8[e];
    out.u32[l] += static_cast<uint32_t>(sum);
  }
}

/// Two products of signed words; only -32768 * -32768 twice wraps.
uint32_t pair_of_words(const Vector& a, const Vector& b, size_t l) {
  const int64_t sum = int64_t{a.i16[2 * l]} * b.i16[2 * l] + int64_t{a.i16[2 * l + 1]} * b.i16[2 * l + 1];
  return static_cast<uint32_t>(sum);
}
void dot_words(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  for (size_t l = 0; l < 16; ++l) out.u32[l] += pair_of_words(a, b, l);
}
void multiply_words(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  for (size_t l = 0; l < 16; ++l) out.u32[l] = pair_of_words(a, b, l);
}

/// Unsigned bytes of a, signed bytes of b; two products to a word, saturated.
void multiply_bytes(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  for (size_t l = 0; l < 32; ++l) {
    const int32_t sum = int32_t{a.u8[2 * l]} * b.i8[2 * l] + int32_t{a.u8[2 * l + 1]} * b.i8[2 * l + 1];
    out.i16[l] = static_cast<int16_t>(std::clamp(sum, -32768, 32767));
  }
}

constexpr VectorRow rows[] = {
    {"vdpbf16ps", 2, 4, row_flag::accumulates, dot_bf16},  {"vpdpbusd", 2, 4, row_flag::accumulates, dot_bytes},
    {"vpdpwssd", 2, 4, row_flag::accumulates, dot_words},  {"vpmaddwd", 2, 4, row_flag::whole, multiply_words},
    {"vpmaddubsw", 2, 2, row_flag::whole, multiply_bytes},
};

}  // namespace

std::span<const VectorRow> dot_rows() { return rows; }

}  // namespace tilejit::x86::emulator

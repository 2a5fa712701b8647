// How matrix instructions round. A row turns one element of C into one of D by groups of ascending k; nothing but the
// f32 accumulator passes from group to group, so all shapes of a row give the same bits.
//
// | row   | group | instructions                           | source                                                |
// | cdna2 |   4   | gfx90a: f16, bf16 (_1k)                | reconstructed on hardware (arXiv 2511.10909)          |
// | cdna3 |   8   | gfx942: f16, bf16                      | reconstructed on hardware (same)                      |
// | cdna3 |   8   | gfx950: the same, and double k         | assumed: as gfx942                                    |
// | rdna  |   2   | gfx11, gfx12: f16, bf16; v_dot2_f32_*  | assumed: pairs, by the adder that was measured for    |
// |       |       |                                        | dot2 on gfx1151 (reported to ROCm/rocm-systems)       |
// | i32   |   1   | all of integers                        | exact                                                 |
#pragma once

#include <cstdint>
#include <span>

namespace tilejit::amdgpu::emulator {

/// The steps, with E(x) the unbiased exponent of x (subnormal: of the least normal number of its type), S(x) = x /
/// 2^E(x), RNE32 rounding to f32, nearest even, with subnormals and overflow to infinity. MODE does not matter.
///   cdna2  Everything is f32, rounded to nearest even after each operation; then a result below 2^-126 becomes the
///          zero of its sign. a, b and the accumulator are first read as +0 where they are subnormal (in their own
///          type) or zero. acc + ((p0 + p1) + (p2 + p3)), where p = fma(a, b, +0).
///   cdna3  E(0) = -126, S(0) = 0. e = the largest E(a) + E(b). s = the sum of S(a) * S(b) * 2^(E(a) + E(b) - e), each
///          truncated to 24 fractional bits. m = max(e, E(acc)). s * 2^(e - m) is floored to 31 fractional bits, S(acc)
///          * 2^(E(acc) - m) to 24; RNE32(their sum * 2^m), +0 for a sum of zero. A product of 2^128 or more is an
///          infinity.
///   rdna   bf16 subnormals and a subnormal acc are read as the zero of their sign, f16 subnormals are kept. Of the
///          terms acc, a0*b0, a1*b1 those that are not zero are cut to multiples t of 2^(e - 24), toward zero, with e
///          the largest E(acc) or E(a) + E(b). A term with acc's sign adds t, another one -(t + 1): it is complemented
///          without the increment. The sum times acc's sign is rounded by RNE32, then a result below 2^-126 becomes the
///          zero of its sign. Three zero terms give -0 if all are negative; a sum of zero is +0.
///   In cdna3 and rdna a NaN, 0 * infinity or infinities of both signs give NaN, else an infinite term gives its
///   infinity.
enum class Numerics : uint8_t { cdna2, cdna3, rdna, i32 };
enum class FloatType : uint8_t { f16, bf16 };

/// One element of A or B as a row of the table reads it.
struct Factor {
  float value = 0;          // subnormals read as zero where the row does so
  int32_t significand = 0;  // signed; value = significand * 2^(exponent - fraction bits of the type)
  int32_t exponent = 0;     // E(value)
  bool finite = true;
};

Factor factor(Numerics row, FloatType type, uint16_t bits);

/// The bits of d = c + a * b by a row of floats; as many a as b, a multiple of the row's group. The caller's thread
/// computes in the default float environment.
uint32_t accumulate(Numerics row, FloatType type, std::span<const Factor> a, std::span<const Factor> b, uint32_t c);

/// Values of k that one step adds.
int group_of(Numerics row);

}  // namespace tilejit::amdgpu::emulator

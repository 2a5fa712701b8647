// f32 arithmetic under MXCSR 0x1f80: to nearest even, subnormals kept. The host's MXCSR is the same during a run.
#include <bit>
#include <cmath>
#include <functional>

#include "targets/x86/emulator/lanes.h"

namespace tilejit::x86::emulator {
namespace {

/// x * y + z with one rounding. Two versions: the machine's and the C library's, which give the same bits.
#if defined(__x86_64__)
[[gnu::target_clones("fma", "default")]]
#endif
void fused(float* out, const float* x, const float* y, const float* z) {
  for (size_t l = 0; l < 16; ++l) out[l] = std::fma(x[l], y[l], z[l]);
}

void fma132(Vector& out, const Vector& a, const Vector& b, const Instr&) { fused(out.f32, out.f32, b.f32, a.f32); }
void fma213(Vector& out, const Vector& a, const Vector& b, const Instr&) { fused(out.f32, a.f32, out.f32, b.f32); }
void fma231(Vector& out, const Vector& a, const Vector& b, const Instr&) { fused(out.f32, a.f32, b.f32, out.f32); }

/// One NaN, or two zeros, give the second operand.
float larger(float a, float b) { return a > b ? a : b; }
float smaller(float a, float b) { return a < b ? a : b; }

/// To a multiple of 2^-imm[7:4], by imm[1:0]; imm[2] stands for MXCSR's rounding, to nearest even.
float round_scale(float x, uint32_t imm) {
  const int digits = static_cast<int>(imm >> 4);
  const double scaled = std::ldexp(double{x}, digits);
  double whole = 0;
  switch ((imm & 4) != 0 ? 0 : imm & 3) {
    case 0: whole = std::nearbyint(scaled); break;
    case 1: whole = std::floor(scaled); break;
    case 2: whole = std::ceil(scaled); break;
    default: whole = std::trunc(scaled); break;
  }
  return static_cast<float>(std::ldexp(whole, -digits));
}

constexpr uint8_t rounds = row_flag::rounds;
constexpr uint8_t fma_flags = row_flag::rounds | row_flag::accumulates;

constexpr VectorRow rows[] = {
    {"vaddps", 2, 4, rounds, binary<float, std::plus<float>{}>},
    {"vsubps", 2, 4, rounds, binary<float, std::minus<float>{}>},
    {"vmulps", 2, 4, rounds, binary<float, std::multiplies<float>{}>},
    {"vdivps", 2, 4, rounds, binary<float, std::divides<float>{}>},
    {"vmaxps", 2, 4, rounds, binary<float, larger>},
    {"vminps", 2, 4, rounds, binary<float, smaller>},
    {"vrndscaleps", 1, 4, rounds | row_flag::immediate, with_immediate<float, round_scale>},
    {"vfmadd132ps", 2, 4, fma_flags, fma132},
    {"vfmadd213ps", 2, 4, fma_flags, fma213},
    {"vfmadd231ps", 2, 4, fma_flags, fma231},
};

}  // namespace

std::span<const VectorRow> float_rows() { return rows; }

}  // namespace tilejit::x86::emulator

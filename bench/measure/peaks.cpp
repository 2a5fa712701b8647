// Instruction peaks. Inline assembly, because compilers spill arrays of accumulators and then show half the peak: 16
// accumulators hide a latency of 4 cycles at two instructions a cycle. The operands are ordinary numbers (sums neither
// overflow nor fall below the normal range), since zeros cost less power than data.
#include <bit>

#include "bench/measure/roofs.h"
#include "bench/measure/side_by_side.h"

namespace tilejit::measure {
namespace {

constexpr int64_t accumulators = 16;

/// `rounds` times the instruction into each of 16 accumulators; the assembler picks the one that `peak` names.
template <Peak peak>
__attribute__((target("avx512f"))) void repeat(int64_t rounds, uint32_t x, uint32_t w) {
  asm volatile(
      "vpbroadcastd %[x], %%zmm30\n"
      "vpbroadcastd %[w], %%zmm31\n"
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
      "vmovaps %%zmm30, %%zmm\\i\n"
      ".endr\n"
      "1:\n"
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
      ".if %c[peak] == 0\n"
      "vfmadd231ps %%zmm30, %%zmm31, %%zmm\\i\n"
      ".elseif %c[peak] == 1\n"
      "vdpbf16ps %%zmm30, %%zmm31, %%zmm\\i\n"
      ".else\n"
      "vpdpbusd %%zmm30, %%zmm31, %%zmm\\i\n"
      ".endif\n"
      ".endr\n"
      "dec %[rounds]\n"
      "jnz 1b\n"
      : [rounds] "+r"(rounds)
      : [x] "r"(x), [w] "r"(w), [peak] "i"(static_cast<int>(peak))
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "xmm30", "xmm31");
}

struct PeakRow {
  std::string_view name;
  void (*run)(int64_t rounds, uint32_t x, uint32_t w);
  uint32_t x;  // the 32 bits of each lane
  uint32_t w;
  int64_t operations;  // of one zmm instruction
};

constexpr uint32_t two_bf16 = 0x3c8d3c8d;  // 0.0172, 0.0172
constexpr PeakRow rows[] = {
    // in the order of Peak
    {"vfmadd231ps", repeat<Peak::vfmadd231ps>, std::bit_cast<uint32_t>(0.0123f), std::bit_cast<uint32_t>(0.0171f),
     16 * 2},
    {"vdpbf16ps", repeat<Peak::vdpbf16ps>, two_bf16, two_bf16, 32 * 2},
    {"vpdpbusd", repeat<Peak::vpdpbusd>, 0x7b4bd355, 0x5ad2e19c, 64 * 2},
};

const PeakRow& row(Peak peak) { return rows[static_cast<size_t>(peak)]; }

}  // namespace

std::string_view to_string(Peak peak) { return row(peak).name; }

bool has(Peak peak) {
  switch (peak) {
    case Peak::vfmadd231ps: return __builtin_cpu_supports("avx512f") != 0;
    case Peak::vdpbf16ps: return __builtin_cpu_supports("avx512bf16") != 0;
    case Peak::vpdpbusd: return __builtin_cpu_supports("avx512vnni") != 0;
  }
  return false;
}

double peak_gops(Peak peak, int threads) {
  if (!has(peak)) return 0;
  constexpr int64_t rounds = 1'000'000;  // 4 to 16 million cycles: long against a thread's start, short in a run
  const PeakRow& r = row(peak);
  const double seconds = side_by_side(threads, [&](int) { r.run(rounds, r.x, r.w); });
  return static_cast<double>(rounds * accumulators * r.operations * threads) / seconds * 1e-9;
}

}  // namespace tilejit::measure

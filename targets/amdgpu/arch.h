// The GPU models as rows of facts. Instruction choice reads a row; nothing asks a device what it can do, since the name of an
// architecture decides. Sources: AMD's ISA documents (CDNA 2 to 4, RDNA 2 to 4) and LLVM's AMDGPU usage guide.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "targets/target.h"

namespace tilejit::amdgpu {

/// What shares instruction formats, matrix instructions and counters to wait on.
enum class Family : uint8_t { cdna2, cdna3, cdna4, rdna2, rdna3, rdna4 };

/// As in the matrix rows of targets/target.h.
std::string_view name_of(Family family);
constexpr bool is_cdna(Family family) { return family <= Family::cdna4; }

/// The dot of four bytes that a row has: both sides signed (sdot4), or each side signed or not (sudot4).
enum class Dot4 : uint8_t { none, both_signed, mixed_signs };

struct GpuRow {
  TargetFacts facts;  // name: what LLVM calls the processor
  Family family = Family::cdna3;
  Dot4 dot4 = Dot4::both_signed;
  int wave = 64;              // lanes
  int64_t lds_bytes = 65536;  // that one workgroup can have
  int vgprs = 256;            // 32-bit vector registers that one wave can have, AGPRs excluded
  int simd_vgprs = 512;       // of a SIMD, for each lane; the waves that are resident on it share them
  int register_granule = 8;   // in which a SIMD gives vector registers to a wave
  int most_waves = 8;         // resident on a SIMD
  int simds = 4;              // that share one LDS
  int lds_banks = 32;         // of four bytes
};

std::span<const GpuRow> gpu_rows();
/// Null when no row has this name.
const GpuRow* find_gpu_row(std::string_view name);

}  // namespace tilejit::amdgpu

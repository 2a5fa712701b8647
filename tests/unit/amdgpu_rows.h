// Instructions of the AMDGPU emulator as rows: text, what the sources hold, what the destination must hold; each lane of a
// wave is one case.
#pragma once

#ifdef TILEJIT_HAVE_AMDGPU

#include <array>
#include <cstdint>
#include <vector>

namespace tilejit::testing {

using GpuWords = std::array<uint32_t, 4>;

struct GpuTestCase {
  GpuWords in;
  GpuWords out;
};

/// Vector rows read v1 to v4 (pairs: v[6:7], v[8:9]) and write v20 to v23. Scalar rows read s12 to s15 and write s20 to s23 (`scalar` and one case).
struct GpuTestRow {
  const char* targets;
  const char* text;
  std::vector<GpuTestCase> cases;
};

/// Runs each row on each of its targets, which are separated by spaces.
void check_gpu_rows(const std::vector<GpuTestRow>& rows);

inline constexpr const char* on_every = "gfx90a gfx942 gfx950 gfx1030 gfx1100 gfx1150 gfx1151 gfx1200 gfx1201";
inline constexpr const char* on_cdna = "gfx90a gfx942 gfx950";
inline constexpr const char* on_gfx9_10 = "gfx90a gfx942 gfx1030";
inline constexpr const char* on_rdna = "gfx1030 gfx1100 gfx1151 gfx1201";
inline constexpr const char* on_rdna3_4 = "gfx1100 gfx1151 gfx1201";

}  // namespace tilejit::testing

#endif

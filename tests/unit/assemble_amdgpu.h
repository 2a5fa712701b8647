// Instructions of AMDGPU assembly as a kernel of its own, for tests of the emulator.
#pragma once

#ifdef TILEJIT_HAVE_AMDGPU

#include <tilejit/result.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "targets/amdgpu/emulator/emulator.h"

namespace tilejit::testing {

struct AssembledKernel {
  std::string target = "gfx942";
  std::string body;  // instructions; s_endpgm follows
  uint32_t vgprs = 64;
  uint32_t agprs = 0;  // CDNA
  uint32_t lds_bytes = 0;
  uint32_t kernarg_bytes = 64;
  uint32_t scratch_bytes =
      0;  // CDNA 2 and RDNA 2: behind the resource in s[0:3]; the arguments' address is in s[4:5] then, the
          // workgroup's number in s6, the wave's offset in s7
  uint32_t most_workitems = 1024;
  uint32_t noted_vgprs = 0;   // in the metadata, where that shall differ
  std::string features = {};  // as LLVM's -mattr
};

/// The kernel `k`. Its arguments' address is in s[0:1]; the workgroup's number along x is in s2 before RDNA 4, in ttmp9 there.
Result<std::vector<uint8_t>> assemble_kernel(const AssembledKernel& kernel);
Result<amdgpu::emulator::Emulator> load_assembled(const AssembledKernel& kernel);

}  // namespace tilejit::testing

#endif

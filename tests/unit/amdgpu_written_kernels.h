// Sound kernels written by hand with what compiled ones need of the hardware: LDS in two buffers behind barriers, matrix
// instructions, wait states, waits inside the arithmetic units.
#pragma once

#ifdef TILEJIT_HAVE_AMDGPU

#include <vector>

#include "tests/unit/amdgpu_subject.h"

namespace tilejit::testing {

std::vector<Written> written_kernels();

}  // namespace tilejit::testing

#endif

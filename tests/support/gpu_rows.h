// The names of the GPU rows, for tests that run on each.
#pragma once

#include <array>

namespace tilejit::test {

inline constexpr std::array gpu_rows = {"gfx90a",  "gfx942",  "gfx950",  "gfx1030", "gfx1100",
                                        "gfx1150", "gfx1151", "gfx1200", "gfx1201"};

}  // namespace tilejit::test

// Counts what this test executable allocates through operator new.
#pragma once

#include <cstdint>

namespace tilejit::test {

/// Calls of operator new so far; stays 0 under AddressSanitizer, which keeps its own operators.
int64_t allocations();

}  // namespace tilejit::test

// Counts the mutexes that this test executable and its libraries lock.
#pragma once

#include <cstdint>

namespace tilejit::test {

/// Calls of pthread_mutex_lock so far, on any thread.
int64_t locks();

}  // namespace tilejit::test

// The function of this name in the executable is found before the system's.
#include "tests/unit/locks.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>

namespace {
std::atomic<int64_t> count = 0;
}

int64_t tilejit::test::locks() { return count; }

extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto system_lock = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  ++count;
  return system_lock(mutex);
}

#include "ir/check.h"

#include <cstdio>
#include <cstdlib>

namespace tilejit {

void check_failed(const char* condition, const char* file, int line, std::string_view message) {
  std::fprintf(stderr, "tilejit: internal error: CHECK(%s) failed at %s:%d\n%.*s\n", condition, file, line,
               static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace tilejit

// CHECK: an internal invariant. A failed CHECK is a bug in tilejit: it prints the condition, the place and a message
// (for a kernel, its text) and aborts. User errors never end here; they are Result values (result.h).
#pragma once

#include <string_view>

namespace tilejit {

[[noreturn]] void check_failed(const char* condition, const char* file, int line, std::string_view message);

}  // namespace tilejit

#define CHECK(condition, message)                                                         \
  do {                                                                                    \
    if (!(condition)) ::tilejit::check_failed(#condition, __FILE__, __LINE__, (message)); \
  } while (false)

// The library's border: what a public function runs inside, so that an exception (exhausted memory, a caller's parallel_for
// that throws) is returned as a `resource` error.
#pragma once

#include <tilejit/result.h>

#include <string_view>

namespace tilejit {

/// The exception that is being handled, as an error; `doing` names the work that it ended.
Error caught(std::string_view doing) noexcept;

/// What `body` returns, a Result, or the exception that it threw. Allocates nothing itself.
template <typename Body>
auto guarded(std::string_view doing, Body&& body) -> decltype(body()) try {
  return body();
} catch (...) { return caught(doing); }

}  // namespace tilejit

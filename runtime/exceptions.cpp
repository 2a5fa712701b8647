#include "runtime/exceptions.h"

#include <fmt/format.h>

#include <exception>
#include <new>

namespace tilejit {
namespace {

Error describe_caught(std::string_view doing) {
  try {
    throw;
  } catch (const std::bad_alloc&) { throw; } catch (const std::exception& e) {
    return resource(fmt::format("{}: {}", doing, e.what()));
  } catch (...) { return resource(fmt::format("{}: an exception that is no std::exception", doing)); }
}

}  // namespace

Error caught(std::string_view doing) noexcept {
  try {
    return describe_caught(doing);
  } catch (...) {
    return resource("out of memory");  // short enough to lie in the string itself: nothing is allocated
  }
}

}  // namespace tilejit

#include <tilejit/result.h>

namespace tilejit {

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid: return "invalid";
    case ErrorKind::unsupported: return "unsupported";
    case ErrorKind::resource: return "resource";
  }
  return "?";
}

Error invalid(std::string message) { return {ErrorKind::invalid, std::move(message)}; }
Error unsupported(std::string message) { return {ErrorKind::unsupported, std::move(message)}; }
Error resource(std::string message) { return {ErrorKind::resource, std::move(message)}; }

}  // namespace tilejit

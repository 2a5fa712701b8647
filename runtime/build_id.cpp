#include "runtime/build_id.h"

#include <fmt/format.h>
#include <tilejit/linear.h>

#include "targets/build_id.h"

namespace tilejit {

const std::string& build_id() {
  static const std::string id = [] {
    std::string hex = build_id_of(reinterpret_cast<const void*>(&build_id));
    return hex.empty() ? fmt::format("version-{}", version()) : hex;
  }();
  return id;
}

}  // namespace tilejit

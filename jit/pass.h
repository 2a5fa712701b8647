// A pass: one verb over a kernel, in place. Passes run in the order of the array in compile.cpp, verified between each.
#pragma once

#include <string_view>

#include "ir/ir.h"

namespace tilejit {

struct Pass {
  std::string_view name;
  void (*run)(ir::Kernel& kernel);
};

}  // namespace tilejit

// A pass: one verb over a kernel, in place; its buffers stay. Passes run in the order of the array in compile.cpp, and each
// kernel that a pass has changed is verified.
#pragma once

#include <string_view>

#include "ir/ir.h"

namespace tilejit {

struct Pass {
  std::string_view name;
  bool (*run)(ir::Kernel& kernel);  // false: nothing to do, the kernel is as it was
};

}  // namespace tilejit

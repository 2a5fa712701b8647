// What is legal, in words. The compiler verifies after every pass; `parse`d text is verified before it is compiled.
#pragma once

#include <tilejit/result.h>

#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

struct Violation {
  int32_t line;         // source line, 0 when the kernel was built
  std::string message;  // names the kernel, the instruction's text and the rule
};

/// Every violation, in order of the instructions; empty when the kernel is legal.
std::vector<Violation> verify(const Kernel& kernel);
/// The violations of every kernel and those between kernels (buffers of one name that disagree).
std::vector<Violation> verify(const Program& program);
/// ok, or `invalid` with all violations, one a line as `FILE:LINE: message`.
Result<void> check_legal(const Program& program, std::string_view file);

}  // namespace tilejit::ir

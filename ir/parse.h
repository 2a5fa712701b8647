// Text to tile IR. Errors are `invalid` and say `FILE:LINE:COLUMN: what is wrong`; all syntax is checked here, meaning by verify.
#pragma once

#include <tilejit/result.h>

#include <string_view>

#include "ir/ir.h"

namespace tilejit::ir {

/// One or more kernels. `file` names the text in errors. `//` starts a comment to the end of its line.
Result<Program> parse(std::string_view text, std::string_view file = "<text>");

}  // namespace tilejit::ir

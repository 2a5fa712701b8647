// The text of a kernel or program. `parse(print(k))` equals k; an instruction prints as one line.
#pragma once

#include <string>

#include "ir/ir.h"

namespace tilejit::ir {

std::string print(const Kernel& kernel);
std::string print(const Program& program);
/// One instruction of `kernel`, without indentation or newline (for messages).
std::string print(const Kernel& kernel, const Instr& instr);
std::string print(const Kernel& kernel, const Affine& affine);
std::string print(const Kernel& kernel, const Bound& bound);
std::string print(const Extent& extent);
std::string print(const TileType& tile);

}  // namespace tilejit::ir

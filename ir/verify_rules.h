// The rules of verify.cpp that look at one instruction or one buffer. Each reports every breach in words.
#pragma once

#include <functional>
#include <string>

#include "ir/ir.h"
#include "ir/ranges.h"

namespace tilejit::ir {

using Report = std::function<void(std::string rule)>;

/// Dimensions, strides and sizes of one buffer.
void check_buffer(const Buffer& buffer, const Report& report);
/// How many operands and buffers there are, that they exist, and that a result is a tile where the op makes one. The other
/// rules may be asked only when this holds.
bool check_operands(const Kernel& kernel, const Instr& instr, const Report& report);
/// Types and shapes of the result and the operands.
void check_tiles(const Kernel& kernel, const Instr& instr, const Report& report);
/// The lane of an unpack, whose variable is known to be an open loop's.
void check_lane(const Kernel& kernel, const Instr& instr, const Ranges& ranges, const Report& report);
/// Slices against the buffer and the tile, and their elements against the dimensions.
void check_access(const Kernel& kernel, const Instr& instr, const Ranges& ranges, const Report& report);

}  // namespace tilejit::ir

// The arithmetic of tile IR text: indices, loop bounds, buffer dimensions, slices. All of it is linear: a product has at most
// one variable, a sum at most six; numbers that leave 64 bits are errors.
#pragma once

#include <tilejit/result.h>

#include <functional>
#include <string_view>
#include <vector>

#include "ir/ir.h"
#include "ir/lexer.h"

namespace tilejit::ir {

/// Finds the index called by a name token; its error says why there is none.
using FindIndex = std::function<Result<Value>(const Token&)>;

Result<Affine> parse_affine(Lexer& lexer, const FindIndex& find);
Result<Bound> parse_bound(Lexer& lexer, const FindIndex& find);
/// `[start, start:extent, ...]`
Result<std::vector<Slice>> parse_slices(Lexer& lexer, const FindIndex& find);
/// `4096`, `m`, `ceil(m,8)*8+16`
Result<Extent> parse_extent(Lexer& lexer);

}  // namespace tilejit::ir

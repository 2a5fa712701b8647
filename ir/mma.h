// The numerics of a matrix step, one row each. A row fixes all that decides bits: element types, which consecutive k are added
// together, and where that rounds; matrix instructions of different shapes that give the same bits share a row.
//
// One element: acc = c; for each group of `k` values, ascending: acc = step(acc, x[group], w[group]). Nothing else is carried
// between groups, so that a chain of steps depends neither on the k of one instruction nor on that of an `mma` of the IR.
// Rows of `assumed` follow the nearest machine that was measured.
#pragma once

#include <tilejit/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tilejit::ir {

/// How a step turns one group into the next accumulator.
enum class MmaRule : uint8_t {
  exact,     // i32, wraps
  pairwise,  // f32 rounding of every product and of the sums of a tree of pairs; subnormals are zeros
  aligned,  // exact products cut at 24 bits below the largest; their sum and the accumulator cut once more, then rounded
  framed,   // exact products and the accumulator cut at 24 bits below the largest, as a one's complement adder does
};

struct MmaRow {
  std::string_view name;  // as in `mma.cdna3_bf16`
  Type input;             // of x and w
  Type sum;               // of the accumulator
  int k;                  // of a group; the depth of an mma is a multiple of it
  MmaRule rule;
  bool assumed;
};

std::span<const MmaRow> mma_rows();
/// The number of a row, none for an unknown name.
std::optional<int> find_mma(std::string_view name);

/// One element of the result: x and w have `depth` values, a multiple of the row's k. Values are cells of the interpreter: the
/// bits of a 16-bit float, an integer extended to 32 bits. Expects the default floating-point mode.
uint32_t mma(const MmaRow& row, const uint32_t* x, const uint32_t* w, int64_t depth, uint32_t acc);

}  // namespace tilejit::ir

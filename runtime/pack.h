// Packing: the weights of a checkpoint, whatever their format, in the order that kernels read them (PackedShape):
//   w    u4, u8 or floats [panels, blocks, panel, kk]   (matrix steps: [panels, blocks, kl, panel, kk]); order within a word: build_linear.h
//   s, c [panels, groups, panel]                        in the problem's scale type, bits unchanged; not for dense weights
//   z    u8 [panels, groups, panel]                     zp=int only
//   perm i32 [k], bias [n]                              as they are
// Padding (columns without a channel, k past the end of a group) is 0 with scale 0. All operands lie in one mapping that asks
// for huge pages and has its pages before the panels are packed in parallel.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>
#include <tilejit/weights.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/kernel.h"
#include "runtime/mapping.h"

namespace tilejit {

struct PackedWeights {
  Mapping memory;
  std::shared_ptr<const void> elsewhere;             // what owns the operands that do not lie in `memory`: a GPU's
  std::array<std::byte*, operand_count> operands{};  // by Operand; 64-byte aligned, null when the problem has none
  int64_t bytes = 0;                                 // of all operands
};

/// ok, or `invalid` naming the layer and what the problem and the weights disagree about.
Result<void> check_match(const Problem& problem, const Weights& weights);

/// Packs valid weights that match the problem.
Result<PackedWeights> pack(const Weights& weights, const Problem& resolved, const Layout& layout,
                           const Threads& threads);

}  // namespace tilejit

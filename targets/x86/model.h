// A static model of a loop: how many cycles an iteration takes at least, and what limits it.
//
// Four bounds, the largest of which is the prediction. Ports: for every set of ports, the micro-ops that can go nowhere else
// share its members, which is what an optimal distribution reaches. Front end: instructions over its width. Chain: the longest
// cycle of dependences through registers and spill slots that an iteration hands to the next. With data in L2 also the bytes
// loaded over what L2 delivers. Skipping jumps count as not taken; caches, predictors and the reorder buffer are ideal.
#pragma once

#include <span>

#include "targets/x86/timing.h"

namespace tilejit::x86 {

/// The cores' predictions for one run of instructions that is repeated; loop markers in it are ignored.
Prediction predict(const Core& core, std::span<const Inst> body, const VCode& code, const Allocation& allocation);

/// Fills traffic and predictions of the loops and of the code outside of them.
void predict_loops(const VCode& code, const Allocation& allocation, std::span<const Core* const> wanted,
                   Resources& resources);

}  // namespace tilejit::x86

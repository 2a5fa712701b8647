// Rewrites vcode so that chosen registers live in memory: reads become memory operands or loads into short-lived registers,
// writes become stores right behind. A register whose only write can be repeated at its reads (a constant, or a load of memory
// that has not changed meanwhile) needs no slot.
#pragma once

#include <vector>

#include "targets/x86/vcode.h"

namespace tilejit::x86 {

/// By register: the index of its only write when that can be repeated at every read, else -1. Loads through registers from
/// `first_short` on, which must stay short-lived, are not.
std::vector<int32_t> repeatable_writes(const VCode& code, size_t first_short);

/// `spilled` and `repeatable` by register. Takes slots from `slots`; appends registers to the code, all short-lived.
void insert_spills(VCode& code, const std::vector<uint8_t>& spilled, const std::vector<int32_t>& repeatable,
                   int32_t (&slots)[class_count]);

}  // namespace tilejit::x86

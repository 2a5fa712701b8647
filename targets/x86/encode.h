// Allocated vcode to bytes. The only place that knows Xbyak; its exceptions end here.
#pragma once

#include <tilejit/result.h>

#include "targets/target.h"
#include "targets/x86/vcode.h"

namespace tilejit::x86 {

/// Machine numbers of the entry's arguments, in order.
inline constexpr int argument_registers[] = {7, 6, 2, 1};  // rdi, rsi, rdx, rcx

Result<Code> encode(const VCode& code, const Allocation& allocation);

}  // namespace tilejit::x86

// Runs x86-64 machine code of this target on a CPU that cannot: an instruction-level emulator of the bytes that ship.
//
// The code is disassembled and decoded once (decode.h); every call runs one task on a fresh CPU (machine.h) whose memory
// operands are the process's own memory. Instructions compute what the processor manuals define, by code that shares nothing
// with the IR's interpreter, so that comparing the two means something.
#pragma once

#include <tilejit/result.h>

#include "targets/target.h"

namespace tilejit::x86 {

/// `unsupported` without LLVM, whose disassembler reads the code.
Result<void> can_emulate();

/// The same code with `interpreted` set. `invalid`: an instruction or an operand form that
/// the emulator does not know, with its offset and text. A run reports as `invalid`, with the instruction: a read of a
/// register or stack slot never written, access outside of the stack through rsp, a misaligned aligned move, float arithmetic
/// under another MXCSR than 0x1f80, and a return with an unbalanced stack, another MXCSR or changed callee-saved registers.
Result<Code> emulated(Code code);

}  // namespace tilejit::x86

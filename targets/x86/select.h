// Instruction choice: a verified kernel without unrolled loops becomes vcode for one CPU row.
//
// A tile is R rows of vector registers (16 columns each; one with all lanes equal when it has one column). Addresses are
// running pointers, one per distinct set of variable terms, kept at the loop of their innermost variable. Everything that
// the row lacks, and every shape that is not whole vectors, is `unsupported` and names the instruction.
#pragma once

#include <tilejit/result.h>

#include "ir/ir.h"
#include "targets/x86/arch.h"
#include "targets/x86/vcode.h"

namespace tilejit::x86 {

Result<VCode> select(const ir::Kernel& kernel, const CpuRow& row);

/// Within each straight run replaces copies of vectors by what they copy.
void forward_copies(VCode& code);

/// Within each straight run of instructions moves pure ones down to their first use and folds a load used once into its user.
void order(VCode& code);

}  // namespace tilejit::x86

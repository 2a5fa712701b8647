// Instruction choice: a verified kernel without unrolled loops becomes an LLVM module for one GPU row.
//
// A workgroup runs one iteration of the `tasks` loops (kernel_arguments.h). Tiles are distributed over the lanes of a wave
// (layout.h, infer.h); every op becomes the same LLVM instructions for each register, so that a value which is the same in all
// lanes stays in scalar registers. What the row lacks is `unsupported` and names the instruction.
#pragma once

#include <tilejit/result.h>

#include <memory>

#include "ir/ir.h"
#include "targets/amdgpu/arch.h"

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
}  // namespace llvm

namespace tilejit::amdgpu {

Result<std::unique_ptr<llvm::Module>> select(const ir::Kernel& kernel, const GpuRow& row, llvm::LLVMContext& context,
                                             const llvm::TargetMachine& machine);

}  // namespace tilejit::amdgpu

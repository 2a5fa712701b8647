// An LLVM module becomes a code object: optimized, assembled, linked by lld into an ELF file in memory.
//
// Safe to call from several threads, each with a module in a context of its own. What LLVM or lld reports is an error with
// their words; no temporary file outlives a call.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "targets/amdgpu/arch.h"
#include "targets/target.h"

namespace llvm {
class Module;
class TargetMachine;
}  // namespace llvm

namespace tilejit::amdgpu {

/// LLVM's machine for a row. The module of a kernel takes its triple and data layout before instructions are written.
Result<std::unique_ptr<llvm::TargetMachine>> make_machine(const GpuRow& row);

/// The code object of a module with one kernel. `stages` (may be empty) receives "llvm_opt".
Result<std::vector<uint8_t>> generate(llvm::Module& module, llvm::TargetMachine& machine, const StageSink& stages);

}  // namespace tilejit::amdgpu

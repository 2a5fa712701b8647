// The table of contents: problem + schedule -> program -> passes -> the target's code.
#pragma once

#include <tilejit/result.h>

#include <memory>
#include <span>
#include <vector>

#include "ir/ir.h"
#include "jit/pass.h"
#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

/// All passes in their order. Each keeps the kernel's meaning, and the verifier runs after each that changed it.
std::span<const Pass> passes();

/// Applies the passes; a violation after a pass is a bug of that pass and aborts with the kernel's text.
/// `stages` (may be empty) receives the text after every pass under the pass's name.
ir::Program lower_program(ir::Program program, const StageSink& stages);

struct CompiledKernel {
  ir::Kernel kernel;  // after the passes: buffers and loops are what the runtime binds and splits over threads
  Code code;
};

/// The kernels of a lowered program with the code that they have already, in their order.
std::vector<CompiledKernel> with_code(ir::Program lowered, std::vector<Code> code);

/// Compiles every kernel of a verified program. `stages` receives "tile", each pass, then the target's own stages.
Result<std::vector<CompiledKernel>> compile(ir::Program program, const Target& target, const LowerOptions& options);

}  // namespace tilejit

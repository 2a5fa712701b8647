#include "jit/compile.h"

#include <array>

#include "ir/check.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "jit/passes/expand_functions.h"
#include "jit/passes/hoist_invariants.h"
#include "jit/passes/remove_dead.h"
#include "jit/passes/simplify_loops.h"
#include "jit/passes/unroll_loops.h"

namespace tilejit {
namespace {

constexpr std::array all_passes = {
    Pass{"unroll_loops", unroll_loops},         Pass{"simplify_loops", simplify_loops},
    Pass{"hoist_invariants", hoist_invariants}, Pass{"expand_functions", expand_functions},
    Pass{"remove_dead", remove_dead},
};

/// What a pass (or the builder) leaves must be legal; anything else is a bug of it. `part`: the program, or one of its kernels.
template <typename Part>
void check_stage(const ir::Program& program, const Part& part, std::string_view stage) {
  const std::vector<ir::Violation> violations = ir::verify(part);
  const bool stage_is_legal = violations.empty();
  if (stage_is_legal) return;
  std::string all = "after " + std::string(stage) + ":\n";
  for (const ir::Violation& v : violations) all += "  " + v.message + "\n";
  CHECK(stage_is_legal, all + ir::print(program));
}

}  // namespace

std::span<const Pass> passes() { return all_passes; }

ir::Program lower_program(ir::Program program, const StageSink& stages) {
  check_stage(program, program, "tile");
  if (stages) stages("tile", ir::print(program));
  for (const Pass& pass : all_passes) {
    for (ir::Kernel& kernel : program.kernels)
      if (pass.run(kernel)) check_stage(program, kernel, pass.name);
    if (stages) stages(pass.name, ir::print(program));
  }
  return program;
}

std::vector<CompiledKernel> with_code(ir::Program lowered, std::vector<Code> code) {
  CHECK(code.size() == lowered.kernels.size(), "as many codes as kernels");
  std::vector<CompiledKernel> compiled;
  for (size_t i = 0; i < code.size(); ++i) compiled.push_back({std::move(lowered.kernels[i]), std::move(code[i])});
  return compiled;
}

Result<std::vector<CompiledKernel>> compile(ir::Program program, const Target& target, const LowerOptions& options) {
  ir::Program lowered = lower_program(std::move(program), options.stages);
  std::vector<Code> code;
  for (const ir::Kernel& kernel : lowered.kernels) code.push_back(TRY(target.lower(kernel, options)));
  return with_code(std::move(lowered), std::move(code));
}

}  // namespace tilejit

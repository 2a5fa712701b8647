#include "targets/target.h"

namespace tilejit {

const MatrixStep* find_matrix_step(const TargetFacts& facts, Type type) {
  for (const MatrixStep& step : facts.matrix)
    if (step.type == type) return &step;
  return nullptr;
}

Result<void> Target::can_emulate() const { return unsupported("target " + facts().name + " has no emulator"); }

// Overrides take the code over.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Result<Code> Target::emulated(Code) const { return can_emulate().error(); }

}  // namespace tilejit

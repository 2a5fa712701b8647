#include "targets/target.h"

namespace tilejit {

Result<void> Target::can_emulate() const { return unsupported("target " + facts().name + " has no emulator"); }

// Overrides take the code over.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Result<Code> Target::emulated(Code, const ir::Kernel&) const { return can_emulate().error(); }

}  // namespace tilejit

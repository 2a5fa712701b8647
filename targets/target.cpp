#include "targets/target.h"

namespace tilejit {

Result<Code> Target::emulated(Code) const { return unsupported("target " + facts().name + " has no emulator"); }

}  // namespace tilejit

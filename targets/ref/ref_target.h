// The interpreter as a target: any tile, any problem, slow, right. It is what the other targets are compared with.
#pragma once

#include "targets/target.h"

namespace tilejit {

const Target& ref_target();

}  // namespace tilejit

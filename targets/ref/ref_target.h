// The interpreter as a target: any tile, any problem, slow, right. It is what the other targets are compared with.
// `ref` runs dot steps and any program; the rows `ref_<family>` resolve problems to the matrix steps of a family of GPUs and give
// the bits that its machines give.
#pragma once

#include <memory>
#include <span>

#include "targets/target.h"

namespace tilejit {

const Target& ref_target();
/// The rows with matrix steps.
std::span<const std::unique_ptr<Target>> ref_matrix_targets();

}  // namespace tilejit

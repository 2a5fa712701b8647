// Calls whose kernels do nothing: what is left is the cost of a call itself, on any x86-64 machine.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <memory>
#include <vector>

#include "runtime/dispatch.h"

namespace tilejit::report {

/// A tiny layer as Linear::run dispatches it, its programs compiled for a CPU row and their code replaced by a return.
struct EmptyCalls {
  std::unique_ptr<Dispatch> dispatch;
  std::vector<float> a;
  std::vector<float> out;
  LinearCall call;  // of one row
};
Result<EmptyCalls> make_empty_calls(int threads);

}  // namespace tilejit::report

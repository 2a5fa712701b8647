// A call of a Linear with memory where it runs: the host's own, or copies of it on a GPU.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstddef>
#include <span>
#include <vector>

#include "jit/problem.h"
#include "runtime/hip.h"
#include "tools/report/operands.h"

namespace tilejit::report {

class DeviceCall {
 public:
  /// `inputs`, `out` (dense rows) and `linear` outlive this. What `out` holds is copied too.
  static Result<DeviceCall> make(const Linear& linear, const CallInputs& inputs, const Problem& problem,
                                 std::span<std::byte> out);
  /// Runs the call once, with these threads where they are not null, and waits for its end.
  Result<void> run(const Threads* threads = nullptr);
  /// Brings the result to `out`.
  Result<void> fetch();

 private:
  DeviceCall(const Linear& linear, const LinearCall& call, std::span<std::byte> out)
      : linear_(&linear), call_(call), out_(out) {}
  Result<void> move_to(const hip::Place& place, const CallInputs& inputs);

  const Linear* linear_;
  LinearCall call_;
  std::span<std::byte> out_;
  std::vector<hip::Memory> memory_;  // on a GPU: a, mul, residual, out
};

}  // namespace tilejit::report

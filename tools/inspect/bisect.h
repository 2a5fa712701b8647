// Finds the first stage of the compiler that changes what a program computes: the program is interpreted after every stage
// and its final code is run, all from the same operands.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "jit/pass.h"
#include "targets/target.h"
#include "tools/inspect/program_memory.h"

namespace tilejit::inspect {

/// One way to run the program; the first is the expectation of the rest.
struct Stage {
  std::string name;
  std::function<Result<void>(ProgramMemory& memory)> run;
};

/// The program as built, after each of the passes, and the target's code on a device (none: without it).
std::vector<Stage> stages_of(const ir::Program& program, std::span<const Pass> passes, const Target& target,
                             std::optional<Device> device, int64_t m);

struct Verdict {
  std::string stage;       // the first that differs; empty: all agree
  std::string difference;  // the element, or the interpreter's complaint
};
/// `invalid` when the first stage cannot be interpreted.
Result<Verdict> bisect(std::span<const Stage> stages, const ProgramMemory& operands);

}  // namespace tilejit::inspect

// Runs kernels through a target's machine code, on this machine or by the target's emulator: every task, on memory that ends
// at an inaccessible page, with scratch memory of the promised size; and compares with the interpreter bit for bit.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "targets/target.h"
#include "tests/support/kernel_arguments.h"

namespace tilejit::test {

/// The kernel after all passes, as a target takes it.
ir::Kernel lowered_kernel(ir::Kernel kernel);

/// Native where this machine can execute the target's code, else emulated, which is said on stderr once for each target;
/// neither: why not.
Result<Device> device_for(const Target& target);

/// The values of the kernel's `tasks` loop variables, outermost first, of each of its tasks in order.
std::vector<std::vector<int64_t>> tasks_of(const ir::Kernel& kernel, int64_t m);

/// Runs every task of lowered code (its `interpreted`, where set) on a copy of the arguments and writes the results back.
/// An error says which memory outside the parameters changed.
Result<void> run_code(const Code& code, const ir::Kernel& kernel, int64_t m, Arguments& arguments);

/// Empty when the machine code of a lowered kernel and the interpreter agree for these arguments; else the first difference
/// or the error.
std::string disagreement(const Target& target, Device device, const ir::Kernel& kernel, int64_t m,
                         const Arguments& arguments, const LowerOptions& options = {});

}  // namespace tilejit::test

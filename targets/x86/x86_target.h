// The x86 targets, one per CPU row: lower = select -> allocate -> encode.
#pragma once

#include <tilejit/result.h>

#include <memory>
#include <vector>

#include "targets/target.h"

namespace tilejit {

/// Every row of x86/arch.h as a target; they live as long as the process.
const std::vector<std::unique_ptr<Target>>& x86_targets();
/// The one that fits this machine's CPU.
Result<const Target*> x86_host_target();

}  // namespace tilejit

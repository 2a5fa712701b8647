// `jitdump --run` and `--bisect`: does the machine compute what the interpreter says?
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstdint>
#include <string>

#include "tools/jitdump/dump.h"

namespace tilejit::jitdump {

struct CheckResult {
  bool ok = false;
  std::string text;  // one line
};

/// Runs the code on the device and the interpreter from the same seeded operands and compares every buffer bit for bit. The program is
/// interpreted as built, so that the passes are checked as well. `unsupported` when the device cannot run the code.
Result<CheckResult> run_and_compare(const Dump& dump, Device device, uint64_t seed);
/// Names the first stage whose result differs. Code that the device cannot run is left out, and the text says so.
Result<CheckResult> find_first_wrong_stage(const Source& source, Device device, uint64_t seed);

}  // namespace tilejit::jitdump

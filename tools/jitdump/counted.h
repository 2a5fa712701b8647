// What the target's emulator counts of each kernel's first task, and of the loop in which it spends its time.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "jit/compile.h"
#include "tools/inspect/run_program.h"
#include "tools/jitdump/source.h"

namespace tilejit::jitdump {

struct Counted {
  std::optional<inspect::FirstTask> first_task;
  std::string reason;  // why there is none
};

/// One for each kernel, from seeded operands.
std::vector<Counted> count_first_tasks(const Source& source, const std::vector<CompiledKernel>& kernels, uint64_t seed);

std::string counted_text(const Counted& counted, int64_t m, const TargetFacts& target);
/// Null with a `reason`, or the counts of the task and of its steady loop.
nlohmann::ordered_json counted_json(const Counted& counted, int64_t m, const TargetFacts& target);

}  // namespace tilejit::jitdump

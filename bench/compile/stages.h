// One compilation, timed stage by stage: from the problem line to a callable program.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "targets/target.h"

namespace tilejit::bench {

/// Microseconds of every repetition, by stage, in the order of the stages; the last is "whole".
struct StageTimes {
  std::vector<std::string> order;
  std::map<std::string, std::vector<double>, std::less<>> samples;
};
/// Compiles the problem's kernels for m `repetitions` times. Nothing is cached between them.
Result<StageTimes> time_stages(std::string_view line, int64_t m, const Target& target, int repetitions);

/// What a model's first load costs: every problem's kernels for every m, each once, by threads that take the next one.
struct Together {
  int kernels = 0;
  double seconds = 0;
};
Result<Together> time_together(const std::vector<std::string>& lines, const Target& target, int threads);

/// Nanoseconds of a call on one thread, one sample for each batch of calls: of a layer so small that the call itself is what
/// takes time, and of the same with kernels that only return, which any x86-64 machine can run.
Result<std::vector<double>> time_tiny_calls(std::string_view target, int batches);
Result<std::vector<double>> time_empty_calls(int batches);

}  // namespace tilejit::bench

// bench_linear --model: the static model of the target's row against the machine. Each row is one gemm kernel on one thread,
// all its loops at their counts; measured cycles are seconds times the clock that an FMA loop of known cycles shows right
// before. The cost of entering a task is measured by calls without rows and taken off.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/linear/contest.h"

namespace tilejit::bench {

enum class Level : uint8_t { l1, l2, memory };  // the smallest that holds all a kernel touches

struct ModelRow {
  std::string problem;
  std::string schedule;
  int64_t m = 0;
  std::string machine;
  Level level = Level::l1;
  std::string loop;        // the steady one
  std::string limit;       // of it
  double loop_cycles = 0;  // of one of its iterations
  double predicted = 0;    // cycles of the kernel
  std::optional<double> measured;
  /// predicted / measured - 1.
  std::optional<double> error() const;
};

struct ModelReport {
  std::vector<ModelRow> rows;
  std::string not_measured;  // why no row is measured; empty: they are
};

/// The problems of the options, or small kernels of every float dot that the target has and of integer dots. A machine that
/// is not the target's row gets predictions alone.
Result<ModelReport> compare_with_model(const Options& options);

std::string to_text(const ModelReport& report);
nlohmann::ordered_json to_json(const ModelReport& report);

}  // namespace tilejit::bench

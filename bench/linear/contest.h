// The contestants of bench_linear: one problem as several layers of different weights, walked in turn so that small m reads
// every weight from memory and not from a cache.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/measure/roof_table.h"
#include "jit/problem.h"
#include "tools/report/row.h"
#include "tools/report/run_layer.h"

namespace tilejit::bench {

struct Options {
  std::vector<std::string> problems;
  std::vector<int> threads = {1};
  std::vector<int64_t> m;              // empty: the problem's m, else 1
  std::vector<std::string> schedules;  // empty: the target's choice
  std::string target = "host";
  int repetitions = 7;
  bool roofs = false;
  bool peers = false;
  bool model = false;
  bool json = false;
};

/// All copies of one problem. The weights of the first copy are kept, for the check.
struct Copies {
  Problem problem;  // resolved
  Weights first;
  std::vector<Linear> layers;
};
/// As many as measure::walk_copies says. An empty schedule is the target's choice.
Result<Copies> make_copies(const std::string& line, const std::string& schedule, const Options& options);

/// One (m, threads) of a problem. A sample walks on where the last one stopped.
class Contestant {
 public:
  Contestant(const Copies& copies, int64_t m, int threads);

  /// Compiles, warms, and chooses how many calls a sample takes.
  Result<void> prepare();
  /// Times one more sample, and after it the peak of its dot instruction.
  Result<void> measure(measure::RoofTable& roofs);
  const report::Matrix& activations() const { return inputs_.a; }
  int threads() const { return threads_.max_threads; }
  int64_t m() const { return m_; }
  /// The same layers on as many threads.
  bool is_beside(const Contestant& other) const { return copies_ == other.copies_ && threads() == other.threads(); }
  /// This one's time / the other's: the median of the ratios within each repetition.
  double times_of(const Contestant& other) const;
  /// The row, with the check of what was timed.
  Result<report::Row> result(const measure::RoofTable& roofs) const;

 private:
  Result<double> time_calls(int64_t calls);

  const Copies* copies_;
  report::CallInputs inputs_;
  std::vector<std::byte> out_;
  int64_t m_;
  Threads threads_;
  int64_t calls_ = 1;
  size_t next_ = 0;
  double compile_us_ = 0;
  std::vector<measure::Turn> turns_;
};

}  // namespace tilejit::bench

// All roofs of one run: each repetition measures every roof once more, beside the contestants. The speed of a busy machine
// drifts, so a call's share of a roof is the median of the shares within each repetition, never a ratio of two medians.
#pragma once

#include <tilejit/result.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure/clock.h"
#include "bench/measure/roofs.h"

namespace tilejit::measure {

/// What one call took, and what the machine could do just then.
struct Turn {
  double seconds = 0;
  size_t repetition = 0;  // whose reads it is compared with
  double peak_gops = 0;   // of its dot instruction right after it; 0: the machine has none
};

/// The roof that bounds a call, and the share (1: at the roof) that it reaches.
struct Share {
  std::string roof;  // "read x8 streams" or an instruction
  double of_roof = 0;
  double of_read = 0;  // of the best read bandwidth, whatever the roof is
};

class RoofTable {
 public:
  static Result<RoofTable> create(std::vector<int> thread_counts);

  /// Measures every roof once for every number of threads.
  void measure();

  struct Line {
    std::string name;
    int threads;
    std::string unit;
    Summary summary;
  };
  std::vector<Line> lines() const;
  double huge_page_share() const { return read_.huge_page_share(); }

  /// A call's turn in the present repetition; measures the peak once more.
  Turn turn(double seconds, int threads, Peak peak);

  /// The roof is the later of bytes / the best read bandwidth and operations / the instruction's peak.
  Share share(const std::vector<Turn>& turns, int threads, double bytes, double operations, Peak peak) const;

 private:
  RoofTable(ReadRoof read, std::vector<int> thread_counts)
      : read_(std::move(read)), threads_(std::move(thread_counts)) {}

  ReadRoof read_;
  std::vector<int> threads_;
  size_t repetitions_ = 0;
  std::map<std::pair<int, int>, std::vector<double>> reads_;   // (threads, streams): GB/s
  std::map<std::pair<int, Peak>, std::vector<double>> peaks_;  // GOP/s
};

}  // namespace tilejit::measure

// All roofs of one run: each repetition measures every roof once more, beside the contestants, and a roof is the median of
// what it was then. A row of results takes the roof that bounds it.
#pragma once

#include <tilejit/result.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/measure/clock.h"
#include "bench/measure/roofs.h"

namespace tilejit::measure {

struct Bound {
  std::string roof;    // "read x8 streams" or an instruction
  double seconds = 0;  // no call can be faster
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

  /// The larger of bytes / the best read bandwidth and operations / the instruction's peak.
  Bound bound(int threads, double bytes, double operations, Peak peak) const;

 private:
  RoofTable(ReadRoof read, std::vector<int> thread_counts)
      : read_(std::move(read)), threads_(std::move(thread_counts)) {}

  ReadRoof read_;
  std::vector<int> threads_;
  std::map<std::pair<int, int>, std::vector<double>> reads_;   // (threads, streams): GB/s
  std::map<std::pair<int, Peak>, std::vector<double>> peaks_;  // GOP/s
};

}  // namespace tilejit::measure

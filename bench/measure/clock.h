// Time and what to make of repeated times. A measurement here is always a median with its spread; only ratios of medians
// taken in one run are compared.
#pragma once

#include <cstdint>
#include <vector>

namespace tilejit::measure {

/// Seconds of the monotonic clock.
double now();

struct Summary {
  double median = 0;
  double low = 0;   // 10th percentile
  double high = 0;  // 90th percentile
  /// (high - low) / median, 0 for a median of 0.
  double spread() const;
};
/// Zeros for no samples.
Summary summarize(const std::vector<double>& samples);
/// The sample below which `share` (0..1) of them lie; nearest rank. 0 for no samples.
double percentile(std::vector<double> samples, double share);

/// Cycles per second of this core now, by a chain of dependent multiplications (three cycles each on every CPU with AVX-512;
/// newer cores fold additions of constants).
double measure_clock_hz();

}  // namespace tilejit::measure

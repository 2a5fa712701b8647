#include "bench/measure/roof_table.h"

#include <fmt/format.h>

namespace tilejit::measure {

Result<RoofTable> RoofTable::create(std::vector<int> thread_counts) {
  return RoofTable(TRY(ReadRoof::create()), std::move(thread_counts));
}

void RoofTable::measure() {
  for (const int threads : threads_) {
    for (const int streams : ReadRoof::stream_counts)
      reads_[{threads, streams}].push_back(read_.gbps(threads, streams));
    for (const Peak peak : all_peaks)
      if (has(peak)) peaks_[{threads, peak}].push_back(peak_gops(peak, threads));
  }
}

std::vector<RoofTable::Line> RoofTable::lines() const {
  std::vector<Line> lines;
  for (const auto& [key, samples] : reads_)
    lines.push_back({fmt::format("read x{} streams", key.second), key.first, "GB/s", summarize(samples)});
  for (const auto& [key, samples] : peaks_)
    lines.push_back({std::string(to_string(key.second)), key.first, "GOP/s", summarize(samples)});
  return lines;
}

Bound RoofTable::bound(int threads, double bytes, double operations, Peak peak) const {
  Bound bound;
  for (const auto& [key, samples] : reads_) {
    if (key.first != threads) continue;
    const double seconds = bytes * 1e-9 / summarize(samples).median;
    if (bound.roof.empty() || seconds < bound.seconds) bound = {fmt::format("read x{} streams", key.second), seconds};
  }
  const auto found = peaks_.find({threads, peak});
  if (found == peaks_.end()) return bound;
  const double seconds = operations * 1e-9 / summarize(found->second).median;
  return seconds > bound.seconds ? Bound{std::string(to_string(peak)), seconds} : bound;
}

}  // namespace tilejit::measure

#include "bench/measure/roof_table.h"

#include <fmt/format.h>

namespace tilejit::measure {

Result<RoofTable> RoofTable::create(std::vector<int> thread_counts) {
  return RoofTable(TRY(ReadRoof::create()), std::move(thread_counts));
}

void RoofTable::measure() {
  ++repetitions_;
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

Turn RoofTable::turn(double seconds, int threads, Peak peak) {
  Turn turn{.seconds = seconds, .repetition = repetitions_ - 1};
  if (!has(peak)) return turn;
  turn.peak_gops = peak_gops(peak, threads);
  peaks_[{threads, peak}].push_back(turn.peak_gops);
  return turn;
}

Share RoofTable::share(const std::vector<Turn>& turns, int threads, double bytes, double operations, Peak peak) const {
  Share share;
  double best = 0;  // GB/s
  for (const auto& [key, samples] : reads_) {
    const double gbps = summarize(samples).median;
    if (key.first != threads || gbps <= best) continue;
    best = gbps;
    std::vector<double> shares;
    for (const Turn& t : turns) shares.push_back(bytes * 1e-9 / samples[t.repetition] / t.seconds);
    share.roof = fmt::format("read x{} streams", key.second);
    share.of_read = summarize(shares).median;
  }
  share.of_roof = share.of_read;
  if (!has(peak)) return share;
  std::vector<double> shares;
  for (const Turn& t : turns) shares.push_back(operations * 1e-9 / t.peak_gops / t.seconds);
  const double of_peak = summarize(shares).median;
  if (of_peak > share.of_roof) share = {std::string(to_string(peak)), of_peak, share.of_read};
  return share;
}

}  // namespace tilejit::measure

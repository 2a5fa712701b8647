// One library against one of our contestants: its configurations are checked, then timed in turns with ours, and the
// fastest right one becomes the row below ours.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/measure/clock.h"
#include "bench/peers/check.h"
#include "bench/peers/operands.h"
#include "bench/peers/peer.h"
#include "tools/report/row.h"

namespace tilejit::peers {

/// All configurations of one library for the rows of one call. Those that are wrong, report an error or are much slower
/// than the best are left out of the turns.
class PeerContestant {
 public:
  using Clock = std::function<double()>;  // seconds

  /// The layer, of n channels, and the activations outlive it.
  PeerContestant(const PeerLayer& layer, int64_t n, const PlainActivations& a, int threads, Clock clock = measure::now);

  Result<void> prepare(PeerReference& reference);
  /// One more sample of each configuration in the turns.
  void measure();
  /// The fastest right configuration, relative to our row; then each that failed. One row that says so where there is
  /// none.
  std::vector<report::Row> results(const report::Row& ours) const;

 private:
  struct Entry {
    PeerCall call;
    std::optional<Verdict> verdict;  // none: it does not run
    std::string failure;             // why it is not timed; empty: it is
    int64_t calls = 1;
    int64_t next = 0;
    double first_seconds = 0;
    bool is_slow = false;
    std::vector<double> samples;
  };
  /// Seconds of one call.
  Result<double> time_calls(Entry& entry, int64_t calls);
  /// Checks the entry and times it first.
  Result<void> try_entry(Entry& entry, PeerReference& reference);
  static void withdraw(Entry& entry, const Error& error);
  report::Row row_of(const Entry& entry, const report::Row& ours) const;
  /// The fastest entry by its median, with its time, or nothing where none is timed.
  std::optional<report::Row> fastest_row(const report::Row& ours) const;

  const PeerLayer* layer_;
  const PlainActivations* a_;
  int threads_;
  Clock clock_;
  bool is_sampled_ = false;
  std::vector<std::byte> out_;
  std::vector<Entry> entries_;
  std::string reason_;  // why there are none
};

/// A row for a problem that no library runs.
report::Row no_peer_row(const report::Row& ours, const std::string& peer, const std::string& reason);
/// "fastest peer's time / ours: geometric mean 1.50 of 12, lowest 0.98 (w4a8 ..., 1 threads)"; empty without peers'
/// times.
std::string peer_summary(std::span<const report::Row> rows);

}  // namespace tilejit::peers

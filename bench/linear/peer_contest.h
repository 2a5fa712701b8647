// bench_linear --peers: every library that was found, on the operands of one of our contestants and in turns with it.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/linear/contest.h"
#include "bench/measure/roof_table.h"
#include "bench/peers/check.h"
#include "bench/peers/peer.h"
#include "tools/report/row.h"

namespace tilejit::bench {

/// The weights of a problem as the libraries hold them, or why no library runs it.
struct PeerLayers {
  peers::PlainWeights weights;
  std::vector<peers::PeerLayer> layers;
  std::string reason;  // empty: they run
};
/// The copies outlive it.
std::unique_ptr<PeerLayers> open_peers(const Copies& copies);

/// All configurations of one library for one of our contestants. Those that are wrong or much slower than the best are left
/// out of the turns.
class PeerContestant {
 public:
  /// All outlive it; `ours` is the row's number of rows, threads and sizes.
  PeerContestant(const Copies& copies, const peers::PeerLayer& layer, const peers::PlainActivations& a, int threads);

  Result<void> prepare(peers::PeerReference& reference);
  /// One more sample of each configuration in the turns.
  void measure();
  /// The fastest right configuration, relative to our time; then each wrong one. One row that says so where there is none.
  std::vector<report::Row> results(const measure::RoofTable& roofs, const report::Row& ours) const;

 private:
  struct Entry {
    peers::PeerCall call;
    std::optional<peers::Verdict> verdict;  // none: it does not run
    std::string failure;                    // not run to an end: why
    int64_t calls = 1;
    int64_t next = 0;
    double first_seconds = 0;
    bool is_slow = false;
    std::vector<double> samples;
  };
  /// Seconds of one call; negative when the library reports an error.
  double time_calls(Entry& entry, int64_t calls);
  void prepare_entry(Entry& entry, peers::PeerReference& reference);
  report::Row row_of(const Entry& entry, const report::Row& ours) const;

  const Copies* copies_;
  const peers::PeerLayer* layer_;
  const peers::PlainActivations* a_;
  int threads_;
  bool is_sampled_ = false;
  std::vector<std::byte> out_;
  std::vector<Entry> entries_;
  std::string reason_;  // why there are none
};

/// A row for a problem that no library runs.
report::Row no_peer_row(const report::Row& ours, const std::string& peer, const std::string& reason);
/// "fastest peer / tilejit: geometric mean 1.50 over 12 rows, lowest 0.98 (w4a8 ...)"; empty without peers' times.
std::string peer_summary(std::span<const report::Row> rows);

}  // namespace tilejit::bench

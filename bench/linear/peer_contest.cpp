#include "bench/linear/peer_contest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "bench/measure/clock.h"

namespace tilejit::bench {
namespace {

constexpr double sample_seconds = 0.02;  // as our own contestants take
constexpr double hopeless = 1.5;         // times the time of the library's best configuration

}  // namespace

std::unique_ptr<PeerLayers> open_peers(const Copies& copies) {
  auto opened = std::make_unique<PeerLayers>();
  const auto comparable = peers::can_compare(copies.problem);
  if (!comparable) {
    opened->reason = comparable.error().message;
    return opened;
  }
  opened->weights = peers::plain_weights(copies.problem, copies.first);
  const std::vector<peers::PeerLibrary> libraries = peers::peer_libraries();
  for (const peers::PeerLibrary& library : libraries) opened->layers.push_back(library.open(opened->weights));
  if (libraries.empty())
    opened->reason = "no peer library was found when tilejit was built (README: Against other libraries)";
  return opened;
}

PeerContestant::PeerContestant(const Copies& copies, const peers::PeerLayer& layer, const peers::PlainActivations& a,
                               int threads)
    : copies_(&copies), layer_(&layer), a_(&a), threads_(threads),
      out_(static_cast<size_t>(bytes_of(Type::f32, a.m * copies.problem.n))) {}

double PeerContestant::time_calls(Entry& entry, int64_t calls) {
  bool is_ok = true;
  const double start = measure::now();
  for (int64_t i = 0; i < calls; ++i) {
    is_ok = entry.call.run(entry.next, out_.data()) && is_ok;
    entry.next = (entry.next + 1) % entry.call.copies;
  }
  const double seconds = (measure::now() - start) / static_cast<double>(calls);
  return is_ok ? seconds : -1;
}

void PeerContestant::prepare_entry(Entry& entry, peers::PeerReference& reference) {
  // All bits set is a NaN: an output that is not written cannot agree.
  std::fill(out_.begin(), out_.end(), std::byte{0xff});
  if (time_calls(entry, 1) < 0) {
    entry.failure = "unsupported: the library reports an error on this machine";
    return;
  }
  entry.verdict = reference.compare(entry.call, out_.data());
  if (!entry.verdict->ok) {
    entry.failure = entry.verdict->worst.empty() ? "wrong by rel_l2" : "wrong: " + entry.verdict->worst;
    return;
  }
  entry.first_seconds = time_calls(entry, std::min<int64_t>(entry.call.copies, 2));
  entry.calls = std::max<int64_t>(1, std::llround(sample_seconds / entry.first_seconds));
}

Result<void> PeerContestant::prepare(peers::PeerReference& reference) {
  peers::PeerCalls prepared = TRY(layer_->calls(*a_, threads_));
  reason_ = prepared.reason;
  for (peers::PeerCall& call : prepared.calls)
    entries_.push_back({.call = std::move(call), .verdict = {}, .failure = {}, .samples = {}});
  layer_->use_threads(threads_);
  is_sampled_ = reference.is_sampled();
  double best = HUGE_VAL;
  for (Entry& entry : entries_) {
    prepare_entry(entry, reference);
    if (entry.failure.empty()) best = std::min(best, entry.first_seconds);
  }
  for (Entry& entry : entries_) entry.is_slow = entry.first_seconds > hopeless * best;
  return {};
}

void PeerContestant::measure() {
  layer_->use_threads(threads_);
  for (Entry& entry : entries_)
    if (entry.failure.empty() && !entry.is_slow) entry.samples.push_back(time_calls(entry, entry.calls));
}

report::Row PeerContestant::row_of(const Entry& entry, const report::Row& ours) const {
  report::Row row = no_peer_row(ours, layer_->name, entry.failure);
  row.schedule = entry.call.configuration;
  if (!entry.verdict) return row;
  row.ok = entry.verdict->ok;
  row.rel_l2 = entry.verdict->rel_l2;
  row.sampled = is_sampled_;
  return row;
}

std::vector<report::Row> PeerContestant::results(const measure::RoofTable& roofs, const report::Row& ours) const {
  const Entry* best = nullptr;
  measure::Summary time;
  std::vector<report::Row> rows;
  for (const Entry& entry : entries_) {
    if (!entry.failure.empty()) rows.push_back(row_of(entry, ours));
    if (entry.samples.empty()) continue;
    const measure::Summary summary = measure::summarize(entry.samples);
    if (best != nullptr && summary.median >= time.median) continue;
    best = &entry;
    time = summary;
  }
  if (entries_.empty()) return {no_peer_row(ours, layer_->name, "unsupported: " + reason_)};
  if (best == nullptr) return rows;
  report::Row row = row_of(*best, ours);
  const auto bytes = static_cast<double>(copies_->layers.front().info().information_bytes);
  row.time_us = time.median * 1e6;
  row.spread = time.spread();
  row.gbps = bytes / time.median * 1e-9;
  row.gflops = 2.0 * static_cast<double>(row.m * row.n * row.k) / time.median * 1e-9;
  if (ours.time_us) row.relative = *row.time_us / *ours.time_us;
  if (ours.roof_share && ours.time_us) row.roof_share = *ours.roof_share * *ours.time_us / *row.time_us;
  row.roof = ours.roof;
  row.read_share = roofs.bound(threads_, bytes, 0, measure::Peak::vfmadd231ps).seconds / time.median;
  rows.insert(rows.begin(), std::move(row));
  return rows;
}

report::Row no_peer_row(const report::Row& ours, const std::string& peer, const std::string& reason) {
  report::Row row;
  row.peer = peer;
  row.problem = ours.problem;
  row.scheme = ours.scheme;
  row.n = ours.n;
  row.k = ours.k;
  row.m = ours.m;
  row.target = ours.target;
  row.threads = ours.threads;
  row.note = reason;
  return row;
}

std::string peer_summary(std::span<const report::Row> rows) {
  std::map<std::pair<std::string, int>, double> fastest;  // by problem and threads
  for (const report::Row& row : rows) {
    if (!row.relative || !row.threads) continue;
    const auto [at, is_new] = fastest.try_emplace({row.problem, *row.threads}, *row.relative);
    if (!is_new) at->second = std::min(at->second, *row.relative);
  }
  if (fastest.empty()) return "";
  double logarithms = 0;
  const auto* lowest = &*fastest.begin();
  for (const auto& one : fastest) {
    logarithms += std::log(one.second);
    if (one.second < lowest->second) lowest = &one;
  }
  return fmt::format("fastest peer's time / ours: geometric mean {:.2f} of {}, lowest {:.2f} ({}, {} threads)\n",
                     std::exp(logarithms / static_cast<double>(fastest.size())), fastest.size(), lowest->second,
                     lowest->first.first, lowest->first.second);
}

}  // namespace tilejit::bench

#include "bench/peers/contestant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace tilejit::peers {
namespace {

constexpr double sample_seconds = 0.02;  // as our own contestants take
constexpr double hopeless = 1.5;         // times the time of the library's best configuration

std::optional<double> scaled(const std::optional<double>& ours, double factor) {
  if (!ours) return {};
  return *ours * factor;
}

}  // namespace

PeerContestant::PeerContestant(const PeerLayer& layer, int64_t n, const PlainActivations& a, int threads, Clock clock)
    : layer_(&layer), a_(&a), threads_(threads), clock_(std::move(clock)),
      out_(static_cast<size_t>(bytes_of(Type::f32, a.m * n))) {}

Result<double> PeerContestant::time_calls(Entry& entry, int64_t calls) {
  const double start = clock_();
  for (int64_t i = 0; i < calls; ++i) {
    if (!entry.call.run(entry.next, out_.data()))
      return unsupported(fmt::format("the library reports an error on this machine, for copy {} of {} of the weights",
                                     entry.next + 1, entry.call.copies));
    entry.next = (entry.next + 1) % entry.call.copies;
  }
  return (clock_() - start) / static_cast<double>(calls);
}

Result<void> PeerContestant::try_entry(Entry& entry, PeerReference& reference) {
  // All bits set is a NaN: an output that is not written cannot agree.
  std::fill(out_.begin(), out_.end(), std::byte{0xff});
  TRY(time_calls(entry, 1));
  entry.verdict = reference.compare(entry.call, out_.data());
  if (!entry.verdict->ok) {
    entry.failure = entry.verdict->worst.empty() ? "wrong by rel_l2" : "wrong: " + entry.verdict->worst;
    return {};
  }
  entry.first_seconds = TRY(time_calls(entry, std::min<int64_t>(entry.call.copies, 2)));
  entry.calls = std::max<int64_t>(1, std::llround(sample_seconds / entry.first_seconds));
  return {};
}

void PeerContestant::withdraw(Entry& entry, const Error& error) {
  entry.failure = fmt::format("{}: {}", to_string(error.kind), error.message);
  entry.verdict.reset();
  entry.samples.clear();
}

Result<void> PeerContestant::prepare(PeerReference& reference) {
  PeerCalls prepared = TRY(layer_->calls(*a_, threads_));
  reason_ = prepared.reason;
  for (PeerCall& call : prepared.calls)
    entries_.push_back({.call = std::move(call), .verdict = {}, .failure = {}, .samples = {}});
  layer_->use_threads(threads_);
  is_sampled_ = reference.is_sampled();
  double best = HUGE_VAL;
  for (Entry& entry : entries_) {
    if (const auto tried = try_entry(entry, reference); !tried) withdraw(entry, tried.error());
    if (entry.failure.empty()) best = std::min(best, entry.first_seconds);
  }
  for (Entry& entry : entries_) entry.is_slow = entry.first_seconds > hopeless * best;
  return {};
}

void PeerContestant::measure() {
  layer_->use_threads(threads_);
  for (Entry& entry : entries_) {
    if (!entry.failure.empty() || entry.is_slow) continue;
    const auto seconds = time_calls(entry, entry.calls);
    if (seconds)
      entry.samples.push_back(*seconds);
    else
      withdraw(entry, seconds.error());
  }
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

std::optional<report::Row> PeerContestant::fastest_row(const report::Row& ours) const {
  const Entry* best = nullptr;
  measure::Summary time;
  for (const Entry& entry : entries_) {
    if (entry.samples.empty()) continue;
    const measure::Summary summary = measure::summarize(entry.samples);
    if (best != nullptr && summary.median >= time.median) continue;
    best = &entry;
    time = summary;
  }
  if (best == nullptr) return {};
  report::Row row = row_of(*best, ours);
  row.time_us = time.median * 1e6;
  row.spread = time.spread();
  if (!ours.time_us) return row;
  row.relative = *row.time_us / *ours.time_us;
  const double speed = *ours.time_us / *row.time_us;
  row.gbps = scaled(ours.gbps, speed);
  row.gflops = scaled(ours.gflops, speed);
  row.roof = ours.roof;
  row.roof_share = scaled(ours.roof_share, speed);
  row.read_share = scaled(ours.read_share, speed);
  return row;
}

std::vector<report::Row> PeerContestant::results(const report::Row& ours) const {
  if (entries_.empty()) return {no_peer_row(ours, layer_->name, "unsupported: " + reason_)};
  std::vector<report::Row> rows;
  if (auto fastest = fastest_row(ours)) rows.push_back(std::move(*fastest));
  for (const Entry& entry : entries_)
    if (!entry.failure.empty()) rows.push_back(row_of(entry, ours));
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

}  // namespace tilejit::peers

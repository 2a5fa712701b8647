// Schedules measured in turns, so that a machine that drifts treats all alike, with the worse half dropped every few rounds.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "jit/schedule.h"

namespace tilejit::search {

/// What the search asks of the machine, or of a test in its place.
struct Machine {
  /// Seconds of one call with m rows. An error ends the search.
  std::function<Result<double>(const Schedule& schedule, int64_t m)> measure;
  /// From now on only these layouts are asked for.
  std::function<Result<void>(const std::vector<Layout>& layouts)> keep;
  /// Seconds of a clock that also counts what measuring costs.
  std::function<double()> now;
};

/// One schedule for one m.
struct Entry {
  Schedule schedule;
  int64_t m = 1;
  std::vector<double> samples = {};  // seconds of a call
  bool in_play = true;

  bool is_measured() const { return !samples.empty(); }
  double median() const;
};

class Contest {
 public:
  Contest(std::vector<Entry> entries, const Machine& machine) : entries_(std::move(entries)), machine_(machine) {}

  /// Measures everything in play `rounds` times, each round starting at another entry but the first, which keeps the order
  /// given. False: the deadline came first.
  Result<bool> play(int rounds, double deadline);
  /// Of the entries in play that `among` admits, leaves the better half (at least one; what is not measured goes first).
  void drop_worse_half(const std::function<bool(const Entry&)>& among);

  std::vector<Entry>& entries() { return entries_; }
  const std::vector<Entry>& entries() const { return entries_; }
  /// The best that is in play, measured and admitted; null: none.
  const Entry* best(const std::function<bool(const Entry&)>& among) const;
  int64_t measured() const { return measured_; }

 private:
  std::vector<Entry> entries_;
  const Machine& machine_;
  size_t round_ = 0;
  int64_t measured_ = 0;
};

}  // namespace tilejit::search

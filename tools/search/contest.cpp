#include "tools/search/contest.h"

#include <algorithm>
#include <limits>

#include "bench/measure/clock.h"

namespace tilejit::search {

double Entry::median() const {
  return samples.empty() ? std::numeric_limits<double>::infinity() : measure::summarize(samples).median;
}

Result<bool> Contest::play(int rounds, double deadline) {
  std::vector<Entry*> order;
  for (Entry& entry : entries_)
    if (entry.in_play) order.push_back(&entry);
  for (int i = 0; i < rounds; ++i, ++round_) {
    // A step that no usual number of entries divides, so that neighbours change too.
    const size_t first = order.empty() ? 0 : round_ * 7 % order.size();
    for (size_t at = 0; at < order.size(); ++at) {
      if (machine_.now() >= deadline) return false;
      Entry& entry = *order[(first + at) % order.size()];
      entry.samples.push_back(TRY(machine_.measure(entry.schedule, entry.m)));
      ++measured_;
    }
  }
  return true;
}

void Contest::drop_worse_half(const std::function<bool(const Entry&)>& among) {
  std::vector<Entry*> admitted;
  for (Entry& entry : entries_)
    if (entry.in_play && among(entry)) admitted.push_back(&entry);
  std::stable_sort(admitted.begin(), admitted.end(),
                   [](const Entry* a, const Entry* b) { return a->median() < b->median(); });
  for (size_t i = (admitted.size() + 1) / 2; i < admitted.size(); ++i) admitted[i]->in_play = false;
}

const Entry* Contest::best(const std::function<bool(const Entry&)>& among) const {
  const Entry* best = nullptr;
  for (const Entry& entry : entries_)
    if (entry.in_play && entry.is_measured() && among(entry) && (best == nullptr || entry.median() < best->median()))
      best = &entry;
  return best;
}

}  // namespace tilejit::search

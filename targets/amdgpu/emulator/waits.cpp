#include "targets/amdgpu/emulator/waits.h"

#include <algorithm>

namespace tilejit::amdgpu::emulator {

namespace {

/// Halves of vector registers have places of their own, low ones first.
size_t first_place(const Range& range) {
  if (!range.is_vector) return range.first;
  return size_t{2} * range.first + (range.half == Half::high ? 1 : 0);
}
size_t places(const Range& range) {
  if (!range.is_vector) return range.words;
  return range.half == Half::whole ? size_t{2} * range.words : 1;
}

}  // namespace

Waits::Waits() : vector_pending_(2 * vector_count), scalar_pending_(scalar::count), vector_stream_(2 * vector_count) {}

void Waits::mark(const Event& event, int change) {
  for (const Range& range : event.writes) {
    if (range.words == 0) continue;
    for (size_t n = first_place(range); n < first_place(range) + places(range); ++n) {
      auto& pending = (range.is_vector ? vector_pending_ : scalar_pending_)[n];
      pending = static_cast<uint8_t>(pending + change);
      if (range.is_vector && change > 0) vector_stream_[n] = event.stream;
    }
  }
}

void Waits::add(Counter counter, const Event& event) {
  queues_[static_cast<size_t>(counter)].push_back(event);
  mark(event, 1);
  ++outstanding_;
}

int32_t Waits::add_touch() {
  if (free_touches_.empty()) {
    touches_.emplace_back();
    return static_cast<int32_t>(touches_.size()) - 1;
  }
  const int32_t n = free_touches_.back();
  free_touches_.pop_back();
  touches_[static_cast<size_t>(n)].count = 0;
  return n;
}

bool Waits::wait(Counter counter, int outstanding) {
  auto& queue = queues_[static_cast<size_t>(counter)];
  if (static_cast<int>(queue.size()) <= outstanding) return false;
  std::array<int, 3> behind = {};  // events of each stream from here to the newest
  std::vector<Event> kept;
  for (size_t n = queue.size(); n-- > 0;) {
    const Event& event = queue[n];
    int& same = behind[static_cast<size_t>(event.stream)];
    ++same;
    const bool is_done = event.stream == Stream::any_order ? outstanding == 0 : same > outstanding;
    if (!is_done) {
      kept.push_back(event);
      continue;
    }
    mark(event, -1);
    --outstanding_;
    if (event.touch >= 0) free_touches_.push_back(event.touch);
  }
  std::reverse(kept.begin(), kept.end());
  queue = std::move(kept);
  return true;
}

bool Waits::is_pending(const Range& range) const {
  const auto& pending = range.is_vector ? vector_pending_ : scalar_pending_;
  for (size_t n = first_place(range); n < first_place(range) + places(range); ++n)
    if (pending[n] != 0) return true;
  return false;
}

bool Waits::has_loads() const {
  return std::ranges::any_of(vector_pending_, [](uint8_t count) { return count != 0; });
}

bool Waits::may_arrive_after(const Range& range, Stream stream) const {
  if (!range.is_vector || stream == Stream::any_order) return is_pending(range);
  for (size_t n = first_place(range); n < first_place(range) + places(range); ++n)
    if (vector_pending_[n] != 0 && vector_stream_[n] != stream) return true;
  return false;
}

}  // namespace tilejit::amdgpu::emulator

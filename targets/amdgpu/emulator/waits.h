// What a wave has in flight: loads whose registers must not be touched yet, and LDS accesses that are not done.
//
// Values move when an instruction is issued; a counter only decides when they may be relied upon. An access is done for sure
// when a wait leaves fewer outstanding than it and those behind it that cannot overtake it. Accesses of one stream finish in
// order; scalar loads and flat accesses in any order.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "targets/amdgpu/emulator/instr.h"

namespace tilejit::amdgpu::emulator {

/// By what they count, under RDNA 4's names too: loadcnt is vm, storecnt vs, dscnt lgkm.
enum class Counter : uint8_t { vm, lgkm, vs, km, exp, sample };
inline constexpr int wait_counters = 6;

enum class Stream : uint8_t { vector_memory, lds, any_order };

/// LDS bytes that one instruction touches.
struct LdsTouch {
  std::array<uint32_t, 128> address;  // two for each lane
  uint8_t count = 0;
  uint8_t bytes = 0;  // at each address
  bool writes = false;
  bool from_memory = false;  // a load straight to the LDS
};

struct Event {
  Stream stream = Stream::vector_memory;
  std::array<Range, 2> writes;
  int32_t touch = -1;
};

class Waits {
 public:
  Waits();
  /// The event's registers are in flight until the counter is waited for.
  void add(Counter counter, const Event& event);
  /// A new place for an event's LDS bytes.
  int32_t add_touch();
  LdsTouch& touch(int32_t n) { return touches_[static_cast<size_t>(n)]; }
  /// Leaves at most `outstanding`; false when nothing had to finish.
  bool wait(Counter counter, int outstanding);

  bool is_pending(const Range& range) const;
  /// In flight and able to arrive after a load of `stream` that is issued now.
  bool may_arrive_after(const Range& range, Stream stream) const;
  bool has_any() const { return outstanding_ != 0; }
  /// A load of vector registers.
  bool has_loads() const;
  template <typename F>
  void each_touch(F&& visit) const {
    for (const auto& queue : queues_)
      for (const Event& e : queue)
        if (e.touch >= 0) visit(touches_[static_cast<size_t>(e.touch)]);
  }

 private:
  void mark(const Event& event, int change);
  std::array<std::vector<Event>, wait_counters> queues_;
  std::vector<LdsTouch> touches_;
  std::vector<int32_t> free_touches_;
  std::vector<uint8_t> vector_pending_, scalar_pending_;
  std::vector<Stream> vector_stream_;
  int outstanding_ = 0;
};

}  // namespace tilejit::amdgpu::emulator

// The buffers of one interpreted kernel: parameters bound by the caller, scratch and shared memory of its own. Every access
// is checked against the dimensions and the bytes; scratch and shared elements know whether they were written and, while
// waves run, who touched them since the last barrier.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/interpret.h"
#include "ir/interpret_plan.h"

namespace tilejit::ir::interpreter {

/// Where a slice lies: up to five nested loops, innermost first. The cells of its tile are numbered row-major, so that the
/// innermost loop walks neighbouring cells.
struct Region {
  static constexpr size_t max_levels = 5;

  BufferId buffer = BufferId::none;
  size_t levels = 0;
  std::array<int64_t, max_levels> n{}, bit_step{}, element_step{}, cell_step{};
  int64_t bit = 0;      // of the first element, from the buffer's data
  int64_t element = 0;  // its number in the buffer
  int64_t cell = 0;     // its number in the tile
  int64_t cells = 1;    // of the tile
  bool whole = true;    // false: clipped, some cells lie outside the buffer
  bool empty = false;   // all of them do
};

/// Who accesses: shared elements touched by two waves in one interval between barriers are a race when one writes.
struct Accessor {
  int32_t wave = 0;
  uint32_t interval = 0;
};

class Memory {
 public:
  /// `invalid` when the parameters do not fit the kernel.
  Result<void> bind(const Plan& plan, std::span<const BufferView> parameters, int64_t m);
  /// Forgets scratch and shared memory, for the next task.
  void start_task();

  // The accesses return false after an error, whose words `take_error` gives.
  bool locate(BufferId buffer, const std::vector<Slice>& slices, bool clip, const std::vector<int64_t>& index,
              Region& region);
  bool load(const Region& region, Accessor who, uint32_t* cells);
  bool store(const Region& region, Accessor who, const uint32_t* cells);
  /// Until an async copy lands, its destination can be neither read nor written.
  bool start_flight(const Region& region, Accessor who);
  bool land(const Region& region, Accessor who, const uint32_t* cells);
  std::string take_error() { return std::move(error_); }

 private:
  enum class State : uint8_t { unwritten, written, in_flight };
  static constexpr int32_t several_waves = -1;
  struct Touch {
    int32_t writer = 0, reader = 0;
    uint32_t written = 0, read = 0;  // the intervals of these
  };
  struct Bound {
    const Buffer* buffer = nullptr;
    std::byte* data = nullptr;
    int64_t bytes = 0;
    size_t rank = 0;
    std::array<int64_t, Region::max_levels> dims{}, bit_step{}, element_step{};
    std::vector<std::byte> own;
    std::vector<State> states;   // scratch and shared: of each element
    std::vector<Touch> touches;  // the same, in kernels with waves
  };
  /// Elements of one innermost loop.
  struct Run {
    int64_t element, step, n;
  };

  Bound& bound(BufferId b) { return bounds_[static_cast<size_t>(b)]; }
  void lay_out(Bound& b, int64_t row_stride) const;
  void own_storage(Bound& b, bool waves) const;
  bool add_dimension(const Bound& b, size_t d, const Slice& slice, int64_t start, bool clip, Region& region);
  bool check_bytes(const Bound& b, const Region& region);
  bool check_read(Bound& b, Run run, Accessor who);
  bool check_write(Bound& b, Run run, Accessor who, State becomes);
  std::string describe(const Bound& b) const;
  bool fail_element(const Bound& b, int64_t element, std::string_view words);

  const Kernel* kernel_ = nullptr;
  int64_t m_ = 0;
  std::vector<Bound> bounds_;
  std::string error_;
};

}  // namespace tilejit::ir::interpreter

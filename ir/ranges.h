// What values an index can take: interval arithmetic over the loops around an instruction, with m in 0..2^31-1 and a loaded
// index anywhere in i32. Bounds that depend on outer loops (`min(8,50-%i*8)`) are used to sharpen the upper end, so that the
// tails of static loops are provable.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

struct Interval {
  int64_t lo = 0;
  int64_t hi = 0;
  bool fixed = true;  // depends neither on m nor on loaded values

  /// Far enough from the ends of int64_t that no later step of address arithmetic overflows.
  bool fits() const { return lo >= -limit && hi <= limit; }
  static constexpr int64_t limit = int64_t{1} << 62;
};

class Ranges {
 public:
  explicit Ranges(const Kernel& kernel);

  /// To be called at each for_loop and at each end, in the order of the text.
  void open(const Instr& loop);
  void close();

  /// Any i32 for a value that the kernel does not have.
  const Interval& of(Value index) const {
    return static_cast<size_t>(index) < ranges_.size() ? ranges_[static_cast<size_t>(index)] : any_i32;
  }
  Interval of(const Affine& affine) const;
  Interval of(const Bound& bound) const;
  /// At most of(affine).hi; less where the bounds of the loops around say so.
  int64_t upper(const Affine& affine) const;

  /// Whether the body of `loop`, about to be opened, runs at least once whatever m is.
  bool surely_runs(const Instr& loop) const;
  /// Whether a loop around never runs.
  bool is_dead() const { return dead_ > 0; }

 private:
  struct OpenLoop {
    const Instr* loop;
    bool dead;
  };
  static constexpr Interval any_i32{std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max(), false};
  std::vector<Interval> ranges_;
  std::vector<OpenLoop> open_;
  int dead_ = 0;
};

}  // namespace tilejit::ir

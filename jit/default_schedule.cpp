#include "jit/default_schedule.h"

#include <algorithm>

#include "jit/build_linear.h"

namespace tilejit {
namespace {

constexpr int tile_vectors = 4;  // columns of a register tile of several rows: 6 rows fill 24 of 32 registers
constexpr int most_rows_of_tile = 6;
constexpr int64_t most_rows_of_task = 256;
constexpr int64_t many_tiles = 16;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Vectors that unpacking holds for each vector of weights: shifted words, or stored zero points and differences.
int unpacking_registers(const Problem& problem) {
  if (problem.is_cheap_to_unpack()) return 0;
  if (problem.has_integer_dot()) return 1;
  return problem.zp == ZeroDomain::integer ? 2 : problem.dot == Dot::bf16 ? 0 : 1;
}

/// From the packed words of a block to those that the task, or the next one, uses after it.
int next_block_bytes(const Problem& problem, const Layout& layout, int kc) {
  const int64_t k = kc != 0 ? kc : packed_shape(problem, layout).padded_k * layout.streams;
  return static_cast<int>(std::min<int64_t>(k * layout.panel * bits_of(problem.weight_type()) / 8, 1 << 24));
}

class Defaults {
 public:
  Defaults(const Problem& problem, const Layout& layout, const TargetFacts& target)
      : problem_(problem), layout_(layout), target_(target) {}

  std::vector<Loops> all() {
    int most = 0;
    for (int nr = one_tile_columns(1); nr > 0 && most < most_rows_of_tile; nr = one_tile_columns(most + 1)) {
      ++most;
      add_inplace(most, most, most, nr);
    }
    // Two to four register tiles of as many rows as leave the last one full.
    int64_t m = most + 1;
    for (int64_t tiles = 2; tiles <= 4; ++tiles)
      for (int mr = static_cast<int>((m + tiles - 1) / tiles); mr <= most_shared(tiles); ++mr) {
        add_shared(m, tiles * mr, mr, tiles);
        m = tiles * mr + 1;
      }
    add_large(m);
    return std::move(ranges_);
  }

 private:
  /// Unpacked weights serve one of `tiles` register tiles; else a panel of them is expanded for all. A panel has no use where
  /// unpacking costs nothing beside the dot steps, and little for two tiles of integer dots.
  bool unpacks_in_tile(int64_t tiles) const {
    return target_.unpacks_beside_dot || problem_.is_cheap_to_unpack() || (tiles == 2 && problem_.has_integer_dot());
  }

  /// Rows that fit the registers beside the vectors of a stream's columns, those that unpacking holds, and two temporaries.
  int most_rows(int nr, int unpacking) const {
    const int columns = vectors(nr) * layout_.streams;
    return std::max(1, (target_.registers - 2 - columns * (1 + unpacking)) / (columns * problem_.digits()));
  }

  int vectors(int nr) const { return (nr + target_.lanes - 1) / target_.lanes; }

  /// Rows of one of `tiles` register tiles, at most.
  int most_shared(int64_t tiles) const {
    const int unpacking = unpacks_in_tile(tiles) ? unpacking_registers(problem_) : 0;
    return std::min(most_rows_of_tile, most_rows(shared_columns(), unpacking));
  }

  /// Columns, in each stream, of one register tile that holds all rows: the whole panel if that fits, 0 if nothing does.
  int one_tile_columns(int mr) const {
    const int unpacking = unpacking_registers(problem_);
    if (mr == 1 || most_rows(layout_.panel, unpacking) >= mr) return layout_.panel;
    return most_rows(shared_columns(), unpacking) >= mr ? shared_columns() : 0;
  }

  /// Columns, in each stream, of register tiles that share the rows.
  int shared_columns() const {
    const int wide = std::max(tile_vectors / layout_.streams, 1) * target_.lanes;
    return layout_.panel > wide && layout_.panel % wide == 0 ? wide : layout_.panel;
  }

  /// One register tile reads each weight once and asks for it a little ahead; of several, which find the panel in L2, each
  /// asks for a part of the next one.
  void add_inplace(int64_t m_lo, int64_t m_hi, int mr, int nr) {
    Loops loops;
    loops.mr = mr;
    loops.nr = nr;
    if (target_.prefetch_bytes != 0)
      loops.prefetch = m_hi > mr ? next_block_bytes(problem_, layout_, 0) : target_.prefetch_bytes;
    loops.m_lo = m_lo;
    loops.m_hi = m_hi;
    ranges_.push_back(loops);
  }

  void add_panel(int64_t m_lo, int64_t m_hi, int mr) {
    Loops loops;
    loops.expand = Expand::panel;
    loops.nr = shared_columns();
    loops.mr = mr;
    loops.kc = block_k(problem_.has_integer_dot() ? 8 : problem_.dot == Dot::bf16 ? 16 : 32);
    loops.mc = static_cast<int>(round_up(std::min(m_hi, most_rows_of_task), mr));
    if (target_.prefetch_bytes != 0) loops.prefetch = next_block_bytes(problem_, layout_, loops.kc);
    loops.m_lo = m_lo;
    loops.m_hi = m_hi;
    ranges_.push_back(loops);
  }

  void add_shared(int64_t m_lo, int64_t m_hi, int mr, int64_t tiles) {
    if (unpacks_in_tile(tiles))
      add_inplace(m_lo, m_hi, mr, shared_columns());
    else
      add_panel(m_lo, m_hi, mr);
  }

  /// All m from m_lo on. With many register tiles the requests for the next panel spread over them: memory keeps up.
  void add_large(int64_t m_lo) {
    const bool inplace = unpacks_in_tile(many_tiles);
    // In place, the sums of chunks and of segments of four rows of four vectors fill the registers.
    const bool has_two_sums = inplace && problem_.scheme != Scheme::w8a8 && problem_.scheme != Scheme::w16a16;
    const int columns = vectors(shared_columns()) * layout_.streams;
    const int paired = std::max(1, target_.registers / 2 / (columns * problem_.digits()));
    const int mr = has_two_sums ? std::min(most_shared(many_tiles), paired) : most_shared(many_tiles);
    const int64_t many = many_tiles * mr;
    const bool spreads = target_.prefetch_bytes != 0 && many > m_lo;
    if (spreads) add_shared(m_lo, many - 1, mr, many_tiles);
    add_shared(spreads ? many : m_lo, Loops::no_limit, mr, many_tiles);
    Loops& last = ranges_.back();
    if (inplace) {
      last.mc = task_rows(mr);
      cut_k(last);
    }
    if (target_.prefetch_bytes != 0) last.unroll = 4;
  }

  /// k of a block whose weights, read once per register tile of rows, take a quarter of L2; 0 where that is all of k.
  int block_k(int64_t weight_bits) const {
    const int64_t bits = weight_bits * layout_.panel * layout_.streams;
    const int64_t kc = std::max<int64_t>(target_.l2_bytes / 4 * 8 / bits / 128 * 128, 128);
    return static_cast<int>(kc >= problem_.k ? 0 : kc);
  }

  /// Packed panels that leave L2 no room for activations are used in blocks of k.
  void cut_k(Loops& loops) const {
    const int64_t bits = bits_of(problem_.weight_type());
    if (problem_.k * layout_.panel * layout_.streams * bits / 8 <= target_.l2_bytes / 2) return;
    loops.kc = block_k(bits);
    if (loops.mc == 0) loops.mc = static_cast<int>(round_up(most_rows_of_task, loops.mr));
    if (loops.prefetch != 0) loops.prefetch = next_block_bytes(problem_, layout_, loops.kc);
  }

  /// Rows of a task where panels alone are too few to share: 0 for all of m.
  int task_rows(int mr) const {
    constexpr int64_t enough_tasks = 96;  // at 256 rows
    const int64_t panels = (problem_.n + layout_.panel - 1) / layout_.panel / layout_.streams;
    if (panels >= enough_tasks) return 0;
    return static_cast<int>(round_up(std::max<int64_t>(256 * panels / enough_tasks, int64_t{4} * mr), mr));
  }

  const Problem& problem_;
  const Layout& layout_;
  const TargetFacts& target_;
  int panel_vectors_;
  std::vector<Loops> ranges_;
};

}  // namespace

Layout default_layout(const Problem& problem, const TargetFacts& target) {
  Layout layout;
  layout.kk = problem.packed_k();
  // The columns of the register tile, at any m, and not more than the layer has: four chains of dot steps serve one row.
  const int64_t columns = std::min(round_up(problem.n, target.lanes), int64_t{tile_vectors} * target.lanes);
  layout.streams = problem.has(Epilogue::swiglu) ? 2 : 1;
  layout.panel = static_cast<int>(round_up(columns / layout.streams, target.lanes));
  // Measured on Sapphire Rapids: a second stream of 4-bit weights gives m = 1 five hundredths of the bandwidth; w4a8 is near it
  // with one, and then the tiles of few rows have whole panels.
  constexpr int64_t enough_panels = 32;
  const bool streams_more = target.prefetch_bytes != 0 && problem.scheme == Scheme::w4a16;
  if (streams_more && layout.streams == 1 && problem.n >= enough_panels * layout.panel) layout.streams = 2;
  return layout;
}

std::vector<Loops> default_loops(const Problem& problem, const Layout& layout, const TargetFacts& target) {
  return Defaults(problem, layout, target).all();
}

Schedule default_schedule(const Problem& problem, int64_t m, const TargetFacts& target) {
  Schedule schedule;
  schedule.layout = default_layout(problem, target);
  for (const Loops& loops : default_loops(problem, schedule.layout, target))
    if (m >= loops.m_lo && m <= loops.m_hi) schedule.loops = loops;
  return schedule;
}

}  // namespace tilejit

#include "jit/default_schedule.h"

#include <algorithm>

#include "jit/build_linear.h"
#include "jit/matrix_schedule.h"

namespace tilejit {
namespace {

constexpr int tile_vectors = 4;  // columns of a register tile of several rows: 6 rows fill 24 of 32 registers
constexpr int most_rows_of_tile = 6;
constexpr int64_t most_rows_of_task = 256;
constexpr int64_t many_tiles = 16;  // each asks for a line of four unrolled words of 256 bytes

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Vectors that unpacking holds for each vector of weights: shifted words, or stored zero points and differences.
int unpacking_registers(const Problem& problem) {
  if (problem.is_cheap_to_unpack()) return 0;
  if (problem.has_integer_dot()) return 1;
  return problem.zp == ZeroDomain::integer ? 2 : problem.dot == Dot::bf16 ? 0 : 1;
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
    return target_.unpacks_beside_dot || target_.task_bytes != 0 || problem_.is_cheap_to_unpack() ||
           (tiles == 2 && problem_.has_integer_dot());
  }

  /// Rows that fit the registers beside the vectors of a stream's columns, those that unpacking holds, and two temporaries;
  /// and, staged for quantization, the scratch of a task.
  int most_rows(int nr, int unpacking) const {
    const int columns = vectors(nr) * layout_.streams;
    const int rows = std::max(1, (target_.registers - 2 - columns * (1 + unpacking)) / (columns * problem_.digits()));
    if (target_.task_bytes == 0) return rows;
    const int64_t row_bytes = scratch_bytes(problem_, {layout_, {.nr = nr}});
    const int64_t staged = row_bytes == 0 ? rows : std::max<int64_t>(target_.task_bytes / row_bytes, 1);
    return static_cast<int>(std::min<int64_t>(rows, staged));
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
    loops.m_lo = m_lo;
    loops.m_hi = m_hi;
    if (m_hi > mr)
      ask_for_next_block(loops);
    else
      loops.prefetch = target_.prefetch_bytes;
    ranges_.push_back(loops);
  }

  void add_panel(int64_t m_lo, int64_t m_hi, int mr) {
    Loops loops;
    loops.expand = Expand::panel;
    loops.nr = shared_columns();
    loops.mr = mr;
    loops.kc = block_k(problem_, layout_, bits_of(problem_.unpacked_type()), target_.l2_bytes / 4);
    loops.mc = static_cast<int>(round_up(std::min(m_hi, most_rows_of_task), mr));
    loops.m_lo = m_lo;
    loops.m_hi = m_hi;
    ask_for_next_block(loops);
    ranges_.push_back(loops);
  }

  void ask_for_next_block(Loops& loops) const {
    if (target_.prefetch_bytes == 0) return;
    loops.prefetch = next_block_bytes(problem_, layout_, loops.kc);
    const int64_t rows = loops.mc > 0 ? std::min<int64_t>(loops.m_lo, loops.mc) : loops.m_lo;
    loops.spread = static_cast<int>((rows + loops.mr - 1) / loops.mr);
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
      ask_for_next_block(last);
    }
    if (target_.prefetch_bytes != 0) last.unroll = 4;
  }

  /// Packed panels that leave L2 no room for activations are used in blocks of k, where scratch can hold their sums.
  void cut_k(Loops& loops) const {
    if (target_.task_bytes != 0) return;
    const int64_t bits = bits_of(problem_.weight_type());
    if (problem_.k * layout_.panel * layout_.streams * bits / 8 <= target_.l2_bytes / 2) return;
    loops.kc = block_k(problem_, layout_, bits, target_.l2_bytes / 4);
    if (loops.mc == 0) loops.mc = static_cast<int>(round_up(most_rows_of_task, loops.mr));
  }

  /// Rows of a task where panels alone are too few to share: 0 for all of m.
  int task_rows(int mr) const {
    constexpr int64_t enough_tasks = 96;  // at 256 rows: six for each of 16 threads
    const int64_t panels = (problem_.n + layout_.panel - 1) / layout_.panel / layout_.streams;
    if (panels >= enough_tasks) return 0;
    return static_cast<int>(round_up(std::max<int64_t>(256 * panels / enough_tasks, int64_t{4} * mr), mr));
  }

  const Problem& problem_;
  const Layout& layout_;
  const TargetFacts& target_;
  std::vector<Loops> ranges_;
};

}  // namespace

int block_k(const Problem& problem, const Layout& layout, int64_t weight_bits, int64_t bytes) {
  constexpr int64_t unit = 128;  // of what every dot takes
  const int64_t most = bytes * 8 / (weight_bits * layout.panel * layout.streams) / unit;
  const int64_t units = (problem.k + unit - 1) / unit;
  if (most >= units) return 0;
  for (int64_t size = std::max<int64_t>(most, 1); size > most / 2; --size)
    if (units % size == 0) return static_cast<int>(size * unit);
  return static_cast<int>(std::max<int64_t>(most, 1) * unit);
}

int next_block_bytes(const Problem& problem, const Layout& layout, int kc) {
  const int64_t k = kc != 0 ? kc : packed_shape(problem, layout).padded_k * layout.streams;
  return static_cast<int>(std::min<int64_t>(k * layout.panel * bits_of(problem.weight_type()) / 8, 1 << 24));
}

Layout default_layout(const Problem& problem, const TargetFacts& target) {
  if (const MatrixStep* step = matrix_step_of(problem, target)) return default_matrix_layout(problem, *step);
  Layout layout;
  layout.kk = problem.packed_k();
  // The columns of the register tile, at any m, and not more than the layer has: four chains of dot steps serve one row.
  const int64_t columns = std::min(round_up(problem.n, target.lanes), int64_t{tile_vectors} * target.lanes);
  layout.streams = problem.has(Epilogue::swiglu) ? 2 : 1;
  layout.panel = static_cast<int>(round_up(columns / layout.streams, target.lanes));
  // Measured on Sapphire Rapids at m = 1: a second stream of w4a16 adds 5 % of the read bandwidth. w4a8 gains 2 %; with one
  // stream its tiles of few rows hold whole panels.
  constexpr int64_t enough_panels = 32;
  const bool streams_more = target.prefetch_bytes != 0 && problem.scheme == Scheme::w4a16;
  if (streams_more && layout.streams == 1 && problem.n >= enough_panels * layout.panel) layout.streams = 2;
  return layout;
}

std::vector<Loops> default_loops(const Problem& problem, const Layout& layout, const TargetFacts& target) {
  if (layout.is_matrix()) return default_matrix_loops(problem, layout, target);
  return Defaults(problem, layout, target).all();
}

Schedule default_schedule(const Problem& problem, int64_t m, const TargetFacts& target) {
  const Layout layout = default_layout(problem, target);
  return {layout, loops_for(default_loops(problem, layout, target), m)};
}

}  // namespace tilejit

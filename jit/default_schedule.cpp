#include "jit/default_schedule.h"

#include <algorithm>
#include <bit>

#include "jit/build_linear.h"
#include "jit/matrix_schedule.h"

namespace tilejit {
namespace {

constexpr int tile_vectors = 4;  // columns of a register tile of several rows: 6 rows fill 24 of 32 registers
constexpr int most_rows_of_tile = 6;
constexpr int most_rows_of_two_vectors = 12;
constexpr int most_rows_of_one_vector = 16;
constexpr int most_rows_of_shared_narrow_tile = 8;
constexpr int enough_tasks_of_row = 32;  // of one row: two for each of 16 threads
constexpr int64_t most_rows_of_task = 256;
constexpr int64_t many_tiles = 16;  // each asks for a line of four unrolled words of 256 bytes

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Vectors that unpacking holds for each vector of weights: shifted words, or stored zero points and differences.
int unpacking_registers(const Problem& problem) {
  if (problem.is_cheap_to_unpack()) return 0;
  if (problem.has_integer_dot()) return 1;
  return problem.zp == ZeroDomain::integer ? 2 : problem.dot == Dot::bf16 ? 0 : 1;
}

/// Columns of a register tile: nr in each of sr streams.
struct Width {
  int nr = 0;  // 0: none fits
  int sr = 0;
};

class Defaults {
 public:
  Defaults(const Problem& problem, const Layout& layout, const TargetFacts& target)
      : problem_(problem), layout_(layout), target_(target) {}

  std::vector<Loops> all() {
    int most = 0;
    for (Width w = one_tile(1); w.nr > 0; w = one_tile(most + 1)) {
      ++most;
      add_inplace(most, most, most, w);
    }
    // A few register tiles of as many rows as leave the last one full.
    int64_t m = most + 1;
    for (int64_t tiles = 2; tiles <= (shares_narrow_tiles() ? 6 : 4); ++tiles)
      for (int mr = static_cast<int>((m + tiles - 1) / tiles); mr <= most_shared(tiles); ++mr) {
        add_shared(m, tiles * mr, mr, tiles);
        m = tiles * mr + 1;
      }
    add_large(m);
    return std::move(ranges_);
  }

 private:
  /// Unpacked weights serve one of `tiles` register tiles; else a panel of them is expanded for all. A panel has no use where
  /// unpacking costs nothing beside the dot steps, and little for few tiles of integer dots.
  bool unpacks_in_tile(int64_t tiles) const {
    if (target_.unpacks_beside_dot || target_.task_bytes != 0 || problem_.is_cheap_to_unpack()) return true;
    return problem_.has_integer_dot() && (tiles == 2 || (tiles != many_tiles && shares_narrow_tiles()));
  }

  /// A few tiles, each of which unpacks for itself.
  bool shares_narrow_tiles() const {
    return has_narrow_tiles() && problem_.has_integer_dot() && !problem_.is_cheap_to_unpack();
  }

  /// Of chunks, which a scale ends, and of segments.
  bool has_two_sums() const { return problem_.scheme != Scheme::w8a8 && problem_.scheme != Scheme::w16a16; }

  /// Rows that fit the registers beside the vectors of the columns, those that unpacking holds, and two temporaries; and,
  /// staged for quantization, the scratch of a task.
  int most_rows(Width width, int unpacking) const {
    const int columns = vectors(width);
    int rows = std::max(0, (target_.registers - 2 - columns * (1 + unpacking)) / (columns * problem_.digits()));
    // Streams are taken one after another: the activations of all rows stay, and so do packed weights that are unpacked.
    if (width.sr > 1) {
      const int others = 1 + (unpacking == 0 ? 1 : columns + unpacking);
      rows = std::min(rows, (target_.registers - others) / ((columns + 1) * problem_.digits()));
    }
    if (target_.task_bytes == 0) return rows;
    const int64_t row_bytes = scratch_bytes(problem_, {layout_, {.nr = width.nr}});
    const int64_t staged = row_bytes == 0 ? rows : std::max<int64_t>(target_.task_bytes / row_bytes, 1);
    return static_cast<int>(std::min<int64_t>(rows, staged));
  }

  int panel_vectors() const { return vectors({layout_.panel, 1}); }
  int vectors(Width width) const { return (width.nr + target_.lanes - 1) / target_.lanes * width.sr; }

  /// About so many vectors: the streams of a task are halved, then the columns in each.
  Width of_vectors(int count) const {
    const int halves = problem_.has(Epilogue::swiglu) ? 2 : 1;
    Width width{layout_.panel, layout_.streams};
    while (vectors(width) > count && width.sr % (2 * halves) == 0) width.sr /= 2;
    const int narrow = std::max(count / width.sr, 1) * target_.lanes;
    if (width.nr > narrow && width.nr % narrow == 0) width.nr = narrow;
    return width;
  }

  /// Of one of several register tiles of the same rows or columns.
  Width shared() const { return of_vectors(tile_vectors); }
  /// Likewise, for integer dots that unpack in each tile: 16 sums, since as many of chunks fill the other registers.
  Width shared_narrow() const { return of_vectors(2 / problem_.digits()); }

  /// Panels of one vector are read side by side, so that tiles of fewer streams, which hold more rows, still read each weight
  /// once.
  bool has_narrow_tiles() const { return panel_vectors() == 1 && layout_.streams >= tile_vectors; }
  /// Rows of a narrow tile, at most. A row of one vector asks for a load beside each dot step: only integer dots have it, which
  /// would unpack for each of several tiles.
  int most_narrow(int count) const {
    if (!has_narrow_tiles() || (count == 1 && !problem_.has_integer_dot())) return 0;
    return std::min(most_rows(of_vectors(count), unpacking_registers(problem_)),
                    count == 1 ? most_rows_of_one_vector : most_rows_of_two_vectors);
  }

  /// Rows of one of `tiles` register tiles, at most.
  int most_shared(int64_t tiles) const {
    if (tiles != many_tiles && shares_narrow_tiles())
      return std::clamp(most_rows(shared_narrow(), unpacking_registers(problem_)), 1, most_rows_of_shared_narrow_tile);
    const int unpacking = unpacks_in_tile(tiles) ? unpacking_registers(problem_) : 0;
    return std::clamp(most_rows(shared(), unpacking), 1, most_rows_of_tile);
  }

  /// Of one register tile that holds all rows: as wide as fits.
  Width one_tile(int mr) const {
    const Width all{layout_.panel, layout_.streams};
    if (mr == 1) return all;
    const int unpacking = unpacking_registers(problem_);
    for (const Width width : {all, shared()})
      if (mr <= most_rows_of_tile && most_rows(width, unpacking) >= mr) return width;
    // Two vectors of chunks and of segments do not stay in registers.
    for (const int count : {2, 1})
      if (most_narrow(count) >= mr && (count == 1 || !has_two_sums())) return of_vectors(count);
    return {};
  }

  Loops tile(int mr, Width width) const {
    Loops loops;
    loops.mr = mr;
    loops.nr = width.nr;
    loops.sr = width.sr == layout_.streams ? 0 : width.sr;
    return loops;
  }

  /// One register tile reads each weight once and asks for it a little ahead; of several, which find the panel in L2, each
  /// asks for a part of the next one.
  void add_inplace(int64_t m_lo, int64_t m_hi, int mr, Width width) {
    Loops loops = tile(mr, width);
    loops.m_lo = m_lo;
    loops.m_hi = m_hi;
    if (m_hi > mr) {
      ask_for_next_block(loops);
    } else if (asks_for_next_tile(width)) {
      loops.prefetch = next_block_bytes(problem_, {layout_, loops});
      loops.unroll = 4;
    } else {
      loops.prefetch = usual_prefetch({layout_, loops}, target_);
    }
    ranges_.push_back(loops);
  }

  /// One or two of many streams are too few places to read from: the next tile is asked for in more. Measured on Sapphire
  /// Rapids at eight rows: `w8a8` takes 0.82 of the time, `w4a8` 0.84 to 0.92, two digits 0.95.
  bool asks_for_next_tile(Width width) const {
    return target_.prefetch_bytes != 0 && width.sr <= 2 && layout_.streams > 2 && problem_.has_integer_dot();
  }

  void add_panel(int64_t m_lo, int64_t m_hi, int mr) {
    Loops loops = tile(mr, shared());
    loops.expand = Expand::panel;
    loops.kc = block_k(problem_, {layout_, loops}, bits_of(problem_.unpacked_type()), target_.l2_bytes / 4);
    loops.mc = static_cast<int>(round_up(std::min(m_hi, most_rows_of_task), mr));
    loops.m_lo = m_lo;
    loops.m_hi = m_hi;
    ask_for_next_block(loops);
    ranges_.push_back(loops);
  }

  void ask_for_next_block(Loops& loops) const {
    if (target_.prefetch_bytes == 0) return;
    loops.prefetch = next_block_bytes(problem_, {layout_, loops});
    const int64_t rows = loops.mc > 0 ? std::min<int64_t>(loops.m_lo, loops.mc) : loops.m_lo;
    loops.spread = static_cast<int>((rows + loops.mr - 1) / loops.mr);
  }

  void add_shared(int64_t m_lo, int64_t m_hi, int mr, int64_t tiles) {
    if (unpacks_in_tile(tiles))
      add_inplace(m_lo, m_hi, mr, tiles != many_tiles && shares_narrow_tiles() ? shared_narrow() : shared());
    else
      add_panel(m_lo, m_hi, mr);
  }

  /// All m from m_lo on. With many register tiles the requests for the next panel spread over them: memory keeps up.
  void add_large(int64_t m_lo) {
    // In place, the sums of chunks and of segments of four rows of four vectors fill the registers.
    const int paired = std::max(1, target_.registers / 2 / (vectors(shared()) * problem_.digits()));
    const int mr = unpacks_in_tile(many_tiles) && has_two_sums() ? std::min(most_shared(many_tiles), paired)
                                                                 : most_shared(many_tiles);
    const int64_t many = many_tiles * mr;
    const bool spreads = target_.prefetch_bytes != 0 && many > m_lo;
    if (spreads) add_shared(m_lo, many - 1, mr, many_tiles);
    const int64_t first = spreads ? many : m_lo;
    add_many(first, Loops::no_limit, mr);
    // Whole tasks have a number of tiles of their own.
    const int64_t whole = ranges_.back().mc - mr + 1;
    if (target_.prefetch_bytes == 0 || whole <= first) return;
    ranges_.back().m_hi = whole - 1;
    add_many(whole, Loops::no_limit, mr);
  }

  void add_many(int64_t m_lo, int64_t m_hi, int mr) {
    add_shared(m_lo, m_hi, mr, many_tiles);
    Loops& last = ranges_.back();
    if (unpacks_in_tile(many_tiles)) {
      last.mc = task_rows(mr);
      cut_k(last);
      ask_for_next_block(last);
    }
    // About 200 dot steps an iteration, of four vectors of six rows.
    if (target_.prefetch_bytes != 0) last.unroll = problem_.scheme == Scheme::w8a8 ? 8 : 4;
  }

  /// Packed panels that leave L2 no room for activations are used in blocks of k, where scratch can hold their sums.
  void cut_k(Loops& loops) const {
    if (target_.task_bytes != 0) return;
    const int64_t bits = bits_of(problem_.weight_type());
    if (problem_.k * layout_.panel * shared().sr * bits / 8 <= target_.l2_bytes / 2) return;
    loops.kc = block_k(problem_, {layout_, loops}, bits, target_.l2_bytes / 4);
    if (loops.mc == 0) loops.mc = static_cast<int>(round_up(most_rows_of_task, loops.mr));
  }

  /// Rows of a task where panels alone are too few to share: 0 for all of m.
  int task_rows(int mr) const {
    constexpr int64_t enough_tasks = 96;  // at 256 rows: six for each of 16 threads
    const int64_t panels = (problem_.n + layout_.panel - 1) / layout_.panel / shared().sr;
    if (panels >= enough_tasks) return 0;
    return static_cast<int>(round_up(std::max<int64_t>(256 * panels / enough_tasks, int64_t{4} * mr), mr));
  }

  const Problem& problem_;
  const Layout& layout_;
  const TargetFacts& target_;
  std::vector<Loops> ranges_;
};

}  // namespace

int block_k(const Problem& problem, const Schedule& schedule, int64_t weight_bits, int64_t bytes) {
  constexpr int64_t unit = 128;  // of what every dot takes
  const int64_t most = bytes * 8 / (weight_bits * schedule.layout.panel * schedule.tile_streams()) / unit;
  const int64_t units = (problem.k + unit - 1) / unit;
  if (most >= units) return 0;
  for (int64_t size = std::max<int64_t>(most, 1); size > most / 2; --size)
    if (units % size == 0) return static_cast<int>(size * unit);
  return static_cast<int>(std::max<int64_t>(most, 1) * unit);
}

int next_block_bytes(const Problem& problem, const Schedule& schedule) {
  const Layout& layout = schedule.layout;
  const int kc = schedule.loops.kc;
  const int64_t k = kc != 0 ? kc : packed_shape(problem, layout).padded_k * schedule.tile_streams();
  return static_cast<int>(std::min<int64_t>(k * layout.panel * bits_of(problem.weight_type()) / 8, 1 << 24));
}

int usual_prefetch(const Schedule& schedule, const TargetFacts& target) {
  return target.prefetch_bytes / schedule.tile_streams();
}

Layout default_layout(const Problem& problem, const TargetFacts& target) {
  if (const MatrixStep* step = matrix_step_of(problem, target)) return default_matrix_layout(problem, *step);
  Layout layout;
  layout.kk = problem.packed_k();
  const int halves = problem.has(Epilogue::swiglu) ? 2 : 1;
  // The columns of the register tile, at any m, and not more than the layer has: four chains of dot steps serve one row.
  const int64_t columns = std::min(round_up(problem.n, target.lanes), int64_t{tile_vectors} * target.lanes);
  layout.streams = halves;
  layout.panel = static_cast<int>(round_up(columns / halves, target.lanes));
  if (target.prefetch_bytes == 0) return layout;
  // Measured on Sapphire Rapids at m = 1: one stream of 64 columns has 75 to 85 % of the bandwidth, four of 16 have 91 %, four
  // of 32 have 93 to 97 %, eight of 16 all of it.
  layout.panel = target.lanes;
  const auto panels = static_cast<unsigned>(columns / target.lanes);
  const bool has_many = problem.n >= int64_t{enough_tasks_of_row} * 2 * tile_vectors * target.lanes;
  layout.streams = has_many ? 2 * tile_vectors : std::max(static_cast<int>(std::bit_floor(panels)), halves);
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

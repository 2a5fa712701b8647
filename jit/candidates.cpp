#include "jit/candidates.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "jit/default_schedule.h"
#include "jit/matrix_schedule.h"

namespace tilejit {
namespace {

// Widths in vectors of the target; a register tile is at most as wide as its panel.
constexpr int panel_vectors[] = {1, 2, 3, 4, 6, 8, 12, 16};
constexpr int tile_widths[] = {1, 2, 3, 4, 6, 8, 12, 16};
constexpr int stream_counts[] = {1, 2, 4, 8};  // no more panels than the layer has, rounded up
constexpr int tile_rows[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 14};
constexpr int unrolls[] = {1, 2, 4};
// expand=inplace with all of k. Rows of a task are rounded up to whole tiles, 0: all of m.
constexpr int prefetch_bytes[] = {0, 1024, 4096};
constexpr int task_rows[] = {0, 64};
// k in blocks: a block as a share of L2 (0: all of k), and the rows that use it, rounded up to whole tiles.
constexpr int block_shares[] = {0, 32, 8, 4, 2};
constexpr int block_rows[] = {64, 256, 1024};
// Register tiles that share the prefetch of the next block or panel.
constexpr int spreads[] = {4, 16};

// Matrix steps: register tiles in steps, waves of a task, k of a stage.
constexpr int matrix_tiles[] = {1, 2, 4, 8};
constexpr int matrix_waves[] = {1, 2, 4};
constexpr int stage_depths[] = {64, 128, 256, 512};

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

class Space {
 public:
  Space(const Problem& problem, const Layout& layout, const TargetFacts& target)
      : problem_(problem), layout_(layout), target_(target) {}

  std::vector<Candidate> all() {
    if (layout_.is_matrix()) return all_matrix();
    for (const int rows : tile_rows)
      for (const int columns : tile_widths) {
        if (columns * target_.lanes > layout_.panel) break;
        Loops loops;
        loops.mr = rows;
        loops.nr = columns * target_.lanes;
        for (const int streams : tile_streams()) {
          loops.sr = streams;
          add_inplace(loops);
          add_panel(loops);
        }
      }
    for (const Loops& loops : default_loops(problem_, layout_, target_)) add_missing(loops);
    return std::move(candidates_);
  }

 private:
  /// All streams of the layout; of as many as layouts have, also a half and a quarter.
  std::vector<int> tile_streams() const {
    constexpr int most = stream_counts[std::size(stream_counts) - 1];
    return layout_.streams == most ? std::vector<int>{0, most / 2, most / 4} : std::vector<int>{0};
  }

  /// Register tiles in steps of a matrix step, and the waves that share a task.
  std::vector<Candidate> all_matrix() {
    const MatrixStep* step = matrix_step_of(problem_, target_);
    if (step == nullptr) return {};
    for (const int rows : matrix_tiles)
      for (const int columns : matrix_tiles)
        for (const int waves_m : matrix_waves)
          for (const int waves_n : matrix_waves)
            for (const int depth : stage_depths)
              for (const auto& [stages, ahead] : {std::pair{1, 0}, std::pair{2, 0}, std::pair{1, 1}, std::pair{2, 1}})
                for (int split = 0; split <= (problem_.ks > 1 ? 1 : 0); ++split) {
                  Loops loops;
                  loops.mr = rows * step->rows;
                  loops.nr = columns * step->cols;
                  loops.wm = waves_m;
                  loops.wn = waves_n;
                  loops.kc = std::max(depth, layout_.kk * layout_.kl);
                  loops.stages = stages;
                  loops.ahead = ahead;
                  loops.split = split;
                  add_missing(loops);
                }
    for (const Loops& loops : default_loops(problem_, layout_, target_)) add_missing(loops);
    return std::move(candidates_);
  }

  /// Segments as tasks (split=1) have no meaning where there is one.
  void add_inplace(Loops loops) {
    loops.expand = Expand::inplace;
    for (int split = 0; split <= (problem_.ks > 1 ? 1 : 0); ++split)
      for (const int rows : task_rows)
        for (const int unroll : unrolls) {
          loops.split = split;
          loops.mc = static_cast<int>(round_up(rows, loops.mr));
          loops.unroll = unroll;
          const int usual = usual_prefetch({layout_, loops}, target_);
          for (const int bytes : prefetch_bytes) {
            loops.prefetch = bytes;
            if (bytes != usual) add(loops);
          }
          loops.prefetch = usual;
          add(loops);
          add_next_block(loops);
        }
    loops.split = 0;
    add_blocked(loops, bits_of(problem_.weight_type()));
  }

  void add_panel(Loops loops) {
    loops.expand = Expand::panel;
    add_blocked(loops, bits_of(problem_.unpacked_type()));
  }

  void add_blocked(Loops loops, int64_t weight_bits) {
    std::vector<int> depths;  // shares of a short k coincide
    for (const int share : block_shares) {
      loops.kc = share == 0 ? 0 : block_k(problem_, {layout_, loops}, weight_bits, target_.l2_bytes / share);
      const bool is_whole_k = loops.kc == 0 && loops.expand == Expand::inplace;
      if (is_whole_k || std::find(depths.begin(), depths.end(), loops.kc) != depths.end()) continue;
      depths.push_back(loops.kc);
      for (const int rows : block_rows) {
        loops.mc = static_cast<int>(round_up(rows, loops.mr));
        loops.unroll = 1;
        loops.prefetch = 0;
        loops.spread = 1;
        add(loops);
        loops.unroll = 4;
        add_next_block(loops);
      }
    }
  }

  /// The prefetch of the next block or panel, shared by several register tiles.
  void add_next_block(Loops loops) {
    loops.prefetch = next_block_bytes(problem_, {layout_, loops});
    for (const int spread : spreads) {
      loops.spread = spread;
      add(loops);
    }
  }

  /// For every m, where the tables above do not have it.
  void add_missing(Loops loops) {
    loops.m_lo = 1;
    loops.m_hi = Loops::no_limit;
    const bool found = std::any_of(candidates_.begin(), candidates_.end(),
                                   [&](const Candidate& c) { return c.schedule.loops == loops; });
    if (!found) add(loops);
  }

  void add(const Loops& loops) {
    const Schedule schedule{layout_, loops};
    candidates_.push_back({schedule, legal(problem_, schedule, target_)});
  }

  const Problem& problem_;
  const Layout& layout_;
  const TargetFacts& target_;
  std::vector<Candidate> candidates_;
};

}  // namespace

std::vector<Layout> candidate_layouts(const Problem& resolved, const TargetFacts& target) {
  std::vector<Layout> layouts;
  if (const MatrixStep* step = matrix_step_of(resolved, target)) {
    Layout layout = default_matrix_layout(resolved, *step);
    for (layout.panel = step->cols; layout.panel <= 256; layout.panel *= 2) {
      if (layout.panel > step->cols && layout.panel / 2 >= resolved.n) break;
      layouts.push_back(layout);
    }
    return layouts;
  }
  for (const int vectors : panel_vectors) {
    const int panel = vectors * target.lanes;
    if (panel > round_up(resolved.n, target.lanes)) break;
    for (const int streams : stream_counts)
      if (streams == 1 || streams / 2 * panel < resolved.n)
        layouts.push_back({.panel = panel, .kk = resolved.packed_k(), .streams = streams});
  }
  return layouts;
}

std::vector<Candidate> candidates(const Problem& resolved, const Layout& layout, const TargetFacts& target) {
  return Space(resolved, layout, target).all();
}

std::vector<Schedule> legal_schedules(const Problem& resolved, const Layout& layout, const TargetFacts& target) {
  std::vector<Schedule> schedules;
  for (const Candidate& candidate : candidates(resolved, layout, target))
    if (candidate.verdict) schedules.push_back(candidate.schedule);
  return schedules;
}

}  // namespace tilejit

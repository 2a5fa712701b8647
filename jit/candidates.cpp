#include "jit/candidates.h"

#include <algorithm>

namespace tilejit {
namespace {

// Widths in vectors of the target; a register tile is at most as wide as its panel.
constexpr int panel_vectors[] = {1, 2, 3, 4, 6, 8, 12, 16};
constexpr int tile_vectors[] = {1, 2, 3, 4, 6, 8, 12, 16};
constexpr int stream_counts[] = {1, 2, 4, 8};
constexpr int tile_rows[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 14};
// expand=inplace. Rows of a task are rounded up to whole tiles, 0: all of m.
constexpr int unrolls[] = {1, 2, 4};
constexpr int prefetch_bytes[] = {0, 1024, 4096};
constexpr int task_rows[] = {0, 64};
// expand=panel: the expanded block as a share of L2 (0: all of k), and the rows that use it, rounded up to whole tiles.
constexpr int block_shares[] = {0, 8, 4, 2};
constexpr int block_rows[] = {64, 256, 1024};

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// k of an expanded block that fills 1/share of L2; 0 where that is all of k.
int block_k(const Problem& problem, const Layout& layout, const TargetFacts& target, int share) {
  if (share == 0) return 0;
  constexpr int64_t unit = 128;  // of what every dot takes
  const int64_t element = problem.has_integer_dot() ? 1 : problem.dot == Dot::bf16 ? 2 : 4;
  const int64_t row_bytes = int64_t{layout.panel} * layout.streams * element;
  const int64_t k = std::max(target.l2_bytes / share / row_bytes / unit * unit, unit);
  return k >= problem.k ? 0 : static_cast<int>(k);
}

class Space {
 public:
  Space(const Problem& problem, const Layout& layout, const TargetFacts& target)
      : problem_(problem), layout_(layout), target_(target) {}

  std::vector<Candidate> all() {
    for (const int rows : tile_rows)
      for (const int columns : tile_vectors) {
        if (columns * target_.lanes > layout_.panel) break;
        Loops loops;
        loops.mr = rows;
        loops.nr = columns * target_.lanes;
        add_inplace(loops);
        add_panel(loops);
      }
    return std::move(candidates_);
  }

 private:
  /// Segments as tasks (split=1) have no meaning where there is one.
  void add_inplace(Loops loops) {
    loops.expand = Expand::inplace;
    for (int split = 0; split <= (problem_.ks > 1 ? 1 : 0); ++split)
      for (const int rows : task_rows)
        for (const int unroll : unrolls)
          for (const int bytes : prefetch_bytes) {
            loops.split = split;
            loops.mc = static_cast<int>(round_up(rows, loops.mr));
            loops.unroll = unroll;
            loops.prefetch = bytes;
            add(loops);
          }
  }

  void add_panel(Loops loops) {
    loops.expand = Expand::panel;
    std::vector<int> depths;  // shares of a short k coincide
    for (const int share : block_shares) {
      loops.kc = block_k(problem_, layout_, target_, share);
      if (std::find(depths.begin(), depths.end(), loops.kc) != depths.end()) continue;
      depths.push_back(loops.kc);
      for (const int rows : block_rows) {
        loops.mc = static_cast<int>(round_up(rows, loops.mr));
        add(loops);
      }
    }
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
  for (const int vectors : panel_vectors) {
    const int panel = vectors * target.lanes;
    if (panel > round_up(resolved.n, target.lanes)) break;
    for (const int streams : stream_counts)
      layouts.push_back({.panel = panel, .kk = resolved.packed_k(), .streams = streams});
  }
  return layouts;
}

std::vector<Candidate> candidates(const Problem& resolved, const Layout& layout, const TargetFacts& target) {
  return Space(resolved, layout, target).all();
}

}  // namespace tilejit

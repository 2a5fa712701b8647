#include "jit/matrix_schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "jit/build_linear.h"

namespace tilejit {
namespace {

constexpr int load_bits = 128;              // of packed weights that a lane loads at once
constexpr int forms_of_zero = 32;           // registers of those in which unpacking subtracts a stored zero point
constexpr int forms_of_whole_columns = 48;  // likewise, where each lane unpacks all of a column's k to floats
constexpr int wide_wave = 64;   // lanes that hold two columns of tiles of the sums beside eight rows of them
constexpr int segment_k = 128;  // k segments of one group end at multiples of it

Type activation_type(const Problem& problem) { return problem.has_integer_dot() ? Type::i8 : problem.a; }

/// 32-bit registers that so many values of a type fill in some lanes.
int registers_for(int64_t values, Type type, int lanes) {
  return static_cast<int>(values * bits_of(type) / 32 / lanes);
}

/// Whether a chunk's sum is scaled and added to others: twice as many sums are held.
bool scales_chunks(const Problem& problem) { return problem.has_scales() && problem.scheme != Scheme::w8a8; }

/// k that one scale covers, in whole blocks of packed weights; where one covers all, as many as there may be.
int64_t chunk_k(const Problem& problem, const Layout& layout) {
  const int64_t block = int64_t{layout.kk} * layout.kl;
  return problem.group == -1 ? INT64_MAX : (problem.group + block - 1) / block * block;
}

/// Registers of a lane for a wave's sums, the operands of a step, and what is on its way from memory: weights, scales, zero
/// points of two stages, activations of one; an estimate from below.
int registers_of_lane(const Problem& problem, const Schedule& s, const MatrixStep& step, const TargetFacts& target) {
  const int wave_lanes = std::max(target.wave_lanes, 1);
  const Loops& l = s.loops;
  const int columns = l.nr * s.layout.streams;
  const int sum = registers_for(int64_t{l.mr} * columns, Type::f32, wave_lanes);
  const int totals = problem.ks > 1 && l.split == 0 && problem.scheme != Scheme::w8a8 ? sum : 0;
  const int sums = sum * (scales_chunks(problem) ? 2 : 1) + std::max(totals - target.sum_registers, 0);
  const int depth = std::max(l.kc, s.layout.kl * s.layout.kk);
  constexpr int stages = 2;                    // the present one and the next
  const int holders = step.cols * step.lanes;  // lanes that hold different weights
  const int weights = registers_for(int64_t{columns} * depth, problem.weight_type(), holders) * stages;
  const int operands = (1 + l.ahead) * registers_for(int64_t{l.mr} * step.k, step.type, step.rows * step.lanes);
  const int rows = registers_for(int64_t{l.mr} * depth, step.type, l.wn * wave_lanes);
  // Lanes that unpack whole columns do so for two steps, which tells where several streams have few rows; forms of stored zero
  // points are more.
  const bool has_unpacked = step.lanes == 1 && s.layout.streams > 1 && problem.zp != ZeroDomain::integer;
  const int unpacked = has_unpacked ? 2 * registers_for(int64_t{columns} * step.k, step.type, holders) : 0;
  const auto chunks = static_cast<int>(std::max<int64_t>(1, depth / chunk_k(problem, s.layout)));
  const int of_columns =
      (l.ahead != 0 ? 1 : stages) * registers_for(int64_t{columns} * step.rows, problem.s, wave_lanes) +
      (problem.zp == ZeroDomain::integer ? stages * columns / step.cols : 0);
  const int forms = step.lanes == 1 && step.type != Type::i8 ? forms_of_whole_columns : forms_of_zero;
  const int zeros = problem.zp == ZeroDomain::integer ? forms * columns / step.cols : 0;
  const int offsets = l.ahead != 0 && problem.zp == ZeroDomain::floating
                          ? registers_for(int64_t{columns} * step.rows, problem.s, wave_lanes) + l.mr / step.rows
                          : 0;
  return sums + weights + operands + unpacked + rows + zeros + offsets +
         (scales_chunks(problem) ? chunks * of_columns : 0);
}

class Reasons {
 public:
  Reasons(const Problem& problem, const Schedule& schedule, const TargetFacts& target)
      : p_(problem), s_(schedule), layout_(s_.layout), loops_(s_.loops), target_(target) {}

  std::vector<std::string> all() {
    const MatrixStep* step = matrix_step_of(p_, target_);
    if (step == nullptr) {
      require(false, fmt::format("kl={} kt={}: {} has no matrix step for dot={} of {}", layout_.kl, layout_.kt,
                                 target_.name, to_string(p_.dot), to_string(p_.scheme)));
      return std::move(reasons_);
    }
    check_layout(*step);
    if (!reasons_.empty()) return std::move(reasons_);
    check_tile(*step);
    check_waves();
    check_stages();
    return std::move(reasons_);
  }

 private:
  void require(bool met, std::string reason) {
    if (!met) reasons_.push_back(std::move(reason));
  }

  void check_layout(const MatrixStep& step) {
    require(layout_.kl == step.lanes && layout_.kt == step.k_of_lane(),
            fmt::format("kl={} kt={} is not kl={} kt={} of the matrix step", layout_.kl, layout_.kt, step.lanes,
                        step.k_of_lane()));
    if (!reasons_.empty()) return;
    require(layout_.panel % step.cols == 0,
            fmt::format("panel={} is not a multiple of {} (columns of a matrix step)", layout_.panel, step.cols));
    const int weight = bits_of(p_.weight_type());
    const int bits = layout_.kk * weight;
    const int most = std::max(load_bits, layout_.kt * weight);  // a step may take more than a load
    require(layout_.kk % layout_.kt == 0 && bits <= most && bits >= 8 && most % bits == 0,
            fmt::format("kk={}: a word is a multiple of kt={} weights, of 8 to {} bits, a power of two", layout_.kk,
                        layout_.kt, most));
    require(segment_k % (layout_.kk * layout_.kl) == 0,
            fmt::format("kk={} kl={}: {} k of a block do not divide {}", layout_.kk, layout_.kl,
                        layout_.kk * layout_.kl, segment_k));
    const int halves = p_.has(Epilogue::swiglu) ? 2 : 1;
    require(layout_.streams % halves == 0,
            fmt::format("streams={}: swiglu joins pairs of streams, one of each half", layout_.streams));
  }

  void check_tile(const MatrixStep& step) {
    require(loops_.mr % step.rows == 0,
            fmt::format("mr={} is not a multiple of {} (rows of a matrix step)", loops_.mr, step.rows));
    require(loops_.nr % step.cols == 0,
            fmt::format("nr={} is not a multiple of {} (columns of a matrix step)", loops_.nr, step.cols));
    require(layout_.panel % (loops_.nr * loops_.wn) == 0,
            fmt::format("wn={} waves of nr={} do not divide panel={}", loops_.wn, loops_.nr, layout_.panel));
    const int needed = registers_of_lane(p_, s_, step, target_);
    require(needed <= target_.registers, fmt::format("mr={} nr={} streams={} kc={} needs {} registers of {}", loops_.mr,
                                                     loops_.nr, layout_.streams, loops_.kc, needed, target_.registers));
    require(loops_.expand == Expand::inplace && loops_.mc == 0 && loops_.prefetch == 0 && loops_.spread == 1 &&
                loops_.unroll == 1 && loops_.sr == 0,
            "expand, mc, unroll, prefetch, spread and sr are for dot steps");
  }

  void check_waves() {
    const int waves = loops_.wm * loops_.wn;
    require(waves <= target_.most_waves,
            fmt::format("wm={} wn={}: {} waves of at most {}", loops_.wm, loops_.wn, waves, target_.most_waves));
    require(loops_.wm * loops_.mr % waves == 0, fmt::format("wm={} wn={}: {} waves do not share {} rows of activations",
                                                            loops_.wm, loops_.wn, waves, loops_.wm * loops_.mr));
    if (loops_.split == 0) return;
    require(has_equal_segments(p_, layout_),
            fmt::format("split=1 needs two or more k segments of one length, ks={}", p_.ks));
  }

  void check_stages() {
    const int block = layout_.kk * layout_.kl;
    require(loops_.kc > 0 && loops_.kc % block == 0,
            fmt::format("kc={} is not a positive multiple of {} (k of a block of packed weights)", loops_.kc, block));
    require(loops_.ahead == 0 || loops_.ahead == 1,
            fmt::format("ahead={}: operands of no step or of one are brought ahead", loops_.ahead));
    const int64_t bytes = shared_bytes(p_, s_);
    require(bytes <= target_.shared_bytes, fmt::format("stages={} kc={} needs {} bytes of shared memory of {}",
                                                       loops_.stages, loops_.kc, bytes, target_.shared_bytes));
  }

  const Problem& p_;
  const Schedule& s_;
  const Layout& layout_;
  const Loops& loops_;
  const TargetFacts& target_;
  std::vector<std::string> reasons_;
};

/// The widest word of which whole blocks fill a group with the least padding.
int default_word(const Problem& problem, const MatrixStep& step) {
  const int most = load_bits / bits_of(problem.weight_type());
  const int64_t group = problem.group == -1 ? problem.k : std::min(problem.group, problem.k);
  const auto padded = [&](int64_t kk) { return (group + kk * step.lanes - 1) / (kk * step.lanes) * (kk * step.lanes); };
  int best = step.k_of_lane();
  for (int kk = best; kk <= most && kk * step.lanes <= segment_k; kk *= 2)
    if (padded(kk) <= padded(best)) best = kk;
  return best;
}

constexpr double latency_ns = 800;  // assumed: of a load that misses all caches

/// Whether the loads of weights that all waves have in flight cover the memory's latency at its full bandwidth, with a quarter to
/// spare. Where waves are wide LLVM moves the loads of a stage behind the matrix steps of the one before, so that those of one
/// stage are in flight, else of two.
bool covers_latency(const Problem& problem, const Schedule& s, const TargetFacts& target) {
  const int64_t columns = (problem.n + s.loops.nr - 1) / s.loops.nr;
  const int64_t waves = columns * (s.loops.split != 0 ? problem.ks : 1);
  const int stages = target.wave_lanes >= wide_wave ? 1 : 2;
  const int64_t bytes = waves * stages * s.loops.kc * s.loops.nr * bits_of(problem.weight_type()) / 8;
  return 4 * static_cast<double>(bytes) >= 5 * target.memory_gigabytes * latency_ns;
}

/// Longer stages of few rows, until enough loads are in flight; a segment at once where its halves are too few.
Loops with_loads_in_flight(const Problem& problem, const Layout& layout, const Loops& loops,
                           const TargetFacts& target) {
  const auto is_legal = [&](const Loops& l) { return matrix_reasons(problem, {layout, l}, target).empty(); };
  const int64_t segment = problem.k / (loops.split != 0 ? problem.ks : 1);
  Loops longer = loops;
  while (!covers_latency(problem, {layout, longer}, target) && 4 * longer.kc <= segment) {
    Loops next = longer;
    next.kc *= 2;
    if (!is_legal(next)) return longer;
    longer = next;
  }
  if (covers_latency(problem, {layout, longer}, target) || 2 * longer.kc != segment) return longer;
  Loops whole = longer;
  whole.kc *= 2;
  whole.stages = 1;
  return is_legal(whole) ? whole : longer;
}

Loops matrix_loops(const Layout& layout, int mr, int nr, int wm, int wn) {
  Loops loops;
  loops.mr = mr;
  loops.nr = nr;
  loops.wm = wm;
  loops.wn = wn;
  loops.kc = std::max(layout.kk * layout.kl, segment_k);
  loops.stages = 2;
  return loops;
}

/// Loops for many rows that bring operands of steps ahead, of which two tasks fit the shared memory: with two buffers, or one
/// where that leaves an eighth or more of the rows. None where stages hold more than two chunks (one of integers), whose
/// first operands nothing hides, nor where three tasks fit that have few registers: they hide what each waits for.
std::optional<Loops> paired_loops(const Problem& problem, const Layout& layout, const TargetFacts& target,
                                  int column_tiles) {
  struct Shape {
    int row_tiles, stages;
  };
  constexpr std::array shapes = {Shape{8, 2}, Shape{7, 2}, Shape{8, 1}, Shape{7, 1}, Shape{6, 2}, Shape{6, 1},
                                 Shape{5, 2}, Shape{5, 1}, Shape{4, 2}, Shape{4, 1}, Shape{3, 2}, Shape{3, 1}};
  constexpr int most_tiles_of_two_chunks = 6;  // sums of both are on their way at once
  const MatrixStep& step = *matrix_step_of(problem, target);
  // Waves of two tasks share the registers: none are left beside a tile's for the sums of segments.
  TargetFacts half = target;
  half.sum_registers = 0;
  const bool has_more_sums = scales_chunks(problem) && problem.group != -1;
  const int64_t chunk = chunk_k(problem, layout);
  for (const Shape& shape : shapes) {
    Loops loops = matrix_loops(layout, step.rows * shape.row_tiles, step.cols * column_tiles, 1,
                               std::min(4, layout.panel / step.cols / column_tiles));
    const bool is_short = bits_of(problem.weight_type()) == 16 || (has_more_sums && chunk < segment_k);
    if (is_short) loops.kc = std::max(layout.kk * layout.kl, segment_k / 2);
    loops.stages = shape.stages;
    loops.ahead = 1;
    const int64_t tasks = target.shared_bytes / shared_bytes(problem, {layout, loops});
    const int most_chunks = problem.has_integer_dot() ? 1 : 2;
    if (has_more_sums ? most_chunks * chunk < loops.kc : tasks > 2) return std::nullopt;
    if (has_more_sums && chunk < loops.kc && shape.row_tiles > most_tiles_of_two_chunks) continue;
    if (tasks > 1 && matrix_reasons(problem, {layout, loops}, half).empty()) return loops;
  }
  return std::nullopt;
}

}  // namespace

const MatrixStep* matrix_step_of(const Problem& resolved, const TargetFacts& target) {
  if (resolved.dot == Dot::mma) return find_matrix_step(target, resolved.a);
  return resolved.dot == Dot::i8 ? find_matrix_step(target, Type::i8) : nullptr;
}

std::vector<std::string> matrix_reasons(const Problem& resolved, const Schedule& schedule, const TargetFacts& target) {
  return Reasons(resolved, schedule, target).all();
}

int64_t shared_bytes(const Problem& resolved, const Schedule& schedule) {
  const Type type = activation_type(resolved);
  const Loops& l = schedule.loops;
  return bytes_of(type, int64_t{l.stages} * l.wm * l.mr * (l.kc + stage_padding(schedule.layout, type)));
}

Layout default_matrix_layout(const Problem& resolved, const MatrixStep& step) {
  Layout layout;
  layout.kl = step.lanes;
  layout.kt = step.k_of_lane();
  layout.kk = default_word(resolved, step);
  layout.streams = resolved.has(Epilogue::swiglu) ? 2 : 1;
  const int most = 128 / layout.streams;
  const auto columns = static_cast<int>(std::min<int64_t>(resolved.n / layout.streams, most));
  layout.panel = step.cols;
  while (layout.panel < columns) layout.panel *= 2;
  return layout;
}

/// Few rows: each wave has as few channels as a matrix step has, so that many tasks read weights, and long stages, so that many
/// loads are in flight. Many rows: the waves have all rows of a task and few channels, since unpacked weights serve the steps of
/// all rows of a tile; as many rows as registers and shared memory hold. Wide waves come in such tasks that two of them share a
/// machine, so that each makes steps while the other waits.
std::vector<Loops> default_matrix_loops(const Problem& resolved, const Layout& layout, const TargetFacts& target) {
  const MatrixStep& step = *matrix_step_of(resolved, target);
  const int columns = layout.panel / step.cols;
  std::vector<Loops> ranges;
  const auto add = [&](int64_t m_hi, int row_tiles, int column_tiles, int wm) {
    const int tiles = std::min(column_tiles, columns);
    Loops loops = matrix_loops(layout, step.rows * row_tiles, step.cols * tiles, wm, std::min(4 / wm, columns / tiles));
    loops.split = m_hi != Loops::no_limit && has_equal_segments(resolved, layout) ? 1 : 0;
    if (row_tiles == 1) {
      loops.kc = 2 * loops.kc;
      loops = with_loads_in_flight(resolved, layout, loops, target);
    }
    loops.m_lo = ranges.empty() ? 1 : ranges.back().m_hi + 1;
    loops.m_hi = m_hi;
    while (loops.kc > layout.kk * layout.kl && !matrix_reasons(resolved, {layout, loops}, target).empty())
      loops.kc /= 2;
    if (!matrix_reasons(resolved, {layout, loops}, target).empty()) {
      if (ranges.empty()) ranges.push_back(loops);
      return;  // what fewer rows have also serves these
    }
    ranges.push_back(loops);
  };
  add(step.rows, 1, 1, 1);
  add(2 * step.rows, 2, 1, 1);
  add(4 * step.rows, 4, 1, 1);
  const int column_tiles = target.wave_lanes >= wide_wave ? std::max(2 / layout.streams, 1) : 1;
  if (target.wave_lanes >= wide_wave)
    if (const auto loops = paired_loops(resolved, layout, target, std::min(column_tiles, columns))) {
      ranges.push_back(*loops);
      ranges.back().m_lo = ranges[ranges.size() - 2].m_hi + 1;
    }
  for (const int row_tiles : {8, 7, 6, 5, 4, 3})
    if (ranges.back().m_hi != Loops::no_limit) add(Loops::no_limit, row_tiles, column_tiles, 1);
  ranges.back().m_hi = Loops::no_limit;
  Loops whole = ranges.back();  // the sums of segments of many rows are more than the weights
  whole.split = 0;
  if (matrix_reasons(resolved, {layout, whole}, target).empty()) ranges.back() = whole;
  return ranges;
}

}  // namespace tilejit

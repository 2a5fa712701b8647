#include "jit/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "jit/build_linear.h"

namespace tilejit {
namespace {

/// An integer key of the schedule line: its place in the struct and its legal values.
struct Key {
  std::string_view name;
  int& (*field)(Schedule&);
  int lo;
  int hi;
};

constexpr std::array keys = {
    Key{"panel", [](Schedule& s) -> int& { return s.layout.panel; }, 1, 1024},
    Key{"kk", [](Schedule& s) -> int& { return s.layout.kk; }, 1, 32},
    Key{"streams", [](Schedule& s) -> int& { return s.layout.streams; }, 1, 16},
    Key{"mr", [](Schedule& s) -> int& { return s.loops.mr; }, 1, 32},
    Key{"nr", [](Schedule& s) -> int& { return s.loops.nr; }, 1, 1024},
    Key{"kc", [](Schedule& s) -> int& { return s.loops.kc; }, 0, 1 << 20},
    Key{"mc", [](Schedule& s) -> int& { return s.loops.mc; }, 0, 1 << 20},
    Key{"split", [](Schedule& s) -> int& { return s.loops.split; }, 0, 1},
    Key{"unroll", [](Schedule& s) -> int& { return s.loops.unroll; }, 1, 16},
    Key{"prefetch", [](Schedule& s) -> int& { return s.loops.prefetch; }, 0, 1 << 20},
};

bool parse_integer(std::string_view text, int64_t lo, int64_t hi, int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= lo && value <= hi;
}

/// `1..16`, or `256..*` for no upper limit.
bool parse_rows(std::string_view text, Loops& loops) {
  const size_t dots = text.find("..");
  if (dots == std::string_view::npos || !parse_integer(text.substr(0, dots), 1, Loops::no_limit, loops.m_lo))
    return false;
  const std::string_view hi = text.substr(dots + 2);
  loops.m_hi = Loops::no_limit;
  return hi == "*" || parse_integer(hi, loops.m_lo, Loops::no_limit, loops.m_hi);
}

Result<void> set_word(Schedule& s, std::string_view word, std::vector<std::string_view>& seen) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos) return invalid(fmt::format("schedule: '{}' is not key=value", word));
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (std::find(seen.begin(), seen.end(), name) != seen.end())
    return invalid(fmt::format("schedule: the key '{}' is given twice", name));
  seen.push_back(name);
  if (name == "expand") {
    if (value != "inplace" && value != "panel")
      return invalid(fmt::format("schedule: expand={} may be inplace or panel", value));
    s.loops.expand = value == "panel" ? Expand::panel : Expand::inplace;
    return {};
  }
  if (name == "rows") {
    if (!parse_rows(value, s.loops))
      return invalid(fmt::format("schedule: rows={} is not a range such as 1..16 or 17..*", value));
    return {};
  }
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
  if (key == keys.end()) {
    std::string all = "expand, rows";
    for (const Key& k : keys) all += ", " + std::string(k.name);
    return invalid(fmt::format("schedule: the key '{}' is unknown; keys are {}", name, all));
  }
  int64_t number = 0;
  if (!parse_integer(value, key->lo, key->hi, number))
    return invalid(fmt::format("schedule: {}={} is not an integer from {} to {}", name, value, key->lo, key->hi));
  key->field(s) = static_cast<int>(number);
  return {};
}

constexpr int tile_vectors = 4;  // columns of the register tile over an expanded panel: 6 rows fill 24 of 32 registers

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Vectors of `lanes` that `columns` need.
int vectors(int columns, const TargetFacts& target) { return (columns + target.lanes - 1) / target.lanes; }

/// Columns of the register tile over an expanded panel, in each stream.
int panel_columns(const Layout& layout, const TargetFacts& target) {
  const int wide = std::max(tile_vectors / layout.streams, 1) * target.lanes;
  return layout.panel > wide && layout.panel % wide == 0 ? wide : layout.panel;
}

/// Int8 digits of an activation, each with a sum of its own.
int digits(const Problem& problem) { return problem.dot == Dot::i8x2 ? 2 : 1; }

/// Dot steps take packed weights as they lie: there is nothing to expand.
bool needs_no_expansion(const Problem& problem) {
  return problem.scheme == Scheme::w16a16 || (problem.weight_bits() == 8 && problem.has_integer_dot());
}

/// Rows that fit the registers: all but the weight vectors and two temporaries hold accumulators.
int most_rows(int columns, int registers, int sums) {
  return std::clamp((registers - columns - 2) / (columns * sums), 1, 6);
}

/// Rows of a task where panels alone are too few to share: 0 for all of m.
int task_rows(const Problem& problem, const Layout& layout, int mr) {
  constexpr int64_t enough_tasks = 96;  // at 256 rows
  const int64_t panels = (problem.n + layout.panel - 1) / layout.panel / layout.streams;
  if (panels >= enough_tasks) return 0;
  return static_cast<int>(round_up(std::max<int64_t>(256 * panels / enough_tasks, int64_t{4} * mr), mr));
}

/// Vectors that unpacking holds for each vector of weights: shifted words, or stored zero points and differences.
int unpacking_registers(const Problem& problem) {
  if (needs_no_expansion(problem)) return 0;
  if (problem.has_integer_dot()) return 1;
  return problem.zp == ZeroDomain::integer ? 2 : problem.dot == Dot::bf16 ? 0 : 1;
}

Loops panel_loops(const Problem& problem, const Layout& layout, const TargetFacts& target, int64_t m_lo, int64_t m_hi,
                  int mr) {
  constexpr int64_t most_rows_of_task = 256;
  Loops loops;
  loops.expand = Expand::panel;
  loops.nr = panel_columns(layout, target);
  loops.mr = mr;
  // The expanded block, read once per register tile of rows, takes a quarter of L2; the rows of a task share it.
  const int64_t element = problem.has_integer_dot() ? 1 : problem.dot == Dot::bf16 ? 2 : 4;
  const int64_t row_bytes = int64_t{layout.panel} * layout.streams * element;
  const int64_t kc = std::max<int64_t>(target.l2_bytes / 4 / row_bytes / 128 * 128, 128);
  loops.kc = static_cast<int>(kc >= problem.k ? 0 : kc);
  loops.mc = static_cast<int>(round_up(std::min(m_hi, most_rows_of_task), mr));
  loops.m_lo = m_lo;
  loops.m_hi = m_hi;
  return loops;
}

Loops inplace_loops(const Layout& layout, const TargetFacts& target, int64_t m_lo, int64_t m_hi, int mr) {
  Loops loops;
  loops.prefetch = target.prefetch_bytes;
  loops.mr = mr;
  loops.nr = layout.panel;
  loops.m_lo = m_lo;
  loops.m_hi = m_hi;
  return loops;
}

}  // namespace

Result<Schedule> parse_schedule(std::string_view line) {
  Schedule s;
  std::vector<std::string_view> seen;
  while (true) {
    const size_t start = line.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return s;
    line.remove_prefix(start);
    const std::string_view word = line.substr(0, line.find_first_of(" \t\r\n"));
    line.remove_prefix(word.size());
    TRY(set_word(s, word, seen));
  }
}

std::string print_layout(const Layout& l) { return fmt::format("panel={} kk={} streams={}", l.panel, l.kk, l.streams); }

std::string print_schedule(const Schedule& s) {
  const Loops& l = s.loops;
  const std::string hi = l.m_hi == Loops::no_limit ? "*" : std::to_string(l.m_hi);
  const std::string split = l.split == 0 ? "" : fmt::format(" split={}", l.split);
  return fmt::format("{} mr={} nr={} expand={} kc={} mc={}{} unroll={} prefetch={} rows={}..{}", print_layout(s.layout),
                     l.mr, l.nr, l.expand == Expand::panel ? "panel" : "inplace", l.kc, l.mc, split, l.unroll,
                     l.prefetch, l.m_lo, hi);
}

Layout default_layout(const Problem& problem, const TargetFacts& target) {
  Layout layout;
  layout.kk = problem.packed_k();
  // The columns of the register tile, at any m, and not more than the layer has: four chains of dot steps serve one row.
  layout.streams = problem.has(Epilogue::swiglu) ? 2 : 1;
  const int64_t columns = std::min(round_up(problem.n, target.lanes), int64_t{tile_vectors} * target.lanes);
  layout.panel = static_cast<int>(round_up(columns / layout.streams, target.lanes));
  return layout;
}

std::vector<Loops> default_loops(const Problem& problem, const Layout& layout, const TargetFacts& target) {
  std::vector<Loops> ranges;
  const int columns = vectors(layout.panel, target) * layout.streams;
  const int unpacking = unpacking_registers(problem);
  const int sums = digits(problem);
  const int most = most_rows(columns, target.registers - unpacking * columns, sums);
  for (int mr = 1; mr <= most; ++mr) ranges.push_back(inplace_loops(layout, target, mr, mr, mr));
  // Where unpacking costs nothing beside the dot steps an expanded panel has no use.
  const bool inplace = target.unpacks_beside_dot || needs_no_expansion(problem);
  const int panel_vectors = vectors(panel_columns(layout, target), target) * layout.streams;
  const int most_tile = inplace ? most : most_rows(panel_vectors, target.registers, sums);
  const auto add = [&](int64_t m_lo, int64_t m_hi, int mr) {
    ranges.push_back(inplace ? inplace_loops(layout, target, m_lo, m_hi, mr)
                             : panel_loops(problem, layout, target, m_lo, m_hi, mr));
  };
  // Two to four register tiles of as many rows as leave the last one full.
  int64_t m = most + 1;
  for (int64_t tiles = 2; tiles <= 4; ++tiles)
    for (int mr = static_cast<int>((m + tiles - 1) / tiles); mr <= most_tile; ++mr) {
      add(m, tiles * mr, mr);
      m = tiles * mr + 1;
    }
  // In place, both sums of four rows of four vectors fill the registers; a panel's chunk sum alone may take six.
  const int paired = std::max(1, target.registers / 2 / (columns * sums));
  add(m, Loops::no_limit, inplace && problem.scheme != Scheme::w8a8 ? std::min(most_tile, paired) : most_tile);
  if (inplace) ranges.back().mc = task_rows(problem, layout, ranges.back().mr);
  return ranges;
}

Schedule default_schedule(const Problem& problem, int64_t m, const TargetFacts& target) {
  Schedule schedule;
  schedule.layout = default_layout(problem, target);
  for (const Loops& loops : default_loops(problem, schedule.layout, target))
    if (m >= loops.m_lo && m <= loops.m_hi) schedule.loops = loops;
  return schedule;
}

Result<void> legal(const Problem& problem, const Schedule& schedule, const TargetFacts& target) {
  const Layout& layout = schedule.layout;
  const Loops& loops = schedule.loops;
  std::vector<std::string> reasons;
  const auto require = [&](bool met, std::string reason) {
    if (!met) reasons.push_back(std::move(reason));
  };
  require(layout.kk == problem.packed_k(), fmt::format("kk={} is not {} (weights of {} bits packed side by side)",
                                                       layout.kk, problem.packed_k(), problem.weight_bits()));
  if (!target.any_tile) {
    require(layout.panel % target.lanes == 0,
            fmt::format("panel={} is not a multiple of {} (lanes of a zmm)", layout.panel, target.lanes));
    require(loops.nr % target.lanes == 0,
            fmt::format("nr={} is not a multiple of {} (lanes of a zmm)", loops.nr, target.lanes));
    const int columns = vectors(loops.nr, target) * layout.streams;
    // The sums of a chunk and its weights, which the innermost loop needs; the sums of segments may wait in spill slots.
    const int needed = loops.mr * columns * digits(problem) + columns + 1;
    require(needed <= target.registers, fmt::format("mr={} nr={} streams={} needs {} vector registers of {}", loops.mr,
                                                    loops.nr, layout.streams, needed, target.registers));
  }
  const int halves = problem.has(Epilogue::swiglu) ? 2 : 1;
  require(layout.streams % halves == 0,
          fmt::format("streams={}: swiglu joins pairs of streams, one of each half", layout.streams));
  if (loops.split != 0) {
    require(loops.expand == Expand::inplace, "split=1 needs expand=inplace");
    require(has_equal_segments(problem, layout),
            fmt::format("split=1 needs two or more k segments of one length, ks={}", problem.ks));
  }
  require(layout.panel % loops.nr == 0, fmt::format("nr={} does not divide panel={}", loops.nr, layout.panel));
  if (loops.expand == Expand::panel) {
    const int unit = problem.dot == Dot::i8x2 ? 128 : layout.kk;
    require(!needs_no_expansion(problem),
            fmt::format("expand=panel: {} weights are dot operands as they are packed", to_string(problem.scheme)));
    require(loops.kc % unit == 0, fmt::format("kc={} is not a multiple of {}", loops.kc, unit));
    require(loops.mc > 0 && loops.mc % loops.mr == 0,
            fmt::format("mc={} is not a positive multiple of mr={}", loops.mc, loops.mr));
    const int64_t limit = int64_t{64} << 20;
    const int64_t bytes = scratch_bytes(problem, schedule);
    require(bytes <= limit, fmt::format("kc={} mc={} panel={} needs {} bytes of scratch, over {}", loops.kc, loops.mc,
                                        layout.panel, bytes, limit));
  } else {
    require(loops.kc == 0, fmt::format("kc={} belongs to expand=panel", loops.kc));
    require(loops.mc % loops.mr == 0, fmt::format("mc={} is not a multiple of mr={}", loops.mc, loops.mr));
  }
  if (reasons.empty()) return {};
  std::string all = fmt::format("schedule '{}' on {}: ", print_schedule(schedule), target.name);
  for (size_t i = 0; i < reasons.size(); ++i) all += (i ? "; " : "") + reasons[i];
  return unsupported(all);
}

}  // namespace tilejit

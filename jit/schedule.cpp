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

/// Columns of the register tile over an expanded panel.
int panel_columns(const Layout& layout, const TargetFacts& target) {
  const int wide = tile_vectors * target.lanes;
  return layout.panel > wide && layout.panel % wide == 0 ? wide : layout.panel;
}

/// Rows that fit the registers: all but the weight vectors and two temporaries hold accumulators.
int most_rows(int columns, int registers) { return std::clamp((registers - columns - 2) / columns, 1, 6); }

Loops panel_loops(const Problem& problem, const Layout& layout, const TargetFacts& target, int64_t m_lo, int64_t m_hi,
                  int mr) {
  constexpr int64_t task_rows = 256;
  Loops loops;
  loops.expand = Expand::panel;
  loops.nr = panel_columns(layout, target);
  loops.mr = mr;
  // The expanded block, read once per register tile of rows, takes a quarter of L2; the rows of a task share it.
  const int64_t element = problem.dot == Dot::bf16 ? 2 : 4;
  const int64_t kc =
      std::max<int64_t>(target.l2_bytes / 4 / (layout.panel * element) / layout.kk * layout.kk, layout.kk);
  loops.kc = static_cast<int>(kc >= problem.k ? 0 : kc);
  loops.mc = static_cast<int>(round_up(std::min(m_hi, task_rows), mr));
  loops.m_lo = m_lo;
  loops.m_hi = m_hi;
  return loops;
}

Loops inplace_loops(const Layout& layout, int64_t m_lo, int64_t m_hi, int mr) {
  Loops loops;
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
  return fmt::format("{} mr={} nr={} expand={} kc={} mc={} unroll={} prefetch={} rows={}..{}", print_layout(s.layout),
                     l.mr, l.nr, l.expand == Expand::panel ? "panel" : "inplace", l.kc, l.mc, l.unroll, l.prefetch,
                     l.m_lo, hi);
}

Layout default_layout(const Problem& problem, const TargetFacts& target) {
  Layout layout;
  layout.kk = 32 / problem.weight_bits();
  // As many channels as give the dot steps of one row enough independent chains, and not more than the layer has.
  const int64_t chains = int64_t{std::max(4, target.fma_latency * target.fma_per_cycle)} * target.lanes;
  int64_t panel = std::min(round_up(problem.n, target.lanes), chains);
  if (panel > int64_t{tile_vectors} * target.lanes) panel = round_up(panel, int64_t{tile_vectors} * target.lanes);
  layout.panel = static_cast<int>(panel);
  return layout;
}

std::vector<Loops> default_loops(const Problem& problem, const Layout& layout, const TargetFacts& target) {
  std::vector<Loops> ranges;
  const int columns = vectors(layout.panel, target) * layout.streams;
  // Unpacking holds registers of its own, as many as the weights: shifted words, or stored zero points and differences.
  const int unpacking = problem.zp == ZeroDomain::integer ? 2 : problem.dot == Dot::bf16 ? 0 : 1;
  const int most = most_rows(columns, target.registers - unpacking * columns);
  for (int mr = 1; mr <= most; ++mr) ranges.push_back(inplace_loops(layout, mr, mr, mr));
  // Where unpacking costs nothing beside the dot steps an expanded panel has no use; nor does one serve several streams.
  const bool inplace = target.unpacks_beside_dot || layout.streams > 1;
  const int most_tile = inplace ? most : most_rows(vectors(panel_columns(layout, target), target), target.registers);
  const auto add = [&](int64_t m_lo, int64_t m_hi, int mr) {
    ranges.push_back(inplace ? inplace_loops(layout, m_lo, m_hi, mr)
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
  add(m, Loops::no_limit, inplace ? std::min(most_tile, std::max(1, target.registers / 2 / columns)) : most_tile);
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
  require(layout.kk == 32 / problem.weight_bits(),
          fmt::format("kk={} is not {} (a 32-bit word of {}-bit weights)", layout.kk, 32 / problem.weight_bits(),
                      problem.weight_bits()));
  if (!target.any_tile) {
    require(layout.panel % target.lanes == 0,
            fmt::format("panel={} is not a multiple of {} (lanes of a zmm)", layout.panel, target.lanes));
    require(loops.nr % target.lanes == 0,
            fmt::format("nr={} is not a multiple of {} (lanes of a zmm)", loops.nr, target.lanes));
    const int columns = vectors(loops.nr, target) * layout.streams;
    // The sums of a chunk and its weights, which the innermost loop needs; the sums of segments may wait in spill slots.
    const int needed = loops.mr * columns + columns + 1;
    require(needed <= target.registers, fmt::format("mr={} nr={} streams={} needs {} vector registers of {}", loops.mr,
                                                    loops.nr, layout.streams, needed, target.registers));
  }
  require(layout.panel % loops.nr == 0, fmt::format("nr={} does not divide panel={}", loops.nr, layout.panel));
  if (loops.expand == Expand::panel) {
    require(layout.streams == 1, fmt::format("expand=panel walks one panel at a time, streams={}", layout.streams));
    require(loops.kc % layout.kk == 0, fmt::format("kc={} is not a multiple of kk={}", loops.kc, layout.kk));
    require(loops.mc > 0 && loops.mc % loops.mr == 0,
            fmt::format("mc={} is not a positive multiple of mr={}", loops.mc, loops.mr));
    const int64_t limit = int64_t{64} << 20;
    const int64_t bytes = scratch_bytes(problem, schedule);
    require(bytes <= limit, fmt::format("kc={} mc={} panel={} needs {} bytes of scratch, over {}", loops.kc, loops.mc,
                                        layout.panel, bytes, limit));
  } else {
    require(loops.kc == 0 && loops.mc == 0, fmt::format("kc={} mc={} belong to expand=panel", loops.kc, loops.mc));
  }
  if (reasons.empty()) return {};
  std::string all = fmt::format("schedule '{}' on {}: ", print_schedule(schedule), target.name);
  for (size_t i = 0; i < reasons.size(); ++i) all += (i ? "; " : "") + reasons[i];
  return unsupported(all);
}

}  // namespace tilejit

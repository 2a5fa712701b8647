#include "jit/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "jit/build_linear.h"
#include "jit/matrix_schedule.h"

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
    Key{"kl", [](Schedule& s) -> int& { return s.layout.kl; }, 0, 64},
    Key{"kt", [](Schedule& s) -> int& { return s.layout.kt; }, 0, 64},
    Key{"mr", [](Schedule& s) -> int& { return s.loops.mr; }, 1, 256},
    Key{"nr", [](Schedule& s) -> int& { return s.loops.nr; }, 1, 1024},
    Key{"sr", [](Schedule& s) -> int& { return s.loops.sr; }, 0, 16},
    Key{"kc", [](Schedule& s) -> int& { return s.loops.kc; }, 0, 1 << 20},
    Key{"mc", [](Schedule& s) -> int& { return s.loops.mc; }, 0, 1 << 20},
    Key{"wm", [](Schedule& s) -> int& { return s.loops.wm; }, 1, 32},
    Key{"wn", [](Schedule& s) -> int& { return s.loops.wn; }, 1, 32},
    Key{"stages", [](Schedule& s) -> int& { return s.loops.stages; }, 1, 2},
    Key{"ahead", [](Schedule& s) -> int& { return s.loops.ahead; }, 0, 1},
    Key{"split", [](Schedule& s) -> int& { return s.loops.split; }, 0, 1},
    Key{"unroll", [](Schedule& s) -> int& { return s.loops.unroll; }, 1, 16},
    Key{"prefetch", [](Schedule& s) -> int& { return s.loops.prefetch; }, 0, 1 << 24},
    Key{"spread", [](Schedule& s) -> int& { return s.loops.spread; }, 1, 1024},
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

/// Vectors of `lanes` that `columns` need.
int vectors(int columns, const TargetFacts& target) { return (columns + target.lanes - 1) / target.lanes; }

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

std::string print_layout(const Layout& l) {
  const std::string lanes = l.kl == 0 && l.kt == 0 ? "" : fmt::format(" kl={} kt={}", l.kl, l.kt);
  return fmt::format("panel={} kk={} streams={}{}", l.panel, l.kk, l.streams, lanes);
}

std::string print_schedule(const Schedule& s) {
  const Loops& l = s.loops;
  const std::string hi = l.m_hi == Loops::no_limit ? "*" : std::to_string(l.m_hi);
  const bool has_waves = s.layout.is_matrix() || l.wm != 1 || l.wn != 1 || l.stages != 1;
  std::string waves = has_waves ? fmt::format(" wm={} wn={} stages={}", l.wm, l.wn, l.stages) : "";
  if (l.ahead != 0) waves += fmt::format(" ahead={}", l.ahead);
  const std::string streams = l.sr == 0 ? "" : fmt::format(" sr={}", l.sr);
  const std::string split = l.split == 0 ? "" : fmt::format(" split={}", l.split);
  const std::string spread = l.spread == 1 ? "" : fmt::format(" spread={}", l.spread);
  return fmt::format("{} mr={} nr={}{} expand={} kc={} mc={}{}{} unroll={} prefetch={}{} rows={}..{}",
                     print_layout(s.layout), l.mr, l.nr, streams, l.expand == Expand::panel ? "panel" : "inplace", l.kc,
                     l.mc, waves, split, l.unroll, l.prefetch, spread, l.m_lo, hi);
}

const Loops& loops_for(const std::vector<Loops>& ranges, int64_t m) {
  return *std::find_if(ranges.begin(), ranges.end(), [&](const Loops& loops) { return m <= loops.m_hi; });
}

namespace {

/// Why a schedule of dot steps is not legal.
std::vector<std::string> dot_reasons(const Problem& problem, const Schedule& schedule, const TargetFacts& target) {
  const Layout& layout = schedule.layout;
  const Loops& loops = schedule.loops;
  const int streams = schedule.tile_streams();
  std::vector<std::string> reasons;
  const auto require = [&](bool met, std::string reason) {
    if (!met) reasons.push_back(std::move(reason));
  };
  require(problem.dot != Dot::mma, "kl=0: dot=mma takes a layout of matrix steps");
  require(loops.mr <= 32, fmt::format("mr={} is over 32 rows of a register tile", loops.mr));
  require(loops.wm == 1 && loops.wn == 1 && loops.stages == 1 && loops.ahead == 0,
          fmt::format("wm={} wn={} stages={} ahead={} without matrix steps (kl=0)", loops.wm, loops.wn, loops.stages,
                      loops.ahead));
  require(layout.kk == problem.packed_k(), fmt::format("kk={} is not {} (weights of {} bits packed side by side)",
                                                       layout.kk, problem.packed_k(), problem.weight_bits()));
  if (!target.any_tile) {
    require(layout.panel % target.lanes == 0,
            fmt::format("panel={} is not a multiple of {} (lanes of a vector)", layout.panel, target.lanes));
    require(loops.nr % target.lanes == 0,
            fmt::format("nr={} is not a multiple of {} (lanes of a vector)", loops.nr, target.lanes));
    const int columns = vectors(loops.nr, target) * streams;
    // The sums of a chunk and its weights, which the innermost loop needs; the sums of segments may wait in spill slots.
    const int needed = loops.mr * columns * problem.digits() + columns + 1;
    require(needed <= target.registers, fmt::format("mr={} nr={} streams={} needs {} vector registers of {}", loops.mr,
                                                    loops.nr, streams, needed, target.registers));
  }
  const int halves = problem.has(Epilogue::swiglu) ? 2 : 1;
  require(layout.streams % streams == 0, fmt::format("sr={} does not divide streams={}", loops.sr, layout.streams));
  require(streams % halves == 0, fmt::format("{}={}: swiglu joins pairs of streams, one of each half",
                                             loops.sr == 0 ? "streams" : "sr", streams));
  if (loops.split != 0) {
    require(!loops.is_blocked(), fmt::format("split=1 with expand={} kc={}: segments as tasks need expand=inplace kc=0",
                                             loops.expand == Expand::panel ? "panel" : "inplace", loops.kc));
    require(has_equal_segments(problem, layout),
            fmt::format("split=1 needs two or more k segments of one length, ks={}", problem.ks));
  }
  require(layout.panel % loops.nr == 0, fmt::format("nr={} does not divide panel={}", loops.nr, layout.panel));
  if (loops.is_blocked()) {
    const int unit = problem.dot == Dot::i8x2 ? 128 : layout.kk;
    require(loops.kc % unit == 0, fmt::format("kc={} is not a multiple of {} (k of a {})", loops.kc, unit,
                                              problem.dot == Dot::i8x2 ? "piece" : "packed word"));
    require(loops.mc > 0 && loops.mc % loops.mr == 0,
            fmt::format("mc={} is not a positive multiple of mr={}, as k in blocks (expand=panel or kc>0) needs",
                        loops.mc, loops.mr));
    const int64_t limit = int64_t{64} << 20;
    const int64_t bytes = scratch_bytes(problem, schedule);
    require(bytes <= limit,
            fmt::format("kc={} mc={} panel={} needs {} bytes of scratch, over {}: a smaller kc or mc needs less",
                        loops.kc, loops.mc, layout.panel, bytes, limit));
  } else {
    require(loops.mc % loops.mr == 0, fmt::format("mc={} is not a multiple of mr={}", loops.mc, loops.mr));
  }
  if (target.task_bytes != 0) {
    const int64_t bytes = scratch_bytes(problem, schedule);
    require(bytes <= target.task_bytes,
            fmt::format("{} bytes of scratch, a task has {}: a smaller mr or k, or kc=0, needs less", bytes,
                        target.task_bytes));
  }
  return reasons;
}

}  // namespace

Result<void> legal(const Problem& problem, const Schedule& schedule, const TargetFacts& target) {
  const std::vector<std::string> reasons =
      schedule.layout.is_matrix() ? matrix_reasons(problem, schedule, target) : dot_reasons(problem, schedule, target);
  if (reasons.empty()) return {};
  std::string all = fmt::format("schedule '{}' on {}: ", print_schedule(schedule), target.name);
  for (size_t i = 0; i < reasons.size(); ++i) all += (i ? "; " : "") + reasons[i];
  return unsupported(all);
}

}  // namespace tilejit

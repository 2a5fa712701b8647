#include "tools/search/estimate.h"

#include <algorithm>

#include "jit/build_linear.h"

namespace tilejit::search {
namespace {

constexpr double loads_per_cycle = 2;
constexpr double bytes_per_cycle = 5;  // from DRAM by one core with many read streams

double ceil_div(int64_t a, int64_t b) {
  const int64_t quotient = (a + b - 1) / b;
  return static_cast<double>(quotient);
}

/// Share of the read bandwidth: one stream leaves a third of it, eight leave nothing.
double read_share(int streams) { return std::min(1.0, 0.65 + 0.05 * (streams - 1)); }

}  // namespace

/// dot      = row tiles * weight vectors * dot steps, at the rate that the independent chains of a tile allow
/// loads    = one activation for each row and dot step of a tile
/// unpack   = two operations for each weight vector and dot step (three with stored zero points), once for each row tile, or
///            once for each block of rows (and a store and a load) where a panel is expanded
/// memory   = packed bytes, again for each row tile when a panel does not stay in L2
double estimate_cycles(const Problem& resolved, const Schedule& schedule, const TargetFacts& target, int64_t m) {
  const Layout& layout = schedule.layout;
  const Loops& loops = schedule.loops;
  const PackedShape shape = packed_shape(resolved, layout);
  const bool is_expanded = loops.expand == Expand::panel;
  const double vectors = static_cast<double>(shape.panels) * ceil_div(layout.panel, target.lanes);
  const double tile_vectors = ceil_div(loops.nr, target.lanes) * layout.streams;
  const int depth = resolved.has_integer_dot() ? 4 : resolved.dot == Dot::bf16 ? 2 : 1;  // k of a dot step
  const double digits = resolved.dot == Dot::i8x2 ? 2 : 1;
  const double steps = static_cast<double>(shape.padded_k) / depth;
  const double tiles = ceil_div(m, loops.mr);

  const double chains = loops.mr * tile_vectors * digits;
  const double rate = std::min<double>(target.fma_per_cycle, chains / target.fma_latency);
  const double dot = tiles * loops.mr * vectors * steps * digits / rate;
  const double loads = tiles * loops.mr * vectors / tile_vectors * steps * digits / loads_per_cycle;

  const double times = is_expanded ? ceil_div(m, loops.mc) : tiles;
  const double operations = (resolved.zp == ZeroDomain::integer ? 3 : 2) + (is_expanded ? 2 : 0);
  const double unpack = times * vectors * steps * operations / 2;
  const double pipes = target.unpacks_beside_dot ? std::max(dot, unpack) : dot + unpack;

  const double bytes = static_cast<double>(shape.panels * shape.panel * shape.padded_k * resolved.weight_bits()) / 8;
  const double panel_bytes = bytes / static_cast<double>(shape.panels) * layout.streams;
  const double passes = panel_bytes * 2 > static_cast<double>(target.l2_bytes) ? times : 1;
  const double memory = bytes * passes / (bytes_per_cycle * read_share(layout.streams));
  return std::max({pipes, loads, memory});
}

}  // namespace tilejit::search

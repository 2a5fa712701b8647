#include "runtime/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "ir/quant.h"
#include "jit/build_linear.h"
#include "runtime/pack_values.h"
#include "runtime/pack_words.h"
#include "runtime/threads.h"

namespace tilejit {
namespace {

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Where the packer writes; the same for all panels.
struct Plan {
  const Weights& weights;
  const Problem& problem;
  PackedShape shape;
  int kk;
  bool is_matrix;  // words of matrix steps
  std::array<std::byte*, operand_count> operands;
  std::vector<uint8_t> tiles;  // one for each thread; empty for dense weights
  std::vector<uint32_t> rows;  // a float for each group of a channel per thread; empty unless floats lie in blocks

  std::byte* at(Operand operand) const { return operands[static_cast<size_t>(operand)]; }
  /// The panel's part of an operand with a value for each group and channel.
  std::byte* values(Operand operand, int64_t panel, Type type) const {
    if (at(operand) == nullptr) return nullptr;
    return at(operand) + bytes_of(type, panel * shape.groups * shape.panel);
  }
};

/// Panels `first`, `first + halves` and so on, that are packed together: as many as have channels, which follow one another.
struct PanelGroup {
  int64_t first;
  int64_t count = 0;
  PanelChannels channels{};
};

PanelGroup group_of(const Plan& plan, int64_t task) {
  const PackedShape& shape = plan.shape;
  const int64_t together = panels_together(shape);
  PanelGroup group{.first = task / shape.halves * together * shape.halves + task % shape.halves};
  for (int64_t panel = group.first; group.count < together && panel < shape.panels; panel += shape.halves) {
    const PanelChannels channels = channels_of(shape, plan.problem.n, panel);
    if (channels.count == 0) break;  // rounding up to whole streams: the mapping is zero already
    if (group.count++ == 0) group.channels.first = channels.first;
    group.channels.count += channels.count;
  }
  return group;
}

void pack_values_of(Plan& plan, int64_t panel, int thread) {
  const PackedShape& shape = plan.shape;
  const Problem& p = plan.problem;
  const PanelValues to{.scales = plan.values(Operand::s, panel, p.s),
                       .offsets = plan.values(Operand::c, panel, p.s),
                       .zeros = plan.values(Operand::z, panel, Type::u8)};
  pack_values(plan.weights, shape, channels_of(shape, p.n, panel), to,
              plan.rows.empty() ? nullptr : plan.rows.data() + thread * shape.groups);
}

std::byte* words_of(const Plan& plan, int64_t panel) {
  const PackedShape& shape = plan.shape;
  return plan.at(Operand::w) + bytes_of(plan.problem.weight_type(), panel * shape.panel * shape.padded_k);
}

/// What is packed panel by panel: words of matrix steps, and dense ones.
void pack_words_of(Plan& plan, int64_t panel, int thread) {
  const PackedShape& shape = plan.shape;
  const PanelChannels channels = channels_of(shape, plan.problem.n, panel);
  std::byte* words = words_of(plan, panel);
  if (plan.problem.has_scales())
    return pack_matrix_integers(plan.weights, shape, channels, plan.kk, words,
                                plan.tiles.data() + thread * tile_bytes(shape));
  const auto pack = plan.is_matrix ? pack_matrix_floats : pack_dense;
  pack(plan.weights, shape, channels, plan.kk, words);
}

void pack_group(void* context, int64_t task, int thread) {
  Plan& plan = *static_cast<Plan*>(context);
  const PackedShape& shape = plan.shape;
  const PanelGroup group = group_of(plan, task);
  if (group.count == 0) return;
  const bool has_scales = plan.problem.has_scales();
  if (has_scales && !plan.is_matrix)
    pack_integers(plan.weights, shape, group.channels, group.count, plan.kk, words_of(plan, group.first),
                  plan.tiles.data() + thread * tile_bytes(shape));
  for (int64_t i = 0; i < group.count; ++i) {
    const int64_t panel = group.first + i * shape.halves;
    if (!has_scales || plan.is_matrix) pack_words_of(plan, panel, thread);
    if (has_scales) pack_values_of(plan, panel, thread);
  }
}

/// Bytes of every operand of the problem, 0 for those that it does not have.
std::array<int64_t, operand_count> operand_bytes(const Problem& p, const PackedShape& shape) {
  const int64_t values = shape.panels * shape.groups * shape.panel;
  std::array<int64_t, operand_count> bytes{};
  const auto set = [&](Operand operand, int64_t count) { bytes[static_cast<size_t>(operand)] = count; };
  set(Operand::w, bytes_of(p.weight_type(), shape.panels * shape.panel * shape.padded_k));
  if (p.has_scales()) set(Operand::s, bytes_of(p.s, values));
  if (p.zp == ZeroDomain::integer) set(Operand::z, values);
  if (p.zp == ZeroDomain::floating) set(Operand::c, bytes_of(p.s, values));
  if (p.perm) set(Operand::perm, 4 * p.k);
  if (p.has(Epilogue::bias)) set(Operand::bias, bytes_of(p.bias_type, p.n));
  return bytes;
}

Result<PackedWeights> allocate(const std::array<int64_t, operand_count>& sizes) {
  PackedWeights packed;
  int64_t total = 0;
  for (const int64_t size : sizes) {
    packed.bytes += size;
    total += round_up(size, 64);
  }
  packed.memory = TRY(Mapping::create(total));
  std::byte* next = packed.memory.data();
  for (size_t i = 0; i < operand_count; ++i) {
    if (sizes[i] == 0) continue;
    packed.operands[i] = next;
    next += round_up(sizes[i], 64);
  }
  return packed;
}

/// g=-1 and a group that covers all of k have the same scales.
int64_t group_length(int64_t group, int64_t k) { return group == -1 ? k : std::min(group, k); }

ZeroDomain zero_domain(const Weights& weights) {
  if (weights.has_offsets()) return ZeroDomain::floating;
  return weights.zero_packing == ZeroPacking::none ? ZeroDomain::none : ZeroDomain::integer;
}

}  // namespace

Result<void> check_match(const Problem& problem, const Weights& weights) {
  std::string differences;
  const auto compare = [&](std::string_view field, const auto& wanted, const auto& given) {
    if (wanted == given) return;
    differences +=
        fmt::format("{}{}={} but the weights have {}", differences.empty() ? "" : "; ", field, wanted, given);
  };
  compare("n", problem.n, weights.n);
  compare("k", problem.k, weights.k);
  compare("bits", problem.weight_bits(), weights.bits);
  compare("g", group_length(problem.group, problem.k), group_length(weights.group, weights.k));
  const ZeroDomain zp = zero_domain(weights);
  compare("zp", to_string(problem.zp), to_string(zp));
  if (quant_format_of(weights.packing).is_dense) {
    compare("a", to_string(problem.a), to_string(weights.data_type));
  } else {
    if (zp != ZeroDomain::integer) compare("z", problem.zero, weights.zero);
    compare("s", to_string(problem.s), to_string(weights.scale_type()));
  }
  compare("perm", problem.perm, !weights.perm.empty());
  compare("bias", problem.has(Epilogue::bias), !weights.bias.empty());
  if (problem.has(Epilogue::bias) && !weights.bias.empty()) {
    compare("bias type", to_string(problem.bias_type), to_string(weights.bias_type));
    compare("values of bias", problem.columns_at(Epilogue::bias), weights.n);
  }
  if (differences.empty()) return {};
  return invalid(
      fmt::format("the problem '{}' does not describe its weights: {}", print_problem(problem), differences));
}

Result<PackedWeights> pack(const Weights& weights, const Problem& resolved, const Layout& layout,
                           const Threads& threads) {
  const int count = TRY(thread_count(threads));
  const PackedShape shape = packed_shape(resolved, layout);
  PackedWeights packed = TRY(allocate(operand_bytes(resolved, shape)));
  Plan plan{.weights = weights,
            .problem = resolved,
            .shape = shape,
            .kk = layout.kk,
            .is_matrix = layout.is_matrix(),
            .operands = packed.operands,
            .tiles = {},
            .rows = {}};
  if (resolved.has_scales()) {
    plan.tiles.resize(static_cast<size_t>(count * tile_bytes(shape)));
    if (has_block_floats(weights)) plan.rows.resize(static_cast<size_t>(count * shape.groups));
  }

  const int64_t groups = (shape.panels / shape.halves + panels_together(shape) - 1) / panels_together(shape);
  const Phase phase{.tasks = groups * shape.halves, .run = pack_group, .context = &plan};
  run_phases({&phase, 1}, threads, count);
  if (resolved.perm) std::memcpy(plan.at(Operand::perm), weights.perm.data(), weights.perm.size_bytes());
  if (resolved.has(Epilogue::bias)) std::memcpy(plan.at(Operand::bias), weights.bias.data(), weights.bias.size());
  return packed;
}

}  // namespace tilejit

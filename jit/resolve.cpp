#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "ir/mma.h"
#include "jit/problem.h"

namespace tilejit {
namespace {

constexpr int most_uneven_segments = 16;  // each has code of its own; equal segments share one loop

bool has_uneven_segments(const Problem& p) {
  return p.segment_units() % p.ks != 0 || p.k % (p.group == -1 ? 128 : p.group) != 0;
}

constexpr int64_t shortest_segment = 1024;  // of k: eight loads of 4-bit weights for each wave

/// Segments as tasks give few rows enough waves: three for four SIMDs. Only where the sums of segments have registers beside those
/// of a tile of many rows, which go through the segments in order.
int default_segments(const Problem& p, const TargetFacts& target) {
  const MatrixStep* step = find_matrix_step(target, p.has_integer_dot() ? Type::i8 : p.a);
  if (target.compute_units == 0 || target.sum_registers == 0 || step == nullptr) return 1;
  if (p.dot != Dot::mma && p.dot != Dot::i8) return 1;
  const int64_t waves = (p.n + step->cols - 1) / step->cols;
  const int64_t simds = int64_t{target.compute_units} * target.simds_of_unit;
  int ks = 1;
  while (4 * waves * ks < 3 * simds) {
    Problem more = p;
    more.ks = 2 * ks;
    if (more.ks > p.segment_units() || has_uneven_segments(more) || p.k / more.ks < shortest_segment) break;
    ks = more.ks;
  }
  return ks;
}

/// Products in one exact int32 sum of quantized rows: a group's, or with one group all of k.
int64_t longest_sum(const Problem& p) {
  if (!p.quantizes_rows()) return 0;
  return p.group == -1 ? p.k : std::min(p.group, p.k);
}

/// |q| <= 127 and |u - z| at most this keep so many products below 2^31.
int64_t longest_exact_sum(const Problem& p) {
  const int64_t top = (int64_t{1} << p.weight_bits()) - 1;
  const int64_t largest = p.zp == ZeroDomain::integer ? top + 1 : std::max<int64_t>(p.zero, top - p.zero);
  return std::numeric_limits<int32_t>::max() / (127 * largest);
}

std::string_view name_of_numerics(int row) { return ir::mma_rows()[static_cast<size_t>(row)].name; }

/// An unmet condition, and the problem changed so that it is met.
struct Refusal {
  std::string why;
  Problem nearest;
};

/// The first condition that the target does not meet, or none.
std::optional<Refusal> find_refusal(const Problem& p, const TargetFacts& target) {
  const auto refuse = [&](std::string why, auto change) {
    Refusal refusal{std::move(why), p};
    change(refusal.nearest);
    return refusal;
  };
  const MatrixStep* step = p.dot == Dot::mma ? find_matrix_step(target, p.a) : nullptr;
  const auto without_mma = [](Problem& q) { q.dot = Dot::automatic, q.numerics = -1; };
  if (p.dot == Dot::mma && step == nullptr)
    return refuse(fmt::format("dot=mma needs a matrix step of {}", to_string(p.a)), without_mma);
  if (p.dot == Dot::mma && p.numerics >= 0 && p.numerics != step->numerics)
    return refuse(fmt::format("its matrix steps round as {}, not as {}", name_of_numerics(step->numerics),
                              name_of_numerics(p.numerics)),
                  [&](Problem& q) { q.numerics = step->numerics; });
  if (p.scheme == Scheme::w8a8 && (p.group != -1 || p.zp != ZeroDomain::none))
    return refuse("w8a8 has one symmetric scale per channel",
                  [](Problem& q) { q.group = -1, q.zp = ZeroDomain::none, q.zero = default_zero(q.scheme), q.ks = 0; });
  if (const int64_t most = longest_exact_sum(p); longest_sum(p) > most)
    return refuse(fmt::format("a sum of {} products can pass 2^31", longest_sum(p)), [&](Problem& q) {
      if (q.group == -1)
        q.k = most, q.ks = 0;
      else
        q.group = most, q.ks = 0;
    });
  if (p.dot == Dot::bf16 && !target.has_dot_bf16)
    return refuse("dot=bf16 needs the vdpbf16ps instruction (AVX512_BF16)", [](Problem& q) { q.dot = Dot::fma; });
  // Every group is padded to whole 32-bit words of weights or matrix steps, so that groups of few weights need more columns than k.
  if (p.dot == Dot::i8) step = find_matrix_step(target, Type::i8);
  const int64_t word = step != nullptr ? step->k : p.packed_k();
  const int64_t group = std::min(p.group == -1 ? p.k : p.group, p.k);
  const int64_t columns = p.groups() * ((group + word - 1) / word * word);
  if (columns > Problem::max_size / 2)
    return refuse(fmt::format("k={} in groups of {} takes {} columns of activations, over {}", p.k, group, columns,
                              Problem::max_size / 2),
                  [](Problem& q) { q.group = -1, q.k = std::min(q.k, Problem::max_size / 2), q.ks = 0; });
  if (p.ks > most_uneven_segments && has_uneven_segments(p))
    return refuse(fmt::format("ks={} cuts k={} into unequal segments, of which kernels have at most {}", p.ks, p.k,
                              most_uneven_segments),
                  [](Problem& q) { q.ks = most_uneven_segments; });
  return std::nullopt;
}

}  // namespace

Result<Problem> resolve(const Problem& problem, const TargetFacts& target) {
  TRY(check(problem));
  Problem p = problem;
  if (p.dot == Dot::automatic) {
    const bool i8x2 = p.has_scales() && p.out == Type::bf16 && target.prefers_dot_i8x2;
    const bool bf16 = p.a == Type::bf16 && target.prefers_dot_bf16;
    const bool mma = target.prefers_dot_mma && find_matrix_step(target, p.a) != nullptr;
    p.dot = p.quantizes_rows() ? Dot::i8 : mma ? Dot::mma : i8x2 ? Dot::i8x2 : bf16 ? Dot::bf16 : Dot::fma;
  }
  if (p.ks == 0) p.ks = default_segments(p, target);
  const MatrixStep* step = p.dot == Dot::mma ? find_matrix_step(target, p.a) : nullptr;
  if (step != nullptr && p.numerics < 0) p.numerics = step->numerics;
  TRY(can_implement(p, target));
  return p;
}

Result<void> can_implement(const Problem& p, const TargetFacts& target) {
  TRY(check(p));
  const std::optional<Refusal> refusal = find_refusal(p, target);
  if (!refusal) return {};
  // What meets one condition may leave another unmet.
  Problem nearest = refusal->nearest;
  while (const std::optional<Refusal> next = find_refusal(nearest, target)) nearest = next->nearest;
  return unsupported(fmt::format("{} cannot run this problem: {}; this would run: '{}'", target.name, refusal->why,
                                 print_problem(nearest)));
}

}  // namespace tilejit

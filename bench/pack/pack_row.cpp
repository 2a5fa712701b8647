#include "bench/pack/pack_row.h"

#include <tilejit/linear.h>

#include <algorithm>

#include "jit/default_schedule.h"
#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/pack.h"

namespace tilejit::bench {

double PackRow::pack_gbps() const { return static_cast<double>(stored_bytes) * 1e-9 / pack_seconds.median / threads; }

double PackRow::both_gbps() const {
  return static_cast<double>(stored_bytes) * 1e-9 / (pack_seconds.median + validate_seconds.median) / threads;
}

std::vector<Weights> copies_beyond_caches(const StoredFormat& stored, const LayerSize& size) {
  constexpr int64_t walked_bytes = int64_t{128} << 20;
  constexpr size_t most_copies = 1024;  // of a layer that is tiny
  std::vector<Weights> copies;
  for (int64_t bytes = 0; bytes < walked_bytes && copies.size() < most_copies; bytes += stored_bytes(copies.back()))
    copies.push_back(random_stored_layer(stored, size.n, size.k, size.group, copies.size()));
  return copies;
}

Result<PackRow> time_row(const std::vector<Weights>& copies, int threads, int repetitions, const TargetFacts& target) {
  const Weights& first = copies.front();
  TRY(validate(first));
  const Problem described = TRY(parse_problem(describe(first, first.bits == 16 ? first.data_type : Type::bf16)));
  const Problem problem = TRY(resolve(described, target));
  const Layout layout = default_layout(problem, target);
  size_t next = 0;
  const auto next_copy = [&]() -> const Weights& { return copies[next++ % copies.size()]; };
  std::vector<double> pack_seconds;
  std::vector<double> validate_seconds;
  for (int i = -1; i < repetitions; ++i) {  // the first one starts the threads
    const double start = measure::now();
    TRY(validate(next_copy()));
    const double validated = measure::now();
    const PackedWeights packed = TRY(pack(next_copy(), problem, layout, {.max_threads = threads, .parallel_for = {}}));
    const double end = measure::now();
    if (i < 0) continue;
    validate_seconds.push_back(validated - start);
    pack_seconds.push_back(end - validated);
  }
  return PackRow{.format = first.name,
                 .weight = problem.weight_type(),
                 .size = {first.n, first.k, first.group},
                 .threads = threads,
                 .stored_bytes = stored_bytes(first),
                 .pack_seconds = measure::summarize(pack_seconds),
                 .validate_seconds = measure::summarize(validate_seconds)};
}

}  // namespace tilejit::bench

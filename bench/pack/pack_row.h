// One row of bench_pack: a layer of one format, validated and packed by a number of threads.
#pragma once

#include <tilejit/result.h>
#include <tilejit/weights.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/measure/clock.h"
#include "bench/pack/stored_layer.h"
#include "targets/target.h"

namespace tilejit::bench {

struct LayerSize {
  int64_t n;
  int64_t k;
  int64_t group;
};

struct PackRow {
  std::string format;
  Type weight;
  LayerSize size;
  int threads;
  int64_t stored_bytes;
  measure::Summary pack_seconds;
  measure::Summary validate_seconds;  // on one thread, always

  /// 10^9 bytes of the checkpoint per second and thread: packed, and first validated.
  double pack_gbps() const;
  double both_gbps() const;
};

/// One layer with different bits, as often as no cache holds them all: a checkpoint is packed from memory.
std::vector<Weights> copies_beyond_caches(const StoredFormat& stored, const LayerSize& size);

/// Each sample validates one copy and packs another, into the layout that the target would choose.
Result<PackRow> time_row(const std::vector<Weights>& copies, int threads, int repetitions, const TargetFacts& target);

}  // namespace tilejit::bench

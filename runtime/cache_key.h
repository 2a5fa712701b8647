// The cache key: everything that can change a byte of a kernel or what executes it, as one readable line and its hash.
#pragma once

#include <tilejit/linear.h>

#include <cstdint>
#include <string>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit {

struct CacheKey {
  std::string text;  // decides equality
  uint64_t low = 0;  // XXH3-128 of text: the bucket in memory
  uint64_t high = 0;

  bool operator==(const CacheKey& other) const { return text == other.text; }
  /// 32 hex digits of the hash.
  std::string hex() const;
};

/// The key of the kernels of a resolved problem. m is left out (a kernel takes it at run time), and so is the schedule's
/// range of m (it says when a kernel is used, not what it is). x86 code depends on tilejit's build alone; a target whose
/// code a library generates names that library's build in TargetFacts::identity. `gpu` counts for device=hip.
CacheKey cache_key(const Problem& resolved, const Schedule& schedule, const TargetFacts& target, Device device,
                   int gpu = 0);
/// The key with a given text.
CacheKey key_of_text(std::string text);

}  // namespace tilejit

// The kernel cache of a process: compiled programs by key. Threads that ask for one key at once share one compilation (and
// its error); an error is not kept, so a later call tries again. Above the byte capacity the programs used longest ago and
// held by nobody are dropped. A Linear keeps its own reference: a steady-state run never comes here.
#pragma once

#include <tilejit/result.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "runtime/cache_key.h"
#include "runtime/kernel.h"

namespace tilejit {

struct CacheStats {
  int64_t hits = 0;    // calls answered without compiling, those that waited for another's compilation included
  int64_t misses = 0;  // compilations
  int64_t evictions = 0;
  int64_t entries = 0;
  int64_t bytes = 0;       // of all entries now
  int64_t compile_us = 0;  // wall time of all compilations
};

class KernelCache {
 public:
  using Handle = std::shared_ptr<const Executable>;
  using Compile = std::function<Result<Executable>()>;
  static constexpr int64_t default_capacity = int64_t{64} << 20;

  explicit KernelCache(int64_t capacity_bytes = default_capacity) : capacity_(capacity_bytes) {}

  /// The program of `key`; when it is not there, the one that `compile` makes. `compile` runs without the cache's lock.
  Result<Handle> get(const CacheKey& key, const Compile& compile);
  CacheStats stats() const;

 private:
  using Entries = std::list<std::pair<CacheKey, Handle>>;
  /// A compilation that others wait for.
  struct Flight {
    bool done = false;
    Result<Handle> result = Handle();
  };
  struct KeyHash {
    size_t operator()(const CacheKey& key) const { return key.low; }
  };

  Result<Handle> wait(std::unique_lock<std::mutex>& lock, std::shared_ptr<Flight> flight);
  void insert(const CacheKey& key, Handle program);
  void evict();

  const int64_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable landed_;
  Entries entries_;  // the most recently used first
  std::unordered_map<CacheKey, Entries::iterator, KeyHash> index_;
  std::unordered_map<CacheKey, std::shared_ptr<Flight>, KeyHash> flights_;
  CacheStats stats_;
};

/// The cache that every Linear of this process shares. Its capacity is TILEJIT_KERNEL_CACHE_MIB, read once, else the default.
KernelCache& process_cache();
/// MiB of a setting as bytes; the default where there is none. `invalid`: not a whole number from 0 to 1048576.
Result<int64_t> cache_capacity(const char* setting);

}  // namespace tilejit

#include "runtime/cache.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/exceptions.h"

namespace tilejit {
namespace {

int64_t elapsed_us(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
}

/// Exceptions (exhausted memory) become errors here, so that those who wait for the compilation are always woken.
Result<KernelCache::Handle> compile_once(const CacheKey& key, const KernelCache::Compile& compile) {
  return guarded(key.text, [&]() -> Result<KernelCache::Handle> {
    return KernelCache::Handle(std::make_shared<const Executable>(TRY(compile())));
  });
}

}  // namespace

Result<KernelCache::Handle> KernelCache::get(const CacheKey& key, const Compile& compile) {
  std::unique_lock lock(mutex_);
  if (const auto found = index_.find(key); found != index_.end()) {
    ++stats_.hits;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }
  if (const auto found = flights_.find(key); found != flights_.end()) return wait(lock, found->second);

  const auto flight = std::make_shared<Flight>();
  flights_.emplace(key, flight);
  ++stats_.misses;
  lock.unlock();
  const auto start = std::chrono::steady_clock::now();
  Result<Handle> result = compile_once(key, compile);
  lock.lock();
  stats_.compile_us += elapsed_us(start);
  // Nothing throws until those who wait are woken; insert may.
  flight->result = std::move(result);
  flight->done = true;
  flights_.erase(key);
  landed_.notify_all();
  if (flight->result.ok()) insert(key, *flight->result);
  return flight->result;
}

Result<KernelCache::Handle> KernelCache::wait(std::unique_lock<std::mutex>& lock, std::shared_ptr<Flight> flight) {
  ++stats_.hits;
  landed_.wait(lock, [&] { return flight->done; });
  return flight->result;
}

void KernelCache::insert(const CacheKey& key, Handle program) {
  Entries entry;  // joins the others last: when memory is exhausted, nothing has changed
  entry.emplace_front(key, std::move(program));
  index_.emplace(key, entry.begin());
  stats_.bytes += entry.front().second->bytes;
  entries_.splice(entries_.begin(), entry);
  evict();
}

/// A handle is only ever copied from the cache under its lock, so a count of one means that nobody can hold it.
void KernelCache::evict() {
  for (auto last = entries_.end(); stats_.bytes > capacity_ && last != entries_.begin();) {
    --last;
    if (last->second.use_count() > 1) continue;
    stats_.bytes -= last->second->bytes;
    ++stats_.evictions;
    index_.erase(last->first);
    last = entries_.erase(last);
  }
}

CacheStats KernelCache::stats() const {
  const std::lock_guard lock(mutex_);
  CacheStats stats = stats_;
  stats.entries = static_cast<int64_t>(entries_.size());
  return stats;
}

Result<int64_t> cache_capacity(const char* setting) {
  constexpr int64_t most = int64_t{1} << 20;
  if (setting == nullptr) return KernelCache::default_capacity;
  const std::string_view text(setting);
  int64_t mebibytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mebibytes);
  if (error != std::errc{} || end != text.data() + text.size() || mebibytes < 0 || mebibytes > most)
    return invalid(fmt::format("TILEJIT_KERNEL_CACHE_MIB={} is not a whole number of MiB from 0 to {}", setting, most));
  return mebibytes << 20;
}

KernelCache& process_cache() {
  // Never destroyed: another thread may still run a kernel while the process exits.
  static auto* cache = [] {
    const auto capacity = cache_capacity(std::getenv("TILEJIT_KERNEL_CACHE_MIB"));
    if (!capacity) fmt::print(stderr, "tilejit: {}; the default serves\n", capacity.error().message);
    return new KernelCache(capacity ? *capacity : KernelCache::default_capacity);
  }();
  return *cache;
}

}  // namespace tilejit

#include "runtime/cache_key.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <utility>

#include "runtime/build_id.h"

namespace tilejit {

std::string CacheKey::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

CacheKey key_of_text(std::string text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return {.text = std::move(text), .low = hash.low64, .high = hash.high64};
}

CacheKey cache_key(const Problem& resolved, const Schedule& schedule, const TargetFacts& target, Device device,
                   int gpu) {
  Problem problem = resolved;
  problem.m = Problem::any_m;
  Schedule tiling = schedule;
  tiling.loops.m_lo = 1;
  tiling.loops.m_hi = Loops::no_limit;
  const std::string where = device == Device::hip ? fmt::format("hip {}", gpu) : to_string(device);
  return key_of_text(fmt::format("{} | {} | {} {} {} | build={}", print_problem(problem), print_schedule(tiling),
                                 target.name, target.identity, where, build_id()));
}

}  // namespace tilejit

#include "bench/measure/walk.h"

#include <algorithm>

namespace tilejit::measure {

int64_t walk_copies(int64_t bytes) {
  constexpr int64_t walked_bytes = int64_t{512} << 20;
  constexpr int64_t most_copies = 4096;
  return std::clamp<int64_t>((walked_bytes + bytes - 1) / bytes, 1, most_copies);
}

}  // namespace tilejit::measure

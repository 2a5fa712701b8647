// XXH64 (seed 0), the hash of tests/data/minilm/expected.json. Written from the algorithm's description:
// https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tilejit::test {

uint64_t xxh64(std::span<const std::byte> bytes);

}  // namespace tilejit::test

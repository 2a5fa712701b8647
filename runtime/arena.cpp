#include "runtime/arena.h"

#include <cstdlib>
#include <memory>
#include <vector>

namespace tilejit {
namespace {

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

struct Block {
  std::unique_ptr<std::byte, Free> memory;
  int64_t bytes = 0;
};

thread_local std::vector<Block> blocks;  // one per depth of nested leases

/// Grows to at least twice the old size, so that slowly rising m settles after a few calls.
void grow(Block& block, int64_t bytes) {
  constexpr int64_t page = 4096;
  const int64_t wanted = (bytes > 2 * block.bytes ? bytes : 2 * block.bytes) / page * page + page;
  block = {};
  block.memory.reset(static_cast<std::byte*>(std::aligned_alloc(ArenaLease::alignment, static_cast<size_t>(wanted))));
  if (block.memory) block.bytes = wanted;
}

}  // namespace

constinit thread_local ArenaLease::Outermost ArenaLease::outermost_{nullptr, -1, 0};

std::byte* ArenaLease::lease(size_t depth, int64_t bytes) {
  if (depth == blocks.size()) blocks.emplace_back();
  Block& block = blocks[depth];
  if (bytes > block.bytes || !block.memory) grow(block, bytes);
  if (depth == 0) {
    outermost_.memory = block.memory.get();
    outermost_.bytes = block.memory ? block.bytes : -1;
  }
  return block.memory.get();
}

}  // namespace tilejit

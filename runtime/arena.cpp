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

struct Arena {
  std::vector<Block> blocks;  // one per depth of nested leases
  size_t depth = 0;
};

thread_local Arena arena;

/// Grows to at least twice the old size, so that slowly rising m settles after a few calls.
void grow(Block& block, int64_t bytes) {
  constexpr int64_t page = 4096;
  const int64_t wanted = (bytes > 2 * block.bytes ? bytes : 2 * block.bytes) / page * page + page;
  block = {};
  block.memory.reset(static_cast<std::byte*>(std::aligned_alloc(ArenaLease::alignment, static_cast<size_t>(wanted))));
  if (block.memory) block.bytes = wanted;
}

}  // namespace

ArenaLease::ArenaLease(int64_t bytes) {
  if (arena.depth == arena.blocks.size()) arena.blocks.emplace_back();
  Block& block = arena.blocks[arena.depth++];
  if (bytes > block.bytes || !block.memory) grow(block, bytes);
  data_ = block.memory.get();
}

ArenaLease::~ArenaLease() { --arena.depth; }

}  // namespace tilejit

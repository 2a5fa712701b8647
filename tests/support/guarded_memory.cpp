#include "tests/support/guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "ir/check.h"

namespace tilejit::test {

GuardedMemory::GuardedMemory(int64_t bytes, Guard guard, int64_t alignment)
    : page_(sysconf(_SC_PAGESIZE)), size_(bytes) {
  CHECK(bytes >= 0 && alignment >= 1 && alignment <= page_, "a size and an alignment up to a page");
  const int64_t inner = std::max<int64_t>((bytes + alignment - 1 + page_ - 1) / page_ * page_, page_);
  mapped_ = inner + 2 * page_;
  void* mapping = mmap(nullptr, static_cast<size_t>(mapped_), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(mapping != MAP_FAILED, "no memory for a guarded buffer");
  mapping_ = static_cast<std::byte*>(mapping);
  std::byte* first = mapping_ + page_;
  CHECK(mprotect(first, static_cast<size_t>(inner), PROT_READ | PROT_WRITE) == 0, "mprotect");
  std::memset(first, std::to_integer<int>(pattern), static_cast<size_t>(inner));
  const int64_t offset = guard == Guard::at_begin ? 0 : (inner - bytes) / alignment * alignment;
  data_ = first + offset;
}

GuardedMemory::~GuardedMemory() { munmap(mapping_, static_cast<size_t>(mapped_)); }

bool GuardedMemory::intact() const {
  const auto untouched = [](std::byte b) { return b == pattern; };
  return std::all_of(mapping_ + page_, data_, untouched) &&
         std::all_of(data_ + size_, mapping_ + mapped_ - page_, untouched);
}

}  // namespace tilejit::test

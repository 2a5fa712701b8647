#include "runtime/mapping.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tilejit {

Result<Mapping> Mapping::create(int64_t bytes) {
  constexpr size_t huge = size_t{2} << 20;
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const auto wanted = static_cast<size_t>((std::max<int64_t>(bytes, 1) + page - 1) / page * page);
  const size_t slack = wanted >= huge ? huge : 0;
  void* memory = mmap(nullptr, wanted + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return resource(fmt::format("cannot map {} bytes for packed weights: {}", wanted, std::strerror(errno)));
  auto* data = static_cast<std::byte*>(memory);
  if (slack > 0) {
    const size_t head = (huge - reinterpret_cast<uintptr_t>(memory) % huge) % huge;
    if (head > 0) munmap(data, head);
    if (head < slack) munmap(data + head + wanted, slack - head);
    data += head;
    madvise(data, wanted, MADV_HUGEPAGE);
    // Clearing the pages here, ahead of the threads: two that first touch the same ones wait for each other far longer.
    madvise(data, wanted, MADV_POPULATE_WRITE);  // a hint: small pages are right too
  }
  Mapping mapping;
  mapping.data_ = data;
  mapping.bytes_ = wanted;
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace tilejit

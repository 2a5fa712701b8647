#include "runtime/exec_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace tilejit {

Result<ExecMemory> ExecMemory::create(std::span<const uint8_t> code) {
  if (code.empty()) return invalid("a kernel has no code bytes");
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t bytes = (code.size() + page - 1) / page * page;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return resource(fmt::format("cannot map {} bytes for a kernel: {}", bytes, std::strerror(errno)));
  }
  ExecMemory result(static_cast<std::byte*>(memory), static_cast<int64_t>(bytes));
  std::memcpy(memory, code.data(), code.size());
  if (mprotect(memory, bytes, PROT_READ | PROT_EXEC) != 0) {
    return resource(
        fmt::format("the system refuses {} executable bytes for a kernel: {}; allow anonymous executable "
                    "memory for this process, or use target ref",
                    bytes, std::strerror(errno)));
  }
  return result;
}

ExecMemory::ExecMemory(ExecMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), mapped_bytes_(std::exchange(other.mapped_bytes_, 0)) {}

ExecMemory& ExecMemory::operator=(ExecMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(mapped_bytes_, other.mapped_bytes_);
  return *this;
}

ExecMemory::~ExecMemory() {
  if (data_ != nullptr) munmap(data_, static_cast<size_t>(mapped_bytes_));
}

}  // namespace tilejit

#include "runtime/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace tilejit {
namespace {

std::string system_reason() { return std::generic_category().message(errno); }

/// Maps what the descriptor names; the descriptor stays the caller's.
Result<std::span<const std::byte>> map(int descriptor, const std::string& path) {
  struct stat status = {};
  if (::fstat(descriptor, &status) != 0) return invalid(fmt::format("{}: {}", path, system_reason()));
  if (!S_ISREG(status.st_mode)) return invalid(fmt::format("{}: not a regular file", path));
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return std::span<const std::byte>{};  // a mapping of no bytes does not exist
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) return resource(fmt::format("{}: cannot map {} bytes: {}", path, size, system_reason()));
  // A packer reads each tensor once, front to back: a wide read-ahead is what a cold file needs. Only a hint, so that its
  // failure changes nothing.
  (void)::madvise(address, size, MADV_SEQUENTIAL);
  return std::span(static_cast<const std::byte*>(address), size);
}

}  // namespace

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return invalid(fmt::format("{}: {}", path, system_reason()));
  auto bytes = map(descriptor, path);
  ::close(descriptor);  // the mapping stays
  if (!bytes) return bytes.error();
  return std::shared_ptr<const MappedFile>(std::make_shared<MappedFile>(path, *bytes));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

}  // namespace tilejit

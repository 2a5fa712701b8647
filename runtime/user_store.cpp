#include "runtime/user_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace tilejit {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string system_reason() { return std::generic_category().message(errno); }

/// The value of a variable that names a folder; a relative path in an XDG variable is to be ignored.
std::string folder_in(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && value[0] == '/' ? value : "";
}

Result<std::string> store_folder() {
  if (const char* own = std::getenv("TILEJIT_CACHE_DIR"); own != nullptr && own[0] != '\0') return std::string(own);
  if (const std::string xdg = folder_in("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/tilejit";
  if (const std::string home = folder_in("HOME"); !home.empty()) return home + "/.cache/tilejit";
  return invalid("no folder for what is kept between processes: TILEJIT_CACHE_DIR, XDG_CACHE_HOME and HOME name none");
}

/// A schedule cannot change a result, but whoever writes the folder decides how long every call takes.
Result<void> check_folder(const std::string& folder) {
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return invalid(fmt::format("{}: {}", folder, system_reason()));
  }
  if (!S_ISDIR(status.st_mode)) return invalid(fmt::format("{}: not a folder", folder));
  if (status.st_uid != geteuid())
    return invalid(fmt::format("{}: owned by user {}, not by {}", folder, status.st_uid, geteuid()));
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return invalid(fmt::format("{}: mode {:o} lets others write; 700 would work", folder, status.st_mode & 0777));
  return {};
}

/// All folders above with the user's usual mode, the last one for the owner alone.
Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (!error && mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) error = {errno, std::generic_category()};
  if (error) return resource(fmt::format("{}: {}", folder.string(), error.message()));
  return {};
}

fs::path folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return resource(fmt::format("{}: {}", path, system_reason()));
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (fsync(fd) != 0) return resource(fmt::format("{}: {}", path, system_reason()));
  return {};
}

}  // namespace

Result<std::string> user_store_folder() {
  std::string folder = TRY(store_folder());
  TRY(check_folder(folder));
  return folder;
}

Result<FolderLock> FolderLock::of(const std::string& path) {
  const fs::path folder = folder_of(path);
  TRY(make_folder(folder));
  FolderLock lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.descriptor_ < 0 || flock(lock.descriptor_, LOCK_EX) != 0)
    return resource(fmt::format("{}: {}", folder.string(), system_reason()));
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<void> replace_file(const std::string& path, std::string_view content) {
  std::string temporary = path + ".XXXXXX";
  const Descriptor file(mkstemp(temporary.data()));
  if (file.get() < 0) return resource(fmt::format("{}: {}", temporary, system_reason()));
  Result<void> result = write_all(file.get(), content, temporary);
  if (result && rename(temporary.c_str(), path.c_str()) != 0)
    result = resource(fmt::format("{}: {}", path, system_reason()));
  if (!result) unlink(temporary.c_str());
  return result;
}

}  // namespace tilejit

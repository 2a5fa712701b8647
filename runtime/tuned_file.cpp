// The store as a file: where it lies, who may write it, and how it is replaced.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/tuned.h"

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
  return invalid("no folder for tuned schedules: TILEJIT_CACHE_DIR, XDG_CACHE_HOME and HOME name none");
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

/// The whole new text under another name, then one rename: a reader sees the old file or the new one.
Result<void> replace_file(const std::string& path, std::string_view text) {
  std::string temporary = path + ".XXXXXX";
  const Descriptor file(mkstemp(temporary.data()));
  if (file.get() < 0) return resource(fmt::format("{}: {}", temporary, system_reason()));
  Result<void> result = write_all(file.get(), text, temporary);
  if (result && rename(temporary.c_str(), path.c_str()) != 0)
    result = resource(fmt::format("{}: {}", path, system_reason()));
  if (!result) unlink(temporary.c_str());
  return result;
}

/// What tells one content of a file from the next.
struct FileStamp {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {.path = path};
  return {path, status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

}  // namespace

Result<std::string> tuned_store_path() {
  const std::string folder = TRY(store_folder());
  TRY(check_folder(folder));
  return folder + "/tuned.txt";
}

Result<TunedText> read_tuned(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return TunedText();
  if (!fs::is_regular_file(status)) return invalid(fmt::format("{}: not a regular file", path));
  std::ifstream file(path, std::ios::binary);
  if (!file) return invalid(fmt::format("{}: cannot be read", path));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse_tuned(text, path);
}

Result<std::shared_ptr<const TunedText>> read_tuned_once(const std::string& path) {
  static std::mutex mutex;
  static std::optional<std::pair<FileStamp, std::shared_ptr<const TunedText>>> last;
  const std::lock_guard lock(mutex);
  FileStamp stamp = stamp_of(path);
  if (!last || last->first != stamp) {
    auto text = std::make_shared<const TunedText>(TRY(read_tuned(path)));
    last = std::pair(std::move(stamp), std::move(text));
  }
  return last->second;
}

Result<void> write_tuned(const std::string& path, const TunedTable& updates) {
  const fs::path folder = folder_of(path);
  TRY(make_folder(folder));
  const Descriptor lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() < 0 || flock(lock.get(), LOCK_EX) != 0)
    return resource(fmt::format("{}: {}", folder.string(), system_reason()));
  TunedText text = TRY(read_tuned(path));
  if (!text.malformed.empty()) return invalid(text.malformed.front() + "; mend or remove the line");
  for (const auto& [key, tuned] : updates) text.table[key] = tuned;
  return replace_file(path, print_tuned(text.table));
}

}  // namespace tilejit

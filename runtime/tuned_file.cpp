// The store of tuned schedules as a file.
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>

#include "runtime/tuned.h"
#include "runtime/user_store.h"

namespace tilejit {
namespace {

namespace fs = std::filesystem;

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

Result<std::string> tuned_store_path() { return TRY(user_store_folder()) + "/tuned.txt"; }

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
  const FolderLock lock = TRY(FolderLock::of(path));
  TunedText text = TRY(read_tuned(path));
  if (!text.malformed.empty()) return invalid(text.malformed.front() + "; mend or remove the line");
  for (const auto& [key, tuned] : updates) text.table[key] = tuned;
  return replace_file(path, print_tuned(text.table));
}

}  // namespace tilejit

#include "tools/tilejit/checkpoints.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace tilejit::command {
namespace {

namespace fs = std::filesystem;

bool has_configuration(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "config.json", ignored) || fs::exists(folder / "quantize_config.json", ignored);
}

bool is_checkpoint(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored) ? has_configuration(path) : path.extension() == ".gguf";
}

std::vector<std::string> checkpoints_in(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;  // a folder that cannot be listed has none
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (is_checkpoint(entry->path())) found.push_back(entry->path().string());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

std::vector<std::string> find_checkpoints(const std::vector<std::string>& paths) {
  std::vector<std::string> all;
  for (const std::string& path : paths) {
    std::vector<std::string> inside;
    std::error_code ignored;
    if (fs::is_directory(path, ignored) && !has_configuration(path)) inside = checkpoints_in(path);
    if (inside.empty()) inside.push_back(path);
    all.insert(all.end(), inside.begin(), inside.end());
  }
  return all;
}

}  // namespace tilejit::command

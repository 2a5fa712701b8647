// The folder where tilejit keeps files between processes: tuned schedules and code that takes long to generate. What others may
// write there would run with the user's rights, so a folder that is not the user's alone is refused.
#pragma once

#include <tilejit/result.h>

#include <string>
#include <string_view>

namespace tilejit {

/// $TILEJIT_CACHE_DIR, else $XDG_CACHE_HOME/tilejit, else ~/.cache/tilejit. `invalid` where no variable names a folder, and for
/// a folder that others own or may write to. Need not exist.
Result<std::string> user_store_folder();

/// The folder of a file, created for its owner alone, and locked: writers wait for one another.
class FolderLock {
 public:
  static Result<FolderLock> of(const std::string& path);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

 private:
  explicit FolderLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

/// The whole new content under another name, then one rename: a reader sees the old file or the new one.
Result<void> replace_file(const std::string& path, std::string_view content);

}  // namespace tilejit

// A file mapped read-only into memory, unmapped when the last owner goes. Weights are views into it, so a checkpoint costs
// no copy and its pages are shared by every process that reads it.
//
// A file that shrinks while it is mapped raises SIGBUS on access, as for every mapped file: replace checkpoints by rename,
// never in place.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tilejit {

class MappedFile {
 public:
  /// `invalid` when the path cannot be opened as a regular file, `resource` when it cannot be mapped; both with the system's
  /// reason.
  static Result<std::shared_ptr<const MappedFile>> open(const std::string& path);

  MappedFile(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace tilejit

// Code that takes long to generate, kept between processes: one file per program, named by the hash of its cache key, in the
// user's store (user_store.h). A file that is damaged, of another version or of another key is as good as
// none: the code is generated again. The folder is kept under a byte limit by removing the files used longest ago.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/cache_key.h"
#include "targets/target.h"

namespace tilejit {

class CodeStore {
 public:
  static constexpr int64_t default_limit = int64_t{256} << 20;

  explicit CodeStore(std::string folder, int64_t limit_bytes = default_limit)
      : folder_(std::move(folder)), limit_(limit_bytes) {}

  /// The code of a program's kernels in their order; none where no whole and matching file is there. What is read has bytes,
  /// how to launch them and scratch_bytes, and no resource counts.
  std::optional<std::vector<Code>> load(const CacheKey& key) const;
  /// `resource`: the file cannot be written. Concurrent writers of one key leave one whole file.
  Result<void> save(const CacheKey& key, std::span<const Code* const> kernels) const;

 private:
  std::string path_of(const CacheKey& key) const;
  void remove_oldest() const;

  std::string folder_;
  int64_t limit_;
};

}  // namespace tilejit

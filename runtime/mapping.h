// Memory of packed weights: one anonymous mapping, given back when its owner goes.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>

namespace tilejit {

/// One private mapping, zero until written, aligned to its pages.
class Mapping {
 public:
  /// `resource` when the memory is not there. From 2 MiB on it is aligned to, and asks for, huge pages.
  static Result<Mapping> create(int64_t bytes);
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();
  std::byte* data() const { return data_; }
  int64_t bytes() const { return static_cast<int64_t>(bytes_); }

 private:
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace tilejit

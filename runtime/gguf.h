// A strict reader of .gguf files, versions 2 and 3, little endian. Format: docs/gguf.md and src/ggml-common.h of ggml.
// Nothing is copied: tensors are views of the mapped file.
//
// Lengths are bounded by the file before anything is allocated; alignment, dimensions, ranges and overlaps are checked; each
// refusal names the tensor.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tilejit {

struct GgufType {
  uint32_t id;
  std::string_view name;  // as ggml prints it: "q4_0"
  int64_t block;          // weights of a block
  int64_t bytes;          // of a block
};

struct GgufTensor {
  std::string name;
  const GgufType* type = nullptr;  // null: a type that this reader does not know
  uint32_t type_id = 0;
  std::vector<int64_t> dimensions;  // the fastest first: k, n
  std::span<const std::byte> data;  // empty when the type is not known
};

struct GgufFile {
  std::string path;
  std::vector<GgufTensor> tensors;
  std::shared_ptr<const void> storage;

  /// Null when absent.
  const GgufTensor* find(std::string_view name) const;
};

Result<GgufFile> read_gguf(const std::string& path);

}  // namespace tilejit

// A strict reader of safetensors files: an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
// Format: https://github.com/huggingface/safetensors (README, "Format"). Nothing is copied: tensors are views of the mapped
// file, and may be unaligned.
//
// Every rule of the format is checked, and each refusal names the tensor: the header lies inside the file and is at most
// 100 MB; dtypes are known; a shape's product fits its byte range; ranges lie inside the file, do not overlap, and leave no
// holes.
#pragma once

#include <tilejit/result.h>
#include <tilejit/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tilejit {

struct Dtype {
  std::string_view name;  // as the header spells it: "I32"
  int bits;
  std::optional<Type> type;  // none: no part of a layer that is read here
};

struct StoredTensor {
  std::string name;
  std::string file;
  const Dtype* dtype = nullptr;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

struct TensorSet {
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::shared_ptr<const void> storage;  // keeps every mapped file

  /// Null when absent.
  const StoredTensor* find(std::string_view name) const;
};

Result<TensorSet> read_safetensors(const std::string& path);

/// The tensors of a directory: of the shards that model.safetensors.index.json names, else of model.safetensors, else of
/// every *.safetensors file. The index is the authority: each of its tensors must be in the file that it names, and no file
/// lies outside of the directory. Without an index a name must not occur in two files.
Result<TensorSet> read_safetensors_folder(const std::string& folder);

}  // namespace tilejit

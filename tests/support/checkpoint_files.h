// Small checkpoints of every format that is read, as bytes: what the reader tests change and the fuzz test mutates.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tilejit::test {

/// A folder that is removed with everything in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  /// Writes a new file in place of one with this name, so that a mapping of the old one keeps its bytes. Returns its path.
  std::string write(const std::string& name, std::string_view bytes) const;

 private:
  std::string path_;
};

struct FileTensor {
  std::string dtype;  // as a safetensors header spells it
  std::vector<int64_t> shape;
  std::string data;
};

/// A tensor of `shape` with deterministic contents: floats are finite, bytes of i8 are from -8 to 7.
FileTensor filled(std::string dtype, std::vector<int64_t> shape);
/// An i32 or i64 tensor with these values.
FileTensor integers(std::string dtype, const std::vector<int64_t>& values);

/// The bytes of a file: an 8-byte length, the header, the data.
std::string safetensors_bytes(std::string_view header, std::string_view data);
std::string safetensors_file(const std::map<std::string, FileTensor>& tensors);

struct GgufTensorSpec {
  std::string name;
  std::vector<uint64_t> dimensions;  // k first
  uint32_t type = 0;
  uint64_t bytes = 0;
};
/// Version 3 with a few metadata values of every kind.
std::string gguf_file(const std::vector<GgufTensorSpec>& tensors);

struct SmallCheckpoint {
  std::string name;
  std::map<std::string, std::string> files;
  std::string path;  // what is opened, from the folder: "" or "model.gguf"

  /// Writes all files and returns the path to open.
  std::string write(const TemporaryFolder& folder) const;
};
/// One of each format, with one layer "model.layers.0.mlp.up_proj" (gguf: several).
std::vector<SmallCheckpoint> small_checkpoints();
/// Aborts when there is no checkpoint of this name.
SmallCheckpoint small_checkpoint(std::string_view name);

}  // namespace tilejit::test

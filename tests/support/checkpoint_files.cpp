#include "tests/support/checkpoint_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace tilejit::test {
namespace {

template <typename T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& bytes, std::string_view text) {
  append(bytes, uint64_t{text.size()});
  bytes += text;
}

/// Bytes below 0x40, so that a half made of them is finite.
std::string small_bytes(uint64_t count) {
  std::string bytes;
  for (uint64_t i = 0; i < count; ++i) bytes += static_cast<char>((i * 37 + i / 64 * 11 + 5) % 64);
  return bytes;
}

uint64_t dtype_bytes(std::string_view dtype) {
  if (dtype == "I64") return 8;
  if (dtype == "I32" || dtype == "F32") return 4;
  return dtype == "I8" ? 1 : 2;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  path_ = (std::filesystem::temp_directory_path() / "tilejit_XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, std::string_view bytes) const {
  std::string path = path_ + "/" + name;
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

FileTensor filled(std::string dtype, std::vector<int64_t> shape) {
  uint64_t bytes = dtype_bytes(dtype);
  for (const int64_t size : shape) bytes *= static_cast<uint64_t>(size);
  FileTensor tensor{.dtype = std::move(dtype), .shape = std::move(shape), .data = small_bytes(bytes)};
  if (tensor.dtype == "I8")
    for (char& byte : tensor.data) byte = static_cast<char>(byte % 16 - 8);
  return tensor;
}

FileTensor integers(std::string dtype, const std::vector<int64_t>& values) {
  FileTensor tensor{.dtype = std::move(dtype), .shape = {static_cast<int64_t>(values.size())}, .data = {}};
  for (const int64_t value : values)
    if (tensor.dtype == "I64")
      append(tensor.data, value);
    else
      append(tensor.data, static_cast<int32_t>(value));
  return tensor;
}

std::string safetensors_bytes(std::string_view header, std::string_view data) {
  std::string bytes;
  append_string(bytes, header);
  bytes += data;
  return bytes;
}

std::string safetensors_file(const std::map<std::string, FileTensor>& tensors) {
  std::string header, data;
  for (const auto& [name, tensor] : tensors) {
    header +=
        fmt::format(R"({}"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", header.empty() ? "{" : ",", name,
                    tensor.dtype, fmt::join(tensor.shape, ","), data.size(), data.size() + tensor.data.size());
    data += tensor.data;
  }
  return safetensors_bytes(header + "}", data);
}

std::string gguf_file(const std::vector<GgufTensorSpec>& tensors) {
  constexpr uint64_t alignment = 64;
  std::string bytes = "GGUF", data;
  append(bytes, uint32_t{3});
  append(bytes, uint64_t{tensors.size()});
  append(bytes, uint64_t{4});
  append_string(bytes, "general.architecture");
  append(bytes, uint32_t{8});
  append_string(bytes, "bert");
  append_string(bytes, "general.alignment");
  append(bytes, uint32_t{4});
  append(bytes, uint32_t{alignment});
  append_string(bytes, "tokenizer.tokens");  // an array of two strings
  append(bytes, uint32_t{9});
  append(bytes, uint32_t{8});
  append(bytes, uint64_t{2});
  append_string(bytes, "a");
  append_string(bytes, "bc");
  append_string(bytes, "bert.epsilon");
  append(bytes, uint32_t{12});
  append(bytes, double{1e-5});
  for (const GgufTensorSpec& tensor : tensors) {
    append_string(bytes, tensor.name);
    append(bytes, static_cast<uint32_t>(tensor.dimensions.size()));
    for (const uint64_t size : tensor.dimensions) append(bytes, size);
    append(bytes, tensor.type);
    append(bytes, uint64_t{data.size()});
    data += small_bytes(tensor.bytes);
    data.resize((data.size() + alignment - 1) / alignment * alignment);
  }
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes + data;
}

std::string SmallCheckpoint::write(const TemporaryFolder& folder) const {
  for (const auto& [name_of_file, bytes] : files) folder.write(name_of_file, bytes);
  return path.empty() ? folder.path() : folder.path() + "/" + path;
}

SmallCheckpoint small_checkpoint(std::string_view name) {
  for (SmallCheckpoint& checkpoint : small_checkpoints())
    if (checkpoint.name == name) return checkpoint;
  std::abort();
}

}  // namespace tilejit::test

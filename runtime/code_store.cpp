#include "runtime/code_store.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "runtime/user_store.h"

namespace tilejit {
namespace {

namespace fs = std::filesystem;

// A file: header, key, number of kernels; for each kernel its function, threads, scratch_bytes, bytes; then XXH3-64 of all
// that. Numbers take eight bytes, little-endian; texts and bytes are preceded by their length.
constexpr std::string_view header = "tilejit code 1\n";
constexpr const char* suffix = ".code";

class Writer {
 public:
  void number(int64_t value) { text_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void bytes(std::string_view bytes) {
    number(static_cast<int64_t>(bytes.size()));
    text_ += bytes;
  }
  void raw(std::string_view bytes) { text_ += bytes; }
  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

/// Reads until something is missing; then everything reads as nothing and `whole` is false.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::string_view raw(int64_t bytes) {
    if (bytes < 0 || static_cast<uint64_t>(bytes) > text_.size()) {
      whole_ = false;
      text_ = {};
      return {};
    }
    const std::string_view read = text_.substr(0, static_cast<size_t>(bytes));
    text_.remove_prefix(read.size());
    return read;
  }
  int64_t number() {
    int64_t value = 0;
    const std::string_view read = raw(sizeof(value));
    if (read.size() == sizeof(value)) std::memcpy(&value, read.data(), sizeof(value));
    return value;
  }
  std::string_view bytes() { return raw(number()); }
  bool whole() const { return whole_; }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
  bool whole_ = true;
};

int64_t checksum(std::string_view text) { return static_cast<int64_t>(XXH3_64bits(text.data(), text.size())); }

std::optional<std::vector<Code>> parse(std::string_view file, const CacheKey& key) {
  if (file.size() < sizeof(int64_t)) return {};
  const std::string_view body = file.substr(0, file.size() - sizeof(int64_t));
  if (Reader(file.substr(body.size())).number() != checksum(body)) return {};
  Reader reader(body);
  if (reader.raw(header.size()) != header || reader.bytes() != key.text) return {};
  std::vector<Code> kernels;
  for (int64_t left = reader.number(); left > 0 && reader.whole(); --left) {
    Code& code = kernels.emplace_back();
    code.gpu.function = reader.bytes();
    code.gpu.threads = static_cast<int>(reader.number());
    code.scratch_bytes = reader.number();
    const std::string_view bytes = reader.bytes();
    code.bytes.assign(bytes.begin(), bytes.end());
  }
  if (!reader.whole() || !reader.at_end()) return {};
  return kernels;
}

}  // namespace

std::string CodeStore::path_of(const CacheKey& key) const { return folder_ + "/" + key.hex() + suffix; }

std::optional<std::vector<Code>> CodeStore::load(const CacheKey& key) const {
  const std::string path = path_of(key);
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  std::optional<std::vector<Code>> kernels = parse(content, key);
  std::error_code ignored;
  if (kernels) fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  return kernels;
}

Result<void> CodeStore::save(const CacheKey& key, std::span<const Code* const> kernels) const {
  Writer writer;
  writer.raw(header);
  writer.bytes(key.text);
  writer.number(static_cast<int64_t>(kernels.size()));
  for (const Code* code : kernels) {
    writer.bytes(code->gpu.function);
    writer.number(code->gpu.threads);
    writer.number(code->scratch_bytes);
    writer.bytes({reinterpret_cast<const char*>(code->bytes.data()), code->bytes.size()});
  }
  writer.number(checksum(writer.text()));
  const std::string path = path_of(key);
  const FolderLock lock = TRY(FolderLock::of(path));
  TRY(replace_file(path, writer.text()));
  remove_oldest();
  return {};
}

/// What cannot be looked at or removed stays: the limit is a courtesy.
void CodeStore::remove_oldest() const {
  struct File {
    fs::file_time_type used;
    int64_t bytes;
    fs::path path;
  };
  std::error_code error;
  std::vector<File> files;
  int64_t total = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != suffix) continue;
    const File file{entry.last_write_time(error), static_cast<int64_t>(entry.file_size(error)), entry.path()};
    if (error) continue;
    total += file.bytes;
    files.push_back(file);
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (size_t i = 0; i + 1 < files.size() && total > limit_; ++i)
    if (fs::remove(files[i].path, error)) total -= files[i].bytes;
}

}  // namespace tilejit

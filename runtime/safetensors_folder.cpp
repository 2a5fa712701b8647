#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "runtime/json_text.h"
#include "runtime/mapped_file.h"
#include "runtime/safetensors.h"

namespace tilejit {
namespace {

namespace fs = std::filesystem;
using Storages = std::vector<std::shared_ptr<const void>>;

constexpr std::string_view index_name = "model.safetensors.index.json";

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// A name that stays inside of the folder.
bool is_plain(const std::string& file) {
  return !file.empty() && file != "." && file != ".." && file.find('/') == std::string::npos;
}

/// Every tensor of the index, by the shard that holds it.
Result<std::map<std::string, std::vector<std::string>>> read_index(const std::string& path) {
  const auto file = TRY(MappedFile::open(path));
  const auto json = TRY(parse_json<SortedJson>(file->text(), path, 8));
  const auto map = json.find("weight_map");
  if (map == json.end() || !map->is_object())
    return invalid(fmt::format("{}: weight_map is missing or not an object", path));
  std::map<std::string, std::vector<std::string>> shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || !is_plain(shard.get_ref<const std::string&>()))
      return invalid(
          fmt::format("{}: tensor '{}': {} is not the name of a file beside the index", path, tensor, shard.dump()));
    shards[shard.get<std::string>()].push_back(tensor);
  }
  return shards;
}

Result<TensorSet> read_shards(const std::string& folder) {
  const std::string index = folder + "/" + std::string(index_name);
  TensorSet all;
  Storages storages;
  for (const auto& [shard, names] : TRY(read_index(index))) {
    TensorSet set = TRY(read_safetensors(fmt::format("{}/{}", folder, shard)));
    storages.push_back(set.storage);
    for (const std::string& name : names) {
      auto node = set.tensors.extract(name);
      if (node.empty())
        return invalid(fmt::format("{}: tensor '{}' is not in {}, which the index names", index, name, shard));
      all.tensors.insert(std::move(node));
    }
  }
  all.storage = std::make_shared<Storages>(std::move(storages));
  return all;
}

Result<std::vector<std::string>> list_files(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".safetensors") files.push_back(entry->path().string());
  if (error) return invalid(fmt::format("{}: {}", folder, error.message()));
  if (files.empty()) return invalid(fmt::format("{}: has neither {} nor a .safetensors file", folder, index_name));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<TensorSet> read_safetensors_folder(const std::string& folder) {
  if (exists(folder + "/" + std::string(index_name))) return read_shards(folder);
  if (exists(folder + "/model.safetensors")) return read_safetensors(folder + "/model.safetensors");
  TensorSet all;
  Storages storages;
  for (const std::string& file : TRY(list_files(folder))) {
    TensorSet set = TRY(read_safetensors(file));
    storages.push_back(set.storage);
    all.tensors.merge(set.tensors);
    if (!set.tensors.empty()) {
      const std::string& name = set.tensors.begin()->first;
      return invalid(fmt::format("{}: tensor '{}' is also in {}", file, name, all.find(name)->file));
    }
  }
  all.storage = std::make_shared<Storages>(std::move(storages));
  return all;
}

}  // namespace tilejit

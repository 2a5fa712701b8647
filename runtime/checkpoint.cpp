#include <fmt/format.h>
#include <tilejit/checkpoint.h>

#include <array>
#include <filesystem>
#include <set>

#include "runtime/exceptions.h"
#include "runtime/gguf.h"
#include "runtime/importers/import.h"
#include "runtime/json_text.h"
#include "runtime/mapped_file.h"
#include "runtime/safetensors.h"

namespace tilejit {
namespace {

/// One row for each quantization method: how its configuration is read, which tensors mark its layers, and its importer.
struct Method {
  std::string_view name;
  Result<LayerPlan> (*plan)(const Json& config, const std::string& layer);
  std::array<std::string_view, 2> suffixes;
  Result<Layer> (*import)(const TensorSet& tensors, const std::string& layer, const LayerPlan& plan);
};

constexpr std::array<std::string_view, 2> word_suffixes = {".qweight", ".scales"};
constexpr std::array<std::string_view, 2> compressed_suffixes = {".weight_packed", ".weight_scale"};
constexpr std::array methods = {
    Method{"gptq", plan_gptq, word_suffixes, import_words},
    Method{"awq", plan_awq, word_suffixes, import_words},
    Method{"auto-round", plan_autoround, word_suffixes, import_words},
    Method{"intel/auto-round", plan_autoround, word_suffixes, import_words},
    Method{"compressed-tensors", plan_compressed_tensors, compressed_suffixes, import_compressed_tensors},
};

constexpr size_t max_config_bytes = size_t{4} << 20;
constexpr int config_depth = 32;

/// What says how the layers are quantized, and the file that it is in.
struct Quantization {
  Json config;
  std::string file;
};

/// Null when there is no such file.
Result<Json> read_config_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return Json();
  const auto file = TRY(MappedFile::open(path));
  if (file->bytes().size() > max_config_bytes)
    return invalid(
        fmt::format("{}: {} bytes; a configuration has at most {}", path, file->bytes().size(), max_config_bytes));
  return parse_json<Json>(file->text(), path, config_depth);
}

/// A malformed configuration names its file; why a layer is not read does not.
template <typename T>
Result<T> in_file(const std::string& file, Result<T> result) {
  if (!result.ok() && result.error().kind == ErrorKind::invalid) result.error().message.insert(0, file + ": ");
  return result;
}

/// config.json's quantization_config, else quantize_config.json as a whole.
Result<Quantization> read_quantization(const std::string& folder) {
  const std::string file = folder + "/config.json";
  const std::string own_file = folder + "/quantize_config.json";
  const Json config = TRY(read_config_file(file));
  for (const char* key : {"quantization_config", "compression_config"})
    if (const Json* quantization = TRY(in_file(file, object_of(config, key))))
      return Quantization{.config = *quantization, .file = file};
  Json own = TRY(read_config_file(own_file));
  if (!own.empty()) return Quantization{.config = std::move(own), .file = own_file};
  if (config.is_null() && own.is_null())
    return invalid(
        fmt::format("{}: has no config.json and no quantize_config.json; a directory with one of them and "
                    "safetensors files is read, or a .gguf file named by its own path",
                    folder));
  return unsupported(
      fmt::format("{}: {} and {}; quantized checkpoints are read", folder,
                  config.is_null() ? "there is no config.json" : "config.json has no quantization_config",
                  own.is_null() ? "there is no quantize_config.json" : "quantize_config.json is empty"));
}

Result<const Method*> find_method(const Json& quantization, const std::string& folder) {
  // AutoGPTQ's own file does not name its method; AutoAWQ's has zero_point, which GPTQ's never has.
  const std::string_view unnamed = find(quantization, "zero_point") != nullptr ? "awq" : "gptq";
  const std::string early = TRY(text_of(quantization, "method", unnamed));
  const std::string name = TRY(text_of(quantization, "quant_method", early));
  std::string known;
  for (const Method& method : methods) {
    if (method.name == name) return &method;
    known += (known.empty() ? "" : ", ") + std::string(method.name);
  }
  return unsupported(fmt::format("{}: quant_method={} is not read; {} are", folder, name, known));
}

std::set<std::string> layer_names(const TensorSet& tensors, const Method& method) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors.tensors)
    for (const std::string_view suffix : method.suffixes)
      if (name.ends_with(suffix)) names.insert(name.substr(0, name.size() - suffix.size()));
  return names;
}

/// Texts of the file may stand in a message; a line break in them would forge a second line.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
  return text;
}

/// A layer that cannot be read keeps its reason; a malformed one ends the checkpoint.
Result<void> add_layer(Result<Layer> layer, const std::string& name, std::string_view format, Checkpoint& checkpoint) {
  if (!layer && layer.error().kind != ErrorKind::unsupported) return layer.error();
  if (layer) {
    checkpoint.layers.push_back(std::move(*layer));
    return {};
  }
  Layer reason;
  reason.name = reason.weights.name = name;
  reason.format = format;
  reason.unsupported = one_line(layer.error().message);
  checkpoint.layers.push_back(std::move(reason));
  return {};
}

Result<Layer> import_layer(const Method& method, const Quantization& quantization, const TensorSet& tensors,
                           const std::string& name) {
  const std::string where = fmt::format("{}: layer '{}'", quantization.file, name);
  const LayerPlan plan = TRY(in_file(where, method.plan(quantization.config, name)));
  return method.import(tensors, name, plan);
}

Result<Checkpoint> open_folder(const std::string& folder) {
  const Quantization quantization = TRY(read_quantization(folder));
  const Method& method = *TRY(in_file(quantization.file, find_method(quantization.config, folder)));
  const TensorSet tensors = TRY(read_safetensors_folder(folder));
  Checkpoint checkpoint{.path = folder, .layers = {}};
  for (const std::string& name : layer_names(tensors, method))
    TRY(add_layer(import_layer(method, quantization, tensors, name), name, method.name, checkpoint));
  if (checkpoint.layers.empty())
    return invalid(fmt::format("{}: no tensor ends in {} or {}, as layers of {} do", folder, method.suffixes[0],
                               method.suffixes[1], method.name));
  return checkpoint;
}

/// A matrix that activations are multiplied by: `NAME.weight` of two or more dimensions, no table of embeddings.
bool is_linear(const GgufTensor& tensor) {
  return tensor.dimensions.size() >= 2 && tensor.name.ends_with(".weight") &&
         tensor.name.find("_embd.") == std::string::npos && !tensor.name.starts_with("token_types.");
}

Result<Checkpoint> open_gguf(const std::string& path) {
  const GgufFile file = TRY(read_gguf(path));
  Checkpoint checkpoint{.path = path, .layers = {}};
  for (const GgufTensor& tensor : file.tensors)
    if (is_linear(tensor))
      TRY(add_layer(import_gguf(file, tensor), tensor.name.substr(0, tensor.name.rfind('.')),
                    tensor.type == nullptr ? "gguf" : fmt::format("gguf {}", tensor.type->name), checkpoint));
  if (checkpoint.layers.empty()) return invalid(fmt::format("{}: has no matrix named *.weight", path));
  return checkpoint;
}

Result<Checkpoint> open_any(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_folder(path);
  if (path.ends_with(".gguf")) return open_gguf(path);
  if (!std::filesystem::exists(path, ignored)) return invalid(fmt::format("{}: no such file or directory", path));
  return invalid(fmt::format("{}: neither a directory with config.json and safetensors files nor a .gguf file", path));
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const std::string& path) {
  return guarded("open", [&]() -> Result<Checkpoint> {
    Result<Checkpoint> checkpoint = open_any(path);
    if (!checkpoint) return Error{checkpoint.error().kind, one_line(checkpoint.error().message)};
    return checkpoint;
  });
}

}  // namespace tilejit

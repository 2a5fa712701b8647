#include <fmt/format.h>

#include "ir/quant.h"
#include "runtime/importers/import.h"

namespace tilejit {
namespace {

Result<void> read_bias(const GgufFile& file, const std::string& layer, Weights& w) {
  const GgufTensor* bias = file.find(layer + ".bias");
  if (bias == nullptr) return {};
  const auto type = bias->type == nullptr ? std::nullopt : parse_type(bias->type->name);
  if (!type || !is_float(*type) || bias->dimensions != std::vector{w.n})
    return invalid(fmt::format("{}: tensor '{}': is not {} values of f32, f16 or bf16", file.path, bias->name, w.n));
  w.bias = bias->data;
  w.bias_type = *type;
  return {};
}

}  // namespace

Result<Layer> import_gguf(const GgufFile& file, const GgufTensor& tensor) {
  if (tensor.type == nullptr) return unsupported(fmt::format("tensor type number {} is not known", tensor.type_id));
  const QuantFormat* format = find_quant_format(fmt::format("gguf {}", tensor.type->name));
  if (format == nullptr)
    return unsupported(fmt::format("tensor type {}; q4_0, q4_1, q8_0 and q4_k are read", tensor.type->name));
  if (tensor.dimensions.size() != 2)
    return unsupported(fmt::format("a stack of {} dimensions; single matrices are read", tensor.dimensions.size()));
  Layer layer;
  layer.name = tensor.name.substr(0, tensor.name.rfind('.'));
  layer.format = format->name;
  Weights& w = layer.weights;
  w.name = layer.name;
  w.k = tensor.dimensions[0];
  w.n = tensor.dimensions[1];
  w.bits = format->has_4_bits ? 4 : 8;
  w.group = format->group;
  w.packing = format->packing;
  w.zero = format->constant_zero(w.bits);
  w.data = tensor.data;
  w.storage = file.storage;
  layer.scheme = fmt::format("w{}a16", w.bits);
  TRY(read_bias(file, layer.name, w));
  return layer;
}

}  // namespace tilejit

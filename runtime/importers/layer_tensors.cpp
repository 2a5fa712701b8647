#include "runtime/importers/layer_tensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace tilejit {

Result<const StoredTensor*> LayerTensors::need(std::string_view suffix) const {
  const StoredTensor* tensor = find(suffix);
  if (tensor == nullptr) return invalid(fmt::format("tensor '{}.{}' is missing", layer, suffix));
  return tensor;
}

Error bad_tensor(const StoredTensor& tensor, std::string_view what) {
  return invalid(fmt::format("{}: tensor '{}': {}", tensor.file, tensor.name, what));
}

Result<void> expect_type(const StoredTensor& tensor, std::initializer_list<Type> types) {
  for (const Type type : types)
    if (tensor.dtype->type == type) return {};
  std::string wanted;
  for (const Type type : types)
    wanted += (wanted.empty() ? "" : ", ") + std::string(type == Type::index ? "i64" : to_string(type));
  return bad_tensor(tensor, fmt::format("dtype {} does not fit; {} would", tensor.dtype->name, wanted));
}

Result<void> expect_shape(const StoredTensor& tensor, const Shape& shape) {
  if (tensor.shape == shape) return {};
  return bad_tensor(tensor, fmt::format("shape {} does not fit; {} would", tensor.shape, shape));
}

Result<void> expect_matrix(const StoredTensor& tensor) {
  if (tensor.shape.size() == 3)
    return unsupported(fmt::format("a stack of matrices of shape {}; single ones are read", tensor.shape));
  const auto fits = [](int64_t size) { return size >= 1 && size <= int64_t{1} << 30; };
  if (tensor.shape.size() == 2 && std::all_of(tensor.shape.begin(), tensor.shape.end(), fits)) return {};
  return bad_tensor(tensor, fmt::format("shape {} is not a matrix with sizes from 1 to 2^30", tensor.shape));
}

Result<Layer> start_layer(const LayerTensors& tensors, const LayerPlan& plan, int64_t n, int64_t k) {
  Layer layer;
  layer.name = tensors.layer;
  layer.format = plan.label;
  layer.scheme = fmt::format("w{}a{}", plan.bits, plan.activation_bits);
  Weights& w = layer.weights;
  w.name = tensors.layer;
  w.n = n;
  w.k = k;
  w.bits = plan.bits;
  w.activation_bits = plan.activation_bits;
  w.group = plan.group >= k ? -1 : plan.group;  // one group, whichever way it is written
  w.packing = plan.format->packing;
  w.zero = plan.format->constant_zero(plan.bits);
  w.storage = tensors.set.storage;
  if (const StoredTensor* bias = tensors.find("bias")) {
    TRY(expect_type(*bias, {Type::f16, Type::bf16, Type::f32}));
    TRY(expect_shape(*bias, {n}));
    w.bias = bias->data;
    w.bias_type = *bias->dtype->type;
  }
  return layer;
}

std::span<const int32_t> keep(Weights& weights, std::vector<int32_t> values) {
  struct Both {
    std::shared_ptr<const void> files;
    std::vector<int32_t> values;
  };
  const auto both = std::make_shared<const Both>(Both{weights.storage, std::move(values)});
  weights.storage = both;
  return both->values;
}

}  // namespace tilejit

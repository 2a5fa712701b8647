#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/importers/act_order.h"
#include "runtime/importers/import.h"
#include "runtime/importers/layer_tensors.h"

namespace tilejit {
namespace {

struct Size {
  int64_t n;
  int64_t k;
};

/// weight_shape, because weight_packed alone does not tell k from its padding.
Result<Size> read_packed_size(const LayerTensors& tensors, const StoredTensor& packed, int bits) {
  const StoredTensor& shape = *TRY(tensors.need("weight_shape"));
  TRY(expect_type(shape, {Type::index}));
  TRY(expect_shape(shape, {2}));
  Size size{};
  std::memcpy(&size, shape.data.data(), sizeof size);
  if (size.n < 1 || size.k < 1 || size.n > int64_t{1} << 30 || size.k > int64_t{1} << 30)
    return bad_tensor(shape, fmt::format("n={} k={} are not sizes from 1 to 2^30", size.n, size.k));
  TRY(expect_type(packed, {Type::i32}));
  TRY(expect_shape(packed, {size.n, (size.k * bits + 31) / 32}));
  return size;
}

Result<Size> read_size(const LayerTensors& tensors, const StoredTensor& weight, const LayerPlan& plan) {
  TRY(expect_matrix(weight));
  if (plan.format->packing == Packing::row_words) return read_packed_size(tensors, weight, plan.bits);
  TRY(expect_type(weight, {Type::i8}));
  return Size{weight.shape[0], weight.shape[1]};
}

/// [N, G]; [N, 1] or [N] per channel; one value per tensor.
Result<void> read_scales(const LayerTensors& tensors, const LayerPlan& plan, Weights& w) {
  const StoredTensor& scale = *TRY(tensors.need("weight_scale"));
  TRY(expect_type(scale, {Type::f16, Type::bf16, Type::f32}));
  w.scales = {.data = scale.data.data(), .type = *scale.dtype->type, .group_stride = 1, .channel_stride = w.groups()};
  if (plan.is_per_tensor) {
    if (scale.data.size() * 8 != static_cast<size_t>(scale.dtype->bits))
      return bad_tensor(scale, fmt::format("has {} bytes; a scale per tensor is one value", scale.data.size()));
    w.scales.group_stride = w.scales.channel_stride = 0;
    return {};
  }
  if (w.groups() == 1 && scale.shape == Shape{w.n}) return {};
  return expect_shape(scale, {w.n, w.groups()});
}

Result<void> read_zeros(const LayerTensors& tensors, const LayerPlan& plan, Weights& w) {
  const StoredTensor* zeros = tensors.find("weight_zero_point");
  if (plan.has_constant_zero) return {};
  if (plan.format->zeros == ZeroPacking::none)
    return unsupported("asymmetric int-quantized weights; symmetric ones are read");
  if (plan.is_per_tensor)
    return unsupported("asymmetric weights with one zero point per tensor; group and channel are read");
  if (zeros == nullptr) return invalid(fmt::format("tensor '{}.weight_zero_point' is missing", tensors.layer));
  TRY(expect_type(*zeros, {Type::i32}));
  TRY(expect_shape(*zeros, {(w.n * w.bits + 31) / 32, w.groups()}));
  w.zero_packing = plan.format->zeros;
  w.zeros = zeros->data;
  return {};
}

}  // namespace

Result<Layer> import_compressed_tensors(const TensorSet& set, const std::string& name, const LayerPlan& plan) {
  const LayerTensors tensors{set, name};
  const bool is_packed = plan.format->packing == Packing::row_words;
  const StoredTensor& weight = *TRY(tensors.need(is_packed ? "weight_packed" : "weight"));
  const Size size = TRY(read_size(tensors, weight, plan));
  if (tensors.find("input_scale") != nullptr)
    return unsupported("activations with a static input_scale; dynamic ones are read");
  Layer layer = TRY(start_layer(tensors, plan, size.n, size.k));
  layer.weights.data = weight.data;
  TRY(read_scales(tensors, plan, layer.weights));
  TRY(read_zeros(tensors, plan, layer.weights));
  if (const StoredTensor* g_idx = tensors.find("weight_g_idx")) TRY(apply_g_idx(*g_idx, layer));
  return layer;
}

}  // namespace tilejit

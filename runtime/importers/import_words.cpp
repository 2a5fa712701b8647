#include <fmt/format.h>

#include "runtime/importers/act_order.h"
#include "runtime/importers/import.h"
#include "runtime/importers/layer_tensors.h"

namespace tilejit {
namespace {

Result<void> read_zeros(const LayerTensors& tensors, const LayerPlan& plan, Weights& w) {
  if (plan.has_constant_zero) return {};
  const StoredTensor& qzeros = *TRY(tensors.need("qzeros"));
  TRY(expect_type(qzeros, {Type::i32}));
  if (w.n * w.bits % 32 != 0)
    return bad_tensor(qzeros, fmt::format("n={} zero points of {} bits do not fill whole words", w.n, w.bits));
  TRY(expect_shape(qzeros, {w.groups(), w.n * w.bits / 32}));
  w.zero_packing = plan.format->zeros;
  w.zeros = qzeros.data;
  return {};
}

Result<void> read_scales(const LayerTensors& tensors, Weights& w) {
  const StoredTensor& scales = *TRY(tensors.need("scales"));
  TRY(expect_type(scales, {Type::f16, Type::bf16, Type::f32}));
  TRY(expect_shape(scales, {w.groups(), w.n}));
  w.scales = {.data = scales.data.data(), .type = *scales.dtype->type, .group_stride = w.n, .channel_stride = 1};
  return {};
}

}  // namespace

Result<Layer> import_words(const TensorSet& set, const std::string& name, const LayerPlan& plan) {
  const LayerTensors tensors{set, name};
  const StoredTensor& qweight = *TRY(tensors.need("qweight"));
  TRY(expect_matrix(qweight));
  TRY(expect_type(qweight, {Type::i32}));
  const int64_t per_word = 32 / plan.bits;
  const bool along_k = plan.format->packing == Packing::k_words;
  const int64_t k = qweight.shape[0] * (along_k ? per_word : 1);
  const int64_t n = qweight.shape[1] * (along_k ? 1 : per_word);
  Layer layer = TRY(start_layer(tensors, plan, n, k));
  layer.weights.data = qweight.data;
  TRY(read_scales(tensors, layer.weights));
  TRY(read_zeros(tensors, plan, layer.weights));
  if (const StoredTensor* g_idx = tensors.find("g_idx"); g_idx != nullptr && along_k) TRY(apply_g_idx(*g_idx, layer));
  return layer;
}

}  // namespace tilejit

// The tensors of one layer by their suffix, with the checks that every importer needs; each refusal names the tensor, what it
// is and what would fit.
#pragma once

#include <tilejit/checkpoint.h>
#include <tilejit/result.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/importers/plan.h"
#include "runtime/safetensors.h"

namespace tilejit {

using Shape = std::vector<int64_t>;

struct LayerTensors {
  const TensorSet& set;
  const std::string& layer;

  /// Null when absent.
  const StoredTensor* find(std::string_view suffix) const { return set.find(layer + "." + std::string(suffix)); }
  Result<const StoredTensor*> need(std::string_view suffix) const;
};

Error bad_tensor(const StoredTensor& tensor, std::string_view what);
Result<void> expect_type(const StoredTensor& tensor, std::initializer_list<Type> types);
Result<void> expect_shape(const StoredTensor& tensor, const Shape& shape);
/// A matrix of positive sizes up to 2^30; a stack of experts (three dimensions) is `unsupported`.
Result<void> expect_matrix(const StoredTensor& tensor);

/// Checks and sets what is common to all layers once n, k and the plan are known: name, scheme, group, bias, storage.
Result<Layer> start_layer(const LayerTensors& tensors, const LayerPlan& plan, int64_t n, int64_t k);

/// Keeps `values` alive as long as the layer's weights.
std::span<const int32_t> keep(Weights& weights, std::vector<int32_t> values);

}  // namespace tilejit

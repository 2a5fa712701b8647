// Importers: the tensors of one layer and its plan become a Layer. They differ in tensor names and shapes only; how bits lie
// is a row of ir/quant.h.
#pragma once

#include <tilejit/checkpoint.h>

#include <string>

#include "runtime/gguf.h"
#include "runtime/importers/plan.h"
#include "runtime/safetensors.h"

namespace tilejit {

/// GPTQ, AWQ and AutoRound: qweight, qzeros, scales, and perhaps g_idx and bias.
Result<Layer> import_words(const TensorSet& set, const std::string& name, const LayerPlan& plan);
/// compressed-tensors: weight_packed (with weight_shape) or weight, weight_scale, and perhaps weight_zero_point and bias.
Result<Layer> import_compressed_tensors(const TensorSet& set, const std::string& name, const LayerPlan& plan);
/// A matrix `NAME.weight` of a .gguf file, with `NAME.bias`.
Result<Layer> import_gguf(const GgufFile& file, const GgufTensor& tensor);

}  // namespace tilejit

// Recorded activations: tensors `<layer>.input` of a safetensors file, one matrix for each layer.
#pragma once

#include <tilejit/result.h>

#include <optional>
#include <string>

#include "runtime/safetensors.h"
#include "tools/report/run_layer.h"

namespace tilejit::command {

/// The rows for a layer, empty when the file has none. A layer that was cut from a wider one takes the first k columns.
/// `invalid` when the tensor is not bf16 [rows, k or more].
Result<std::optional<report::Matrix>> find_activations(const TensorSet& tensors, const std::string& layer, int64_t k);

}  // namespace tilejit::command

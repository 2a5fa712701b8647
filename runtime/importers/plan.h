// What a checkpoint's configuration says about one layer: a row of the quant table and its numbers. One function for each
// quantization method reads the method's own keys, with overrides for this layer applied; importers then read tensors and
// no configuration. An `unsupported` error concerns this layer only.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>

#include "ir/quant.h"
#include "runtime/json_text.h"

namespace tilejit {

struct LayerPlan {
  const QuantFormat* format = nullptr;
  std::string label;  // Layer::format
  int bits = 4;
  int64_t group = -1;
  bool has_constant_zero = false;  // symmetric: z is the row's constant, whatever zero tensor is stored
  bool is_per_tensor = false;      // one scale for the whole layer
  int activation_bits = 16;
};

/// GPTQ (AutoGPTQ, GPTQModel): checkpoint_format "gptq" stores z - 1, "gptq_v2" stores z. Symmetric files get the constant
/// 2^(bits-1), which both write, so that a file labelled with the wrong version is read right; without `sym` the stored zeros
/// count.
Result<LayerPlan> plan_gptq(const Json& config, const std::string& layer);
Result<LayerPlan> plan_awq(const Json& config, const std::string& layer);
Result<LayerPlan> plan_autoround(const Json& config, const std::string& layer);
Result<LayerPlan> plan_compressed_tensors(const Json& config, const std::string& layer);

}  // namespace tilejit

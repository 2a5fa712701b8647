// compressed-tensors' quantization_config: groups of targets, each with a scheme for weights and input activations.
#include <fmt/format.h>

#include "runtime/importers/name_match.h"
#include "runtime/importers/plan.h"

namespace tilejit {
namespace {

/// A target or ignore entry: a layer's name, or a regular expression after "re:".
Result<bool> names_layer(const Json& entry, const std::string& layer) {
  if (!entry.is_string())
    return invalid(fmt::format("quantization config: the target {} is not a string", entry.dump()));
  const auto& text = entry.get_ref<const std::string&>();
  return text.starts_with("re:") ? matches(text.substr(3), layer, Anchor::start) : Result<bool>(text == layer);
}

Result<bool> any_names_layer(const Json* entries, const std::string& layer) {
  if (entries == nullptr) return false;
  if (!entries->is_array())
    return invalid(fmt::format("quantization config: targets {} are not an array", entries->dump()));
  for (const Json& entry : *entries)
    if (TRY(names_layer(entry, layer))) return true;
  return false;
}

/// The file does not say which class a module has; every stored quantized layer is a Linear.
bool names_linear(const Json* entries) {
  if (entries == nullptr || !entries->is_array()) return false;
  for (const Json& entry : *entries)
    if (entry.is_string() && entry.get_ref<const std::string&>() == "Linear") return true;
  return false;
}

/// The group whose targets name the layer, else the one for the class Linear.
Result<const Json*> group_of(const Json& config, const std::string& layer) {
  const Json* groups = find(config, "config_groups");
  if (groups == nullptr || !groups->is_object())
    return invalid("quantization config: config_groups is missing or not an object");
  const Json* of_class = nullptr;
  for (const auto& [key, group] : groups->items()) {
    const Json* targets = find(group, "targets");
    if (TRY(any_names_layer(targets, layer))) return &group;
    if (of_class == nullptr && names_linear(targets)) of_class = &group;
  }
  if (of_class == nullptr) return unsupported("no group of config_groups has a target for this layer");
  return of_class;
}

/// 16 without input activations, 8 with int8 ones that are quantized row by row at run time.
Result<int> read_activation_bits(const Json& group) {
  const Json* activations = find(group, "input_activations");
  if (activations == nullptr) return 16;
  const Json* bits = find(*activations, "num_bits");
  const bool is_int8 = bits != nullptr && integer_of(*bits) == 8 && text_of(*activations, "type", "int") == "int";
  if (is_int8 && truth_of(*activations, "dynamic").value_or(false) &&
      truth_of(*activations, "symmetric").value_or(true) && text_of(*activations, "strategy", "token") == "token")
    return 8;
  return unsupported(
      fmt::format("input_activations with num_bits={} type={} strategy={}; dynamic symmetric int8 per token is read",
                  bits == nullptr ? "null" : bits->dump(), text_of(*activations, "type", "int"),
                  text_of(*activations, "strategy", "null")));
}

Result<void> read_strategy(const Json& weights, LayerPlan& plan) {
  const Json* size = find(weights, "group_size");
  const std::string strategy = text_of(weights, "strategy", size == nullptr ? "channel" : "group");
  plan.is_per_tensor = strategy == "tensor";
  if (strategy == "channel" || strategy == "tensor") return {};
  if (strategy != "group")
    return unsupported(fmt::format("weights strategy={}; group, channel and tensor are read", strategy));
  const auto group = size == nullptr ? std::nullopt : integer_of(*size);
  if (!group || (*group != -1 && *group < 1))
    return invalid(fmt::format("quantization config: group_size={} is neither -1 nor a count of weights",
                               size == nullptr ? "null" : size->dump()));
  plan.group = *group;
  return {};
}

}  // namespace

Result<LayerPlan> plan_compressed_tensors(const Json& config, const std::string& layer) {
  if (TRY(any_names_layer(find(config, "ignore"), layer)))
    return unsupported("the ignore list names the layer, yet it is stored quantized");
  const Json& group = *TRY(group_of(config, layer));
  const Json* weights = find(group, "weights");
  if (weights == nullptr || !weights->is_object())
    return invalid("quantization config: a group of config_groups has no weights");
  const std::string format = text_of(group, "format", text_of(config, "format", ""));
  if (format != "pack-quantized" && format != "int-quantized")
    return unsupported(fmt::format("compressed-tensors format={}; pack-quantized and int-quantized are read", format));

  LayerPlan plan;
  plan.label = format == "pack-quantized" ? "ct-pack" : "ct-int";
  plan.format = find_quant_format(plan.label);
  plan.has_constant_zero = truth_of(*weights, "symmetric").value_or(true);
  TRY(read_strategy(*weights, plan));
  plan.activation_bits = TRY(read_activation_bits(group));
  const Json* bits = find(*weights, "num_bits");
  const auto count = bits == nullptr ? std::nullopt : integer_of(*bits);
  if (!count) return invalid("quantization config: num_bits of weights is missing or not an integer");
  if (const std::string type = text_of(*weights, "type", "int"); type != "int" || (*count != 4 && *count != 8))
    return unsupported(fmt::format("weights of type {} with {} bits; int with 4 or 8 bits is read", type, *count));
  plan.bits = static_cast<int>(*count);
  return plan;
}

}  // namespace tilejit

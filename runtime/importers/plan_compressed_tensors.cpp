// compressed-tensors' quantization_config: groups of targets, each with a scheme for weights and input activations.
#include <fmt/format.h>

#include "runtime/importers/name_match.h"
#include "runtime/importers/plan.h"

namespace tilejit {
namespace {

/// A target or ignore entry: a layer's name, or a regular expression after "re:".
Result<bool> names_layer(const Json& entry, const std::string& layer) {
  if (!entry.is_string()) return wrong_type("a target", entry, "a string");
  const auto& text = entry.get_ref<const std::string&>();
  return text.starts_with("re:") ? matches(text.substr(3), layer, Anchor::start) : Result<bool>(text == layer);
}

Result<bool> any_names_layer(const Json* entries, const std::string& layer) {
  if (entries == nullptr) return false;
  for (const Json& entry : *entries)
    if (TRY(names_layer(entry, layer))) return true;
  return false;
}

/// The file does not say which class a module has; every stored quantized layer is a Linear.
bool names_linear(const Json* entries) {
  if (entries == nullptr) return false;
  for (const Json& entry : *entries)
    if (entry.is_string() && entry.get_ref<const std::string&>() == "Linear") return true;
  return false;
}

/// The group whose targets name the layer, else the one for the class Linear.
Result<const Json*> group_of(const Json& config, const std::string& layer) {
  const Json* groups = TRY(object_of(config, "config_groups"));
  if (groups == nullptr) return invalid("quantization config: config_groups is missing");
  const Json* of_class = nullptr;
  for (const auto& [key, group] : groups->items()) {
    if (!group.is_object()) return wrong_type(key, group, "an object");
    const Json* targets = TRY(array_of(group, "targets"));
    if (TRY(any_names_layer(targets, layer))) return &group;
    if (of_class == nullptr && names_linear(targets)) of_class = &group;
  }
  if (of_class == nullptr) return unsupported("no group of config_groups has a target for this layer");
  return of_class;
}

/// "local", between the two, is for formats of floats.
Result<bool> is_dynamic(const Json& activations) {
  const Json* dynamic = find(activations, "dynamic");
  if (dynamic != nullptr && *dynamic == "local") return false;
  return TRY(truth_of(activations, "dynamic")).value_or(false);
}

/// 16 without input activations, 8 with int8 ones that are quantized row by row at run time.
Result<int> read_activation_bits(const Json& group) {
  const Json* activations = TRY(object_of(group, "input_activations"));
  if (activations == nullptr) return 16;
  const auto bits = TRY(integer_of(*activations, "num_bits"));
  const std::string type = TRY(text_of(*activations, "type", "int"));
  const std::string strategy = TRY(text_of(*activations, "strategy", "token"));
  const bool is_symmetric = TRY(truth_of(*activations, "symmetric")).value_or(true);
  if (bits == 8 && type == "int" && strategy == "token" && is_symmetric && TRY(is_dynamic(*activations))) return 8;
  return unsupported(
      fmt::format("input_activations with num_bits={} type={} strategy={}; dynamic symmetric int8 per token is read",
                  bits ? fmt::to_string(*bits) : "null", type, strategy));
}

Result<void> read_strategy(const Json& weights, LayerPlan& plan) {
  const auto group = TRY(integer_of(weights, "group_size"));
  const std::string strategy = TRY(text_of(weights, "strategy", group ? "group" : "channel"));
  plan.is_per_tensor = strategy == "tensor";
  if (strategy == "channel" || strategy == "tensor") return {};
  if (strategy != "group")
    return unsupported(fmt::format("weights strategy={}; group, channel and tensor are read", strategy));
  if (!group || (*group != -1 && *group < 1))
    return invalid(fmt::format("quantization config: group_size={} is neither -1 nor a count of weights",
                               group ? fmt::to_string(*group) : "null"));
  plan.group = *group;
  return {};
}

}  // namespace

Result<LayerPlan> plan_compressed_tensors(const Json& config, const std::string& layer) {
  const Json* ignored = TRY(array_of(config, "ignore"));
  if (TRY(any_names_layer(ignored, layer)))
    return unsupported("the ignore list names the layer, yet it is stored quantized");
  const Json& group = *TRY(group_of(config, layer));
  const Json* weights = TRY(object_of(group, "weights"));
  if (weights == nullptr) return invalid("quantization config: a group of config_groups has no weights");
  const std::string of_all = TRY(text_of(config, "format", ""));
  const std::string format = TRY(text_of(group, "format", of_all));
  if (format != "pack-quantized" && format != "int-quantized")
    return unsupported(fmt::format("compressed-tensors format={}; pack-quantized and int-quantized are read", format));

  LayerPlan plan;
  plan.label = format == "pack-quantized" ? "ct-pack" : "ct-int";
  plan.format = find_quant_format(plan.label);
  plan.has_constant_zero = TRY(truth_of(*weights, "symmetric")).value_or(true);
  TRY(read_strategy(*weights, plan));
  plan.activation_bits = TRY(read_activation_bits(group));
  const auto count = TRY(integer_of(*weights, "num_bits"));
  if (!count) return invalid("quantization config: num_bits of weights is missing");
  if (const std::string type = TRY(text_of(*weights, "type", "int")); type != "int" || (*count != 4 && *count != 8))
    return unsupported(fmt::format("weights of type {} with {} bits; int with 4 or 8 bits is read", type, *count));
  plan.bits = static_cast<int>(*count);
  return plan;
}

}  // namespace tilejit

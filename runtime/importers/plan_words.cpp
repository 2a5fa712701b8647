// The configurations of the methods whose layers are qweight, qzeros and scales: GPTQ, AWQ and AutoRound.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "runtime/importers/name_match.h"
#include "runtime/importers/plan.h"

namespace tilejit {
namespace {

struct Settings {
  std::optional<int64_t> bits;
  std::optional<int64_t> group;
  std::optional<bool> symmetric;
  std::string data_type = "int";
};

/// Takes the keys that `json` has; w_bit and q_group_size are the older spellings.
Result<void> apply(const Json& json, Settings& settings) {
  for (const auto& [key, value] :
       {std::tuple{"w_bit", &settings.bits}, std::tuple{"bits", &settings.bits},
        std::tuple{"q_group_size", &settings.group}, std::tuple{"group_size", &settings.group}})
    if (const auto number = TRY(integer_of(json, key))) *value = number;
  if (const auto symmetric = TRY(truth_of(json, "sym"))) settings.symmetric = symmetric;
  settings.data_type = TRY(text_of(json, "data_type", settings.data_type));
  return {};
}

Result<void> apply_overrides(const std::string& name, const Json& overrides, Settings& settings) {
  if (!overrides.is_object()) return wrong_type(name, overrides, "an object");
  return apply(overrides, settings);
}

/// A plan for format row `row`, which supports the settings, or why not.
Result<LayerPlan> make_plan(const Settings& settings, std::string_view row, std::string label) {
  const QuantFormat* format = find_quant_format(row);
  if (!settings.bits || !settings.group) return invalid("quantization config: bits or group_size is missing");
  if (*settings.group != -1 && *settings.group < 1)
    return invalid(
        fmt::format("quantization config: group_size={} is neither -1 nor a count of weights", *settings.group));
  if (settings.data_type != "int")
    return unsupported(fmt::format("data_type={}; only int is read", settings.data_type));
  const int bits = *settings.bits == 4 ? 4 : *settings.bits == 8 ? 8 : 0;
  if (!format->has_bits(bits))
    return unsupported(
        fmt::format("bits={}; {} is read with {}", *settings.bits, row, format->has_8_bits ? "4 or 8" : "4"));
  return LayerPlan{.format = format,
                   .label = std::move(label),
                   .bits = bits,
                   .group = *settings.group,
                   .has_constant_zero = settings.symmetric.value_or(false),
                   .is_per_tensor = false,
                   .activation_bits = 16};
}

/// GPTQModel's `dynamic`: the first pattern that matches decides; "-:" leaves the layer unquantized.
Result<void> apply_dynamic(const Json& config, const std::string& layer, Settings& settings) {
  const Json* dynamic = TRY(object_of(config, "dynamic"));
  if (dynamic == nullptr) return {};
  for (const auto& [key, overrides] : dynamic->items()) {
    const bool is_excluded = key.starts_with("-:");
    const std::string pattern = is_excluded || key.starts_with("+:") ? key.substr(2) : key;
    if (!TRY(matches(pattern, layer, Anchor::start))) continue;
    if (is_excluded)
      return unsupported(fmt::format("dynamic excludes the layer by '{}', yet it is stored quantized", key));
    return apply_overrides(key, overrides, settings);
  }
  return {};
}

/// AutoRound's `extra_config`: the layer's own name wins over patterns; 16 bits leave the layer unquantized.
Result<void> apply_extra(const Json& config, const std::string& layer, Settings& settings) {
  const Json* extra = TRY(object_of(config, "extra_config"));
  if (extra == nullptr) return {};
  if (const Json* own = find(*extra, layer)) return apply_overrides(layer, *own, settings);
  for (const auto& [key, overrides] : extra->items())
    if (is_pattern(key) && TRY(matches(key, layer, Anchor::anywhere))) return apply_overrides(key, overrides, settings);
  return {};
}

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// AWQ leaves the modules unquantized whose name has one of these texts in it.
Result<void> check_excluded(const Json& config, const std::string& layer) {
  constexpr const char* key = "modules_to_not_convert";
  const Json* excluded = TRY(array_of(config, key));
  if (excluded == nullptr) return {};
  for (const Json& entry : *excluded) {
    if (!entry.is_string()) return wrong_type(fmt::format("an entry of {}", key), entry, "a string");
    if (layer.find(entry.get_ref<const std::string&>()) != std::string::npos)
      return unsupported(fmt::format("{} has {}, yet the layer is stored quantized", key, entry.dump()));
  }
  return {};
}

}  // namespace

Result<LayerPlan> plan_gptq(const Json& config, const std::string& layer) {
  const std::string early = TRY(text_of(config, "format", "gptq"));
  const std::string format = TRY(text_of(config, "checkpoint_format", early));
  if (format != "gptq" && format != "gptq_v2")
    return unsupported(fmt::format("checkpoint_format={}; gptq and gptq_v2 are read", format));
  if (const std::string word = TRY(text_of(config, "pack_dtype", "int32")); word != "int32")
    return unsupported(fmt::format("pack_dtype={}; int32 is read", word));
  Settings settings;
  TRY(apply(config, settings));
  TRY(apply_dynamic(config, layer, settings));
  return make_plan(settings, format, format);
}

Result<LayerPlan> plan_awq(const Json& config, const std::string& layer) {
  // GPTQModel writes AWQ files with `format` in place of `version`.
  const std::string format = TRY(text_of(config, "format", "gemm"));
  const std::string version = lower_case(TRY(text_of(config, "version", format)));
  if (version != "gemm") return unsupported(fmt::format("AWQ version={}; gemm is read", version));
  TRY(check_excluded(config, layer));
  Settings settings;
  TRY(apply(config, settings));
  settings.symmetric = false;  // gemm files always store their zero points
  return make_plan(settings, "awq", "awq");
}

Result<LayerPlan> plan_autoround(const Json& config, const std::string& layer) {
  struct PackingFormat {
    std::string_view name;
    std::string_view row;
  };
  static constexpr PackingFormat packings[] = {{"auto_round", "gptq_v2"},
                                               {"auto_round:gptqmodel", "gptq_v2"},
                                               {"auto_round:auto_gptq", "gptq"},
                                               {"auto_round:auto_awq", "awq"}};
  const std::string name = TRY(text_of(config, "packing_format", ""));
  const auto* packing =
      std::find_if(std::begin(packings), std::end(packings), [&](const PackingFormat& p) { return p.name == name; });
  if (packing == std::end(packings))
    return unsupported(
        fmt::format("AutoRound packing_format='{}'; auto_round, auto_round:gptqmodel, auto_round:auto_gptq and "
                    "auto_round:auto_awq are read",
                    name));
  if (const auto bits = TRY(integer_of(config, "act_bits")); bits && *bits < 16)
    return unsupported(fmt::format("AutoRound act_bits={}; layers with 16-bit activations are read", *bits));
  Settings settings;
  TRY(apply(config, settings));
  TRY(apply_extra(config, layer, settings));
  const size_t colon = name.find(':');
  return make_plan(settings, packing->row, "autoround" + (colon == std::string::npos ? "" : name.substr(colon)));
}

}  // namespace tilejit

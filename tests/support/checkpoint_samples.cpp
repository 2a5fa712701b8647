// The small checkpoints themselves: a table of configurations and tensors.
#include <fmt/format.h>

#include "tests/support/checkpoint_files.h"

namespace tilejit::test {
namespace {

using Tensors = std::map<std::string, FileTensor>;
const std::string layer = "model.layers.0.mlp.up_proj.";

std::string config_json(std::string_view quantization) {
  return fmt::format(R"({{"model_type": "llama", "quantization_config": {}}})", quantization);
}

SmallCheckpoint directory(std::string name, std::string_view quantization, const Tensors& tensors) {
  Tensors named = {{"model.norm.weight", filled("BF16", {3})}};
  for (const auto& [suffix, tensor] : tensors) named[layer + suffix] = tensor;
  return {.name = std::move(name),
          .files = {{"config.json", config_json(quantization)}, {"model.safetensors", safetensors_file(named)}},
          .path = ""};
}

/// k = 64, n = 16: two groups of 32.
Tensors gptq_tensors(int64_t bits) {
  std::vector<int64_t> g_idx;
  for (int64_t k = 0; k < 64; ++k) g_idx.push_back(k / 32);
  return {{"qweight", filled("I32", {2 * bits, 16})},
          {"qzeros", filled("I32", {2, bits / 2})},
          {"scales", filled("F16", {2, 16})},
          {"g_idx", integers("I32", g_idx)},
          {"bias", filled("F16", {16})}};
}

Tensors act_order_tensors() {
  Tensors tensors = gptq_tensors(4);
  std::vector<int64_t> g_idx;
  for (int64_t k = 0; k < 64; ++k) g_idx.push_back(k % 2);
  tensors["g_idx"] = integers("I32", g_idx);
  return tensors;
}

Tensors awq_tensors() {
  return {{"qweight", filled("I32", {64, 2})}, {"qzeros", filled("I32", {2, 2})}, {"scales", filled("F16", {2, 16})}};
}

std::string autoround_config(std::string_view packing) {
  return fmt::format(R"({{"quant_method": "auto-round", "bits": 4, "group_size": 128, "sym": false, "data_type": "int",
    "packing_format": "{}", "extra_config": {{"lm_head": {{"bits": 16}}, ".*up_proj.*": {{"group_size": 32}}}}}})",
                     packing);
}

std::string compressed_config(std::string_view format, std::string_view weights, std::string_view activations) {
  return fmt::format(R"({{"quant_method": "compressed-tensors", "format": "{}", "ignore": ["lm_head", "re:.*gate$"],
    "config_groups": {{"group_0": {{"targets": ["Linear"], "weights": {{{}, "type": "int", "dynamic": false}},
    "input_activations": {}}}}}}})",
                     format, weights, activations);
}

constexpr std::string_view int8_tokens =
    R"({"num_bits": 8, "type": "int", "strategy": "token", "dynamic": true, "symmetric": true})";

std::vector<SmallCheckpoint> word_checkpoints() {
  SmallCheckpoint own_file = directory("gptq_own_file", "{}", gptq_tensors(4));
  own_file.files["config.json"] = R"({"model_type": "opt"})";
  own_file.files["quantize_config.json"] = R"({"w_bit": 4, "q_group_size": 32, "desc_act": false, "sym": true})";
  return {
      directory("gptq",
                R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": false, "checkpoint_format": "gptq"})",
                gptq_tensors(4)),
      directory("gptq_v2_8bit",
                R"({"quant_method": "gptq", "bits": 8, "group_size": 32, "checkpoint_format": "gptq_v2"})",
                gptq_tensors(8)),
      directory("gptq_act_order", R"({"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": true,
                "dynamic": {"-:.*gate.*": {}, "+:model\\.layers\\.[0-9]+\\.mlp.*": {"group_size": 32}}})",
                act_order_tensors()),
      own_file,
      directory("awq", R"({"quant_method": "awq", "bits": 4, "group_size": 32, "zero_point": true, "version": "gemm",
                "modules_to_not_convert": ["visual"]})",
                awq_tensors()),
      directory("autoround", autoround_config("auto_round"), gptq_tensors(4)),
      directory("autoround_gptq", autoround_config("auto_round:auto_gptq"), gptq_tensors(4)),
      directory("autoround_awq", autoround_config("auto_round:auto_awq"), awq_tensors()),
  };
}

std::vector<SmallCheckpoint> compressed_checkpoints() {
  const std::string group4 = R"("num_bits": 4, "symmetric": true, "strategy": "group", "group_size": 8)";
  return {
      directory(
          "ct_odd",
          compressed_config("pack-quantized", R"("num_bits": 4, "symmetric": true, "strategy": "channel")", "null"),
          {{"weight_packed", filled("I32", {5, 3})},
           {"weight_scale", filled("BF16", {5, 1})},
           {"weight_shape", integers("I64", {5, 21})},
           {"bias", filled("BF16", {5})}}),
      directory("ct_asymmetric",
                compressed_config("pack-quantized",
                                  R"("num_bits": 4, "symmetric": false, "strategy": "group", "group_size": 8)", "null"),
                {{"weight_packed", filled("I32", {13, 3})},
                 {"weight_scale", filled("F16", {13, 3})},
                 {"weight_zero_point", filled("I32", {2, 3})},
                 {"weight_shape", integers("I64", {13, 20})}}),
      directory("ct_act_order", compressed_config("pack-quantized", group4, "null"),
                {{"weight_packed", filled("I32", {4, 2})},
                 {"weight_scale", filled("F32", {4, 2})},
                 {"weight_shape", integers("I64", {4, 12})},
                 {"weight_g_idx", integers("I32", {1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0})}}),
      directory(
          "ct_w8a8",
          compressed_config("int-quantized", R"("num_bits": 8, "symmetric": true, "strategy": "channel")", int8_tokens),
          {{"weight", filled("I8", {7, 9})}, {"weight_scale", filled("BF16", {7, 1})}}),
      directory(
          "ct_w8a8_tensor",
          compressed_config("int-quantized", R"("num_bits": 8, "symmetric": true, "strategy": "tensor")", int8_tokens),
          {{"weight", filled("I8", {7, 9})}, {"weight_scale", filled("F32", {1})}}),
      directory("ct_w4a8", compressed_config("int-quantized", group4, int8_tokens),
                {{"weight", filled("I8", {6, 11})}, {"weight_scale", filled("F16", {6, 2})}}),
  };
}

SmallCheckpoint sharded() {
  SmallCheckpoint checkpoint =
      directory("sharded", R"({"quant_method": "awq", "w_bit": 4, "q_group_size": 32, "version": "GEMM"})", {});
  checkpoint.files.erase("model.safetensors");
  const Tensors all = awq_tensors();
  std::string map;
  int shard = 0;
  for (const auto& [suffix, tensor] : all) {
    const std::string file = fmt::format("model-0000{}-of-00003.safetensors", ++shard);
    checkpoint.files[file] = safetensors_file({{layer + suffix, tensor}});
    map += fmt::format(R"({}"{}{}": "{}")", map.empty() ? "" : ", ", layer, suffix, file);
  }
  checkpoint.files["model.safetensors.index.json"] =
      fmt::format(R"({{"metadata": {{"total_size": 1}}, "weight_map": {{{}}}}})", map);
  return checkpoint;
}

SmallCheckpoint gguf() {
  const auto file = gguf_file({
      {.name = "token_embd.weight", .dimensions = {32, 4}, .type = 8, .bytes = 4 * 34},
      {.name = "blk.0.attn_q.weight", .dimensions = {64, 3}, .type = 2, .bytes = 3 * 2 * 18},
      {.name = "blk.0.attn_q.bias", .dimensions = {3}, .type = 0, .bytes = 12},
      {.name = "blk.0.attn_k.weight", .dimensions = {64, 3}, .type = 3, .bytes = 3 * 2 * 20},
      {.name = "blk.0.attn_v.weight", .dimensions = {32, 5}, .type = 8, .bytes = 5 * 34},
      {.name = "blk.0.ffn_down.weight", .dimensions = {512, 2}, .type = 12, .bytes = 2 * 2 * 144},
      {.name = "blk.0.ffn_up.weight", .dimensions = {256, 2}, .type = 14, .bytes = 2 * 210},
      {.name = "blk.0.ffn_gate.weight", .dimensions = {32, 2}, .type = 77, .bytes = 40},
      {.name = "blk.0.ffn_norm.weight", .dimensions = {32}, .type = 0, .bytes = 128},
  });
  return {.name = "gguf", .files = {{"model.gguf", file}}, .path = "model.gguf"};
}

}  // namespace

std::vector<SmallCheckpoint> small_checkpoints() {
  std::vector<SmallCheckpoint> all = word_checkpoints();
  for (SmallCheckpoint& checkpoint : compressed_checkpoints()) all.push_back(std::move(checkpoint));
  all.push_back(sharded());
  all.push_back(gguf());
  return all;
}

}  // namespace tilejit::test

// A checkpoint: the quantized linear layers of a Hugging Face directory or of a .gguf file, as views of the mapped files.
//
//   auto checkpoint = tilejit::Checkpoint::open("models/Qwen3-8B-AWQ");
//   for (const tilejit::Layer& layer : checkpoint->layers)
//     if (layer.unsupported.empty()) tilejit::Linear::create(tilejit::describe(layer.weights, Type::bf16), layer.weights, {});
//
// A directory has config.json with a quantization_config, or a quantize_config.json, and safetensors files. Read are GPTQ
// (v1, v2, act-order), AWQ gemm, compressed-tensors (pack-quantized, int-quantized), AutoRound, and ggml's Q4_0, Q4_1, Q8_0
// and Q4_K. A malformed file is `invalid` with the tensor's name; what is well-formed but not read is a layer with a reason.
// Structure (sizes, types, ranges, group indices) is checked here; the values, which would mean reading the whole file, by
// `validate(layer.weights)`, which Linear::create calls.
#pragma once

#include <tilejit/result.h>
#include <tilejit/weights.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tilejit {

struct Layer {
  std::string name;                 // "model.layers.0.self_attn.q_proj", "blk.0.attn_q"
  std::string format;               // "gptq", "gptq_v2+act_order", "awq", "ct-pack", "autoround:auto_awq", "gguf q4_k"
  std::string scheme;               // "w4a16", "w8a16", "w4a8", "w8a8"; empty when the layer is unsupported
  Weights weights;                  // keeps the files mapped
  std::string unsupported;          // why the layer is not read; empty: `weights` holds it
  std::vector<int32_t> group_of_k;  // act-order only: the group of each stored k
};

struct Checkpoint {
  std::string path;
  std::vector<Layer> layers;  // in the order of the names (directories) or of the file (gguf)

  /// `invalid`: a missing or malformed file or configuration; `unsupported`: a quantization method that is not read, or none;
  /// `resource`: a file cannot be mapped.
  static Result<Checkpoint> open(const std::string& path);
};

}  // namespace tilejit

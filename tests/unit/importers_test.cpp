// Configurations and tensors of each method: what is read from them, and what is refused with which name.
#include <gtest/gtest.h>
#include <tilejit/checkpoint.h>
#include <tilejit/linear.h>

#include "tests/support/checkpoint_files.h"

namespace tilejit::test {
namespace {

Result<Checkpoint> open(const SmallCheckpoint& checkpoint) {
  const TemporaryFolder folder;
  return Checkpoint::open(checkpoint.write(folder));  // the mapping outlives the file's name
}

struct Imported {
  const char* checkpoint;
  const char* format;
  const char* problem;
};

TEST(Importers, EachMethodGivesItsFormatAndProblem) {
  const Imported expected[] = {
      {"gptq", "gptq", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16 epilogue=bias.f16"},
      {"gptq_v2_8bit", "gptq_v2", "w8a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16 epilogue=bias.f16"},
      {"gptq_act_order", "gptq+act_order", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16 perm=1 epilogue=bias.f16"},
      {"gptq_own_file", "gptq", "w4a16 m=* n=16 k=64 a=bf16 g=32 s=f16 epilogue=bias.f16"},
      {"awq", "awq", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16"},
      {"autoround", "autoround", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16 epilogue=bias.f16"},
      {"autoround_gptq", "autoround:auto_gptq", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16 epilogue=bias.f16"},
      {"autoround_awq", "autoround:auto_awq", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16"},
      {"ct_odd", "ct-pack", "w4a16 m=* n=5 k=21 a=bf16 s=bf16 epilogue=bias.bf16"},
      {"ct_asymmetric", "ct-pack", "w4a16 m=* n=13 k=20 a=bf16 g=8 zp=int s=f16"},
      {"ct_act_order", "ct-pack+act_order", "w4a16 m=* n=4 k=12 a=bf16 g=8 perm=1"},
      {"ct_w8a8", "ct-int", "w8a8 m=* n=7 k=9 a=bf16 s=bf16"},
      {"ct_w8a8_tensor", "ct-int", "w8a8 m=* n=7 k=9 a=bf16"},
      {"ct_w4a8", "ct-int", "w4a8 m=* n=6 k=11 a=bf16 g=8 s=f16"},
      {"sharded", "awq", "w4a16 m=* n=16 k=64 a=bf16 g=32 zp=int s=f16"},
  };
  for (const Imported& row : expected) {
    SCOPED_TRACE(row.checkpoint);
    const auto checkpoint = open(small_checkpoint(row.checkpoint));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    ASSERT_EQ(checkpoint->layers.size(), 1u);
    const Layer& layer = checkpoint->layers[0];
    ASSERT_EQ(layer.unsupported, "");
    EXPECT_EQ(layer.name, "model.layers.0.mlp.up_proj");
    EXPECT_EQ(layer.format, row.format);
    EXPECT_EQ(describe(layer.weights, Type::bf16), row.problem);
    EXPECT_TRUE(std::string(row.problem).starts_with(layer.scheme));
    const auto valid = validate(layer.weights);
    EXPECT_TRUE(valid.ok()) << valid.error().message;
  }
}

TEST(Importers, ActOrderSortsStably) {
  const auto checkpoint = open(small_checkpoint("gptq_act_order"));
  ASSERT_TRUE(checkpoint.ok());
  const Weights& w = checkpoint->layers[0].weights;
  for (int32_t i = 0; i < 64; ++i) EXPECT_EQ(w.perm[static_cast<size_t>(i)], i < 32 ? 2 * i : 2 * (i - 32) + 1);
  EXPECT_EQ(checkpoint->layers[0].group_of_k[3], 1);
}

TEST(Importers, GgufListsUnsupportedTypes) {
  const auto checkpoint = open(small_checkpoint("gguf"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  std::string listed;
  for (const Layer& layer : checkpoint->layers)
    listed += layer.name + ": " +
              (layer.unsupported.empty() ? describe(layer.weights, Type::bf16) : layer.unsupported) + "\n";
  EXPECT_EQ(listed,
            "blk.0.attn_q: w4a16 m=* n=3 k=64 a=bf16 g=32 s=f16 epilogue=bias\n"
            "blk.0.attn_k: w4a16 m=* n=3 k=64 a=bf16 g=32 zp=float z=0 s=f16\n"
            "blk.0.attn_v: w8a16 m=* n=5 k=32 a=bf16 g=32 s=f16\n"
            "blk.0.ffn_down: w4a16 m=* n=2 k=512 a=bf16 g=32 zp=float z=0\n"
            "blk.0.ffn_up: tensor type q6_k; q4_0, q4_1, q8_0 and q4_k are read\n"
            "blk.0.ffn_gate: tensor type number 77 is not known\n");
}

/// The text of a file with `from` replaced once; the header's length is set right.
void replace(SmallCheckpoint& checkpoint, const std::string& file, const std::string& from, const std::string& to) {
  std::string& bytes = checkpoint.files.at(file);
  const size_t at = bytes.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  bytes.replace(at, from.size(), to);
  if (file.ends_with(".safetensors")) {
    const size_t end = bytes.find("}}") + 2;
    bytes = safetensors_bytes(bytes.substr(8, end - 8), bytes.substr(end));
  }
}

struct Changed {
  const char* checkpoint;
  const char* file;
  const char* from;
  const char* to;
  const char* message;  // a part of it
};

constexpr const char* config = "config.json";
constexpr const char* tensors = "model.safetensors";

TEST(Importers, MalformedIsInvalidWithTheTensorsName) {
  const Changed cases[] = {
      {"gptq", tensors, "[8,16]", "[16,8]", "up_proj.bias': shape [16] does not fit; [8] would"},
      {"awq", tensors, "[64,2]", "[128]", "up_proj.qweight': shape [128] is not a matrix"},
      {"gptq", tensors, ".scales\"", ".scale\"", "tensor 'model.layers.0.mlp.up_proj.scales' is missing"},
      {"gptq", tensors, ".qweight\"", ".weights\"", "tensor 'model.layers.0.mlp.up_proj.qweight' is missing"},
      {"gptq", tensors, ".qzeros\"", ".zeros\"", "up_proj.qzeros' is missing"},
      {"awq", tensors, "[2,2]", "[4]", "up_proj.qzeros': shape [4] does not fit; [2, 2] would"},
      {"awq", tensors, "\"F16\"", "\"I16\"", "up_proj.scales': dtype I16 does not fit; f16, bf16, f32 would"},
      {"awq", config, "\"group_size\": 32", "\"group_size\": 16",
       "up_proj.scales': shape [2, 16] does not fit; [4, 16] would"},
      {"awq", config, "\"group_size\": 32", "\"group_size\": 0", "group_size=0"},
      {"awq", config, "\"group_size\": 32", "\"group_size\": 1e3", "group_size=1000.0 is not an integer"},
      {"awq", config, "\"bits\": 4,", "", "bits or group_size is missing"},
      {"gptq_act_order", config, "[0-9]", "[0-9", "is no regular expression"},
      {"ct_odd", tensors, "\"I64\",\"shape\":[2]", "\"I32\",\"shape\":[4]",
       "up_proj.weight_shape': dtype I32 does not fit; i64 would"},
      {"ct_odd", tensors, "[5,3]", "[3,5]", "up_proj.weight_packed': shape [3, 5] does not fit; [5, 3] would"},
      {"ct_w8a8", tensors, "\"I8\"", "\"U8\"", "up_proj.weight': dtype U8"},
      {"ct_w8a8_tensor", tensors, "\"F32\",\"shape\":[1]", "\"F16\",\"shape\":[2]",
       "up_proj.weight_scale': has 4 bytes"},
      {"ct_asymmetric", tensors, ".weight_zero_point", ".zero_point", "up_proj.weight_zero_point' is missing"},
      {"ct_w4a8", config, "\"num_bits\": 4", "\"num_bits\": null", "num_bits of weights"},
      {"ct_w4a8", config, "config_groups", "groups", "config_groups is missing"},
  };
  for (const Changed& c : cases) {
    SCOPED_TRACE(std::string(c.checkpoint) + ": " + c.to);
    SmallCheckpoint checkpoint = small_checkpoint(c.checkpoint);
    replace(checkpoint, c.file, c.from, c.to);
    const auto opened = open(checkpoint);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().kind, ErrorKind::invalid);
    EXPECT_NE(opened.error().message.find(c.message), std::string::npos) << opened.error().message;
  }
}

TEST(Importers, AKeyOfAnotherTypeIsInvalid) {
  const Changed cases[] = {
      {"gptq", config, "\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": 3",
       "checkpoint_format=3 is not a string"},
      {"gptq", config, "\"sym\": false", "\"sym\": \"x\"", "sym=\"x\" is not true or false"},
      {"gptq", config, "\"bits\": 4", "\"bits\": \"4\"", "bits=\"4\" is not an integer"},
      {"gptq", config, "\"bits\": 4", "\"bits\": 4, \"pack_dtype\": [1]", "pack_dtype=[1] is not a string"},
      {"gptq", config, "\"bits\": 4", "\"bits\": 4, \"data_type\": {}", "data_type={} is not a string"},
      {"gptq", config, "\"bits\": 4", "\"bits\": 4, \"dynamic\": [1]", "dynamic=[1] is not an object"},
      {"gptq", config, "\"bits\": 4", "\"bits\": 4, \"dynamic\": {\".*up_proj.*\": 8}",
       ".*up_proj.*=8 is not an object"},
      {"awq", config, "\"gemm\"", "1", "version=1 is not a string"},
      {"awq", config, "\"bits\": 4", "\"bits\": 4, \"format\": true", "format=true is not a string"},
      {"awq", config, "[\"visual\"]", "\"visual\"", "modules_to_not_convert=\"visual\" is not an array"},
      {"awq", config, "\"visual\"", "1", "an entry of modules_to_not_convert=1 is not a string"},
      {"autoround", config, "\"packing_format\": \"auto_round\"", "\"packing_format\": 1",
       "packing_format=1 is not a string"},
      {"autoround", config, "\"packing_format\"", "\"act_bits\": \"8\", \"packing_format\"",
       "act_bits=\"8\" is not an integer"},
      {"ct_w4a8", config, "[\"lm_head\", \"re:.*gate$\"]", "2", "ignore=2 is not an array"},
      {"ct_w4a8", config, "[\"Linear\"]", "\"Linear\"", "targets=\"Linear\" is not an array"},
      {"ct_w4a8", config, "\"dynamic\": true", "\"dynamic\": 1", "dynamic=1 is not true or false"},
      {"ct_w4a8", config, "\"num_bits\": 4", "\"num_bits\": \"4\"", "num_bits=\"4\" is not an integer"},
      {"ct_w4a8", config, "\"type\": \"int\", \"dynamic\": false", "\"type\": 4", "type=4 is not a string"},
      {"ct_w8a8", config, "\"symmetric\": true", "\"symmetric\": 1", "symmetric=1 is not true or false"},
  };
  for (const Changed& c : cases) {
    SCOPED_TRACE(std::string(c.checkpoint) + ": " + c.to);
    SmallCheckpoint checkpoint = small_checkpoint(c.checkpoint);
    replace(checkpoint, c.file, c.from, c.to);
    const auto opened = open(checkpoint);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().kind, ErrorKind::invalid);
    EXPECT_NE(
        opened.error().message.find(std::string("/config.json: layer 'model.layers.0.mlp.up_proj': ") + c.message),
        std::string::npos)
        << opened.error().message;
  }
}

TEST(Importers, WellFormedButNotReadIsALayerWithAReason) {
  const Changed cases[] = {
      {"gptq", config, "\"bits\": 4", "\"bits\": 3", "bits=3; gptq is read with 4 or 8"},
      {"gptq", config, "\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": \"marlin\"",
       "checkpoint_format=marlin"},
      {"gptq_act_order", config, "-:.*gate.*", "-:.*up_proj.*", "dynamic excludes the layer"},
      {"awq", config, "\"gemm\"", "\"gemv\"", "AWQ version=gemv"},
      {"awq", config, "visual", "up_proj", "modules_to_not_convert has \"up_proj\""},
      {"autoround", config, "\"packing_format\": \"auto_round\"", "\"packing_format\": \"auto_round:llm_compressor\"",
       "packing_format="},
      {"autoround", config, "\"group_size\": 32", "\"bits\": 16", "bits=16"},
      {"ct_w4a8", config, "re:.*gate$", "re:.*up_proj$", "ignore list names the layer"},
      {"ct_w4a8", config, "\"Linear\"", "\"Embedding\"", "no group of config_groups"},
      {"ct_w4a8", config, "int-quantized", "float-quantized", "format=float-quantized"},
      {"ct_w4a8", config, "\"dynamic\": true", "\"dynamic\": false", "input_activations with num_bits=8"},
      {"ct_w8a8", config, "\"num_bits\": 8, \"symmetric\": true", "\"num_bits\": 8, \"symmetric\": false",
       "asymmetric int-quantized"},
      {"ct_w8a8", config, "\"num_bits\": 8, \"symmetric\"", "\"num_bits\": 6, \"symmetric\"",
       "weights of type int with 6 bits"},
  };
  for (const Changed& c : cases) {
    SCOPED_TRACE(std::string(c.checkpoint) + ": " + c.to);
    SmallCheckpoint checkpoint = small_checkpoint(c.checkpoint);
    replace(checkpoint, c.file, c.from, c.to);
    const auto opened = open(checkpoint);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    ASSERT_EQ(opened->layers.size(), 1u);
    EXPECT_NE(opened->layers[0].unsupported.find(c.message), std::string::npos) << opened->layers[0].unsupported;
    EXPECT_EQ(opened->layers[0].name, "model.layers.0.mlp.up_proj");
  }
}

TEST(Importers, UnevenGroupsOfActOrderAreUnsupported) {
  SmallCheckpoint checkpoint = small_checkpoint("gptq_act_order");
  std::string& file = checkpoint.files.at(tensors);
  const std::string pair("\x00\x00\x00\x00\x01\x00\x00\x00", 8);
  const size_t at = file.find(pair + pair);
  file[at + 4] = 0;
  const auto opened = open(checkpoint);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->layers[0].unsupported, "g_idx gives group 0 33 weights; act-order is read when it has 32");
  file[at + 4] = 9;
  EXPECT_NE(open(checkpoint).error().message.find("g_idx': entry 1 is 9; there are 2 groups"), std::string::npos);
}

TEST(Importers, SymmetricGptqIgnoresItsZeroWords) {
  for (const char* version : {"gptq", "gptq_v2"}) {
    SmallCheckpoint checkpoint = small_checkpoint("gptq");
    replace(checkpoint, config, "\"sym\": false, \"checkpoint_format\": \"gptq\"",
            std::string("\"sym\": true, \"checkpoint_format\": \"") + version + "\"");
    const auto opened = open(checkpoint);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->layers[0].format, version);
    EXPECT_EQ(read_zero(opened->layers[0].weights, 1, 5), 8);
  }
}

}  // namespace
}  // namespace tilejit::test

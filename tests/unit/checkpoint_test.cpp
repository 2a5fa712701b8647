// Which files a checkpoint is made of, and which method reads it.
#include <gtest/gtest.h>
#include <tilejit/checkpoint.h>

#include "tests/support/checkpoint_files.h"

namespace tilejit::test {
namespace {

std::string error_of(const SmallCheckpoint& checkpoint, ErrorKind kind) {
  const TemporaryFolder folder;
  const auto opened = Checkpoint::open(checkpoint.write(folder));
  if (opened.ok()) return "opened";
  EXPECT_EQ(opened.error().kind, kind) << opened.error().message;
  return opened.error().message;
}

TEST(CheckpointFiles, NamesWhatIsMissing) {
  EXPECT_EQ(Checkpoint::open("/nowhere").error().message, "/nowhere: no such file or directory");
  EXPECT_NE(Checkpoint::open("/dev/null").error().message.find("neither a directory"), std::string::npos);
  SmallCheckpoint checkpoint = small_checkpoint("awq");
  checkpoint.files.erase("model.safetensors");
  EXPECT_NE(error_of(checkpoint, ErrorKind::invalid).find("has neither model.safetensors.index.json nor"),
            std::string::npos);
  checkpoint.files.erase("config.json");
  EXPECT_NE(error_of(checkpoint, ErrorKind::invalid)
                .find(": has no config.json and no quantize_config.json; a directory with one of them and safetensors "
                      "files is read, or a .gguf file"),
            std::string::npos);
  checkpoint.files["config.json"] = "{}";
  EXPECT_NE(error_of(checkpoint, ErrorKind::unsupported)
                .find("config.json has no quantization_config and there is no quantize_config.json"),
            std::string::npos);
}

TEST(CheckpointFiles, RefusesConfigurations) {
  const std::tuple<const char*, ErrorKind, const char*> cases[] = {
      {R"({"quantization_config": {"quant_method": "bitsandbytes"}})", ErrorKind::unsupported,
       "quant_method=bitsandbytes is not read"},
      {R"({"quantization_config": [1]})", ErrorKind::invalid, "/config.json: quantization_config=[1] is not an object"},
      {R"({"quantization_config": {"quant_method": 4}})", ErrorKind::invalid,
       "/config.json: quant_method=4 is not a string"},
      {R"({"quantization_config": {"quant_method": "compressed-tensors"}})", ErrorKind::invalid,
       "no tensor ends in .weight_packed"},
      {R"({"a": 1, "a": 2})", ErrorKind::invalid, "the key 'a' occurs twice"},
      {R"({"a": )", ErrorKind::invalid, "config.json: not the expected JSON"},
      {"[]", ErrorKind::invalid, "is not an object"},
      {"", ErrorKind::invalid, "config.json: not the expected JSON"},
  };
  for (const auto& [text, kind, message] : cases) {
    SmallCheckpoint checkpoint = small_checkpoint("awq");
    checkpoint.files["config.json"] = text;
    const std::string error = error_of(checkpoint, kind);
    EXPECT_NE(error.find(message), std::string::npos) << error;
  }
}

TEST(CheckpointFiles, DeepNestingIsAnErrorAndNoCrash) {
  SmallCheckpoint checkpoint = small_checkpoint("awq");
  checkpoint.files["config.json"] = "{\"a\":" + std::string(1'000'000, '[');
  EXPECT_NE(error_of(checkpoint, ErrorKind::invalid).find("nested deeper"), std::string::npos);
}

TEST(CheckpointFiles, MessagesAreOneLine) {
  SmallCheckpoint checkpoint = small_checkpoint("awq");
  checkpoint.files["config.json"] = R"({"quantization_config": {"quant_method": "a\nb"}})";
  EXPECT_NE(error_of(checkpoint, ErrorKind::unsupported).find("quant_method=a?b"), std::string::npos);
}

TEST(CheckpointFiles, WeightsOutliveTheCheckpoint) {
  Weights weights;
  {
    const TemporaryFolder folder;
    auto opened = Checkpoint::open(small_checkpoint("gptq_act_order").write(folder));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    weights = opened->layers[0].weights;
  }
  EXPECT_TRUE(validate(weights).ok());
}

TEST(CheckpointFiles, EarlyNamesOfKeysAndFilesWork) {
  SmallCheckpoint checkpoint = small_checkpoint("awq");
  checkpoint.files["config.json"] = "{}";
  checkpoint.files["quantize_config.json"] =
      R"({"zero_point": true, "q_group_size": 32, "w_bit": 4, "version": "GEMM"})";
  checkpoint.files["weights.safetensors"] = checkpoint.files["model.safetensors"];
  checkpoint.files.erase("model.safetensors");
  const TemporaryFolder folder;
  const auto opened = Checkpoint::open(checkpoint.write(folder));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->layers[0].format, "awq");
}

}  // namespace
}  // namespace tilejit::test

// The three commands of `tilejit`. Each returns an exit status, or the error that ends it.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tilejit::command {

struct RunOptions {
  std::vector<std::string> checkpoints;  // Hugging Face directories, .gguf files, and folders of both
  std::string layer = ".*";              // a regular expression; it may match anywhere in the name
  std::vector<int64_t> m = {1, 16, 256};
  std::string target = "host";
  std::string device = "auto";
  int threads = 0;          // 0: OpenMP's default
  std::string activations;  // a safetensors file with `<layer>.input`; empty: seeded normals
  bool json = false;
};
/// Every quantized linear layer: import, pack, compile, run, compare with the double reference.
Result<int> run(const RunOptions& options);

struct LinearArguments {
  std::string problem;
  std::string schedule;    // empty: the target's default
  std::vector<int64_t> m;  // empty: the problem's m, else 1, 16 and 256
  std::string target = "host";
  std::string device = "auto";
  int threads = 0;
  bool json = false;
};
/// One problem with random weights.
Result<int> linear(const LinearArguments& arguments);

struct InfoArguments {
  bool json = false;
};
/// What this machine is and what runs on it.
Result<int> info(const InfoArguments& arguments);

}  // namespace tilejit::command

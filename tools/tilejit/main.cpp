// tilejit: runs quantized linear layers and says how fast and how right they are.
#include <CLI/CLI.hpp>

#include "tools/report/exit_status.h"
#include "tools/tilejit/commands.h"

namespace tilejit::command {
namespace {

constexpr const char* tool = "tilejit";
constexpr const char* devices =
    "What executes the code: native, hip (a GPU), emulated, or auto (native or hip where this machine can)";

CLI::Range rows_range() { return CLI::Range(int64_t{1}, int64_t{1} << 30); }
CLI::Range threads_range() { return CLI::Range(1, 1024); }

CLI::App* declare_run(CLI::App& app, RunOptions& options) {
  CLI::App* run = app.add_subcommand("run", "Every quantized linear layer of checkpoints");
  run->add_option(
         "checkpoint", options.checkpoints,
         "Hugging Face directories and .gguf files; a directory without a configuration stands for those in it")
      ->required();
  run->add_option("--layer", options.layer, "Only layers whose name this regular expression matches");
  run->add_option("--m", options.m, "Rows of activations: 1,16,256")->delimiter(',')->check(rows_range());
  run->add_option("--target", options.target, "host, ref, or a row of a CPU or GPU (tilejit info)");
  run->add_option("--device", options.device, devices);
  run->add_option("--threads", options.threads, "Default: OpenMP's")->check(threads_range());
  run->add_option("--activations", options.activations,
                  "A safetensors file with tensors <layer>.input; a layer without one runs on random data and says so");
  run->add_flag("--json", options.json, "One array of objects instead of a table");
  return run;
}

CLI::App* declare_linear(CLI::App& app, LinearArguments& arguments) {
  CLI::App* linear = app.add_subcommand("linear", "One problem with random weights");
  linear->add_option("problem", arguments.problem, "\"w4a16 n=4096 k=4096 a=bf16 g=128\"")->required();
  linear->add_option("--schedule", arguments.schedule, "A schedule line; default: the target's choice");
  linear->add_option("--m", arguments.m, "Rows of activations: 1,16,256")->delimiter(',')->check(rows_range());
  linear->add_option("--target", arguments.target, "host, ref, or a row of a CPU or GPU (tilejit info)");
  linear->add_option("--device", arguments.device, devices);
  linear->add_option("--threads", arguments.threads, "Default: OpenMP's")->check(threads_range());
  linear->add_flag("--json", arguments.json, "One array of objects instead of a table");
  return linear;
}

}  // namespace
}  // namespace tilejit::command

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("Quantized linear layers, compiled for this machine", command::tool);
  app.require_subcommand(1);
  command::RunOptions run_options;
  command::LinearArguments linear_arguments;
  command::InfoArguments info_arguments;
  const CLI::App* run = command::declare_run(app, run_options);
  const CLI::App* linear = command::declare_linear(app, linear_arguments);
  CLI::App* info = app.add_subcommand("info", "This machine: CPU row, features, caches, schemes");
  info->add_flag("--json", info_arguments.json, "An array of one object instead of text");
  return report::run_main(app, argc, argv, [&] {
    return run->parsed()      ? command::run(run_options)
           : linear->parsed() ? command::linear(linear_arguments)
                              : command::info(info_arguments);
  });
}

// jitdump: every stage of a compilation as text, and whether the machine agrees with the interpreter.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "targets/targets.h"
#include "tools/jitdump/check.h"
#include "tools/jitdump/dump.h"
#include "tools/jitdump/list.h"
#include "tools/jitdump/listing.h"
#include "tools/jitdump/prediction.h"
#include "tools/jitdump/traffic.h"
#include "tools/report/device.h"
#include "tools/report/exit_status.h"

namespace tilejit::jitdump {
namespace {

constexpr const char* tool = "jitdump";

struct Options {
  Request request;
  std::vector<std::string> stages;  // empty: asm and resources, or none when a check is asked for
  std::string device = "auto";
  bool run = false;
  bool bisect = false;
  bool traffic = false;
  bool json = false;
  bool list = false;
};

/// Empty for a seed, else what is wrong: CLI11 itself would wrap a negative number around.
std::string check_seed(const std::string& text) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? "" : fmt::format("{} is not a whole number from 0 to 2^64 - 1", text);
}

void declare(CLI::App& app, Options& options) {
  app.add_option("problem", options.request.problem, "A problem line: \"w4a16 m=1 n=4096 k=4096 a=bf16 g=128\"");
  app.add_option("--schedule", options.request.schedule,
                 "A schedule line; default: what a Linear uses for m, tuned or not");
  app.add_option("--target", options.request.target, "host, ref, or a row of a CPU or GPU (--list)");
  app.add_option("--stage", options.stages, "Stages to print, or all; default: asm,resources")->delimiter(',');
  app.add_option("--from", options.request.file, "Compile this .tile file instead of a problem");
  app.add_option("--m", options.request.m, "Rows of activations; default: the problem's m, else 5")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30));
  app.add_option("--seed", options.request.seed, "Seed of the operands of --run and --bisect")->check(check_seed);
  app.add_option(
      "--device", options.device,
      "What --run and --bisect execute the code on: native, emulated (GPUs always), or auto (native where this "
      "CPU can)");
  app.add_flag("--run", options.run, "Run the code here and compare with the interpreter");
  app.add_flag("--bisect", options.bisect, "Name the first stage whose result differs");
  app.add_flag("--traffic", options.traffic,
               "Run all tasks on a GPU's emulator and count the bytes that they move, by buffer");
  app.add_flag("--json", options.json, "One array of objects instead of text");
  app.add_flag("--list", options.list, "Print targets, stages, ops and formats");
}

Result<void> check_options(const Options& options) {
  if (options.list) return {};
  if (options.request.problem.empty() == options.request.file.empty())
    return invalid("give either a problem line or --from FILE.tile (see --help)");
  if (!options.request.file.empty() && !options.request.schedule.empty())
    return invalid("--schedule has no meaning with --from: the file says how it is tiled");
  const std::vector<std::string> names = stage_names();
  for (const std::string& stage : options.stages)
    if (stage != "all" && std::find(names.begin(), names.end(), stage) == names.end())
      return invalid(fmt::format("--stage {} is no stage; there are all, {}", stage, fmt::join(names, ", ")));
  return {};
}

bool is_wanted(const Options& options, const std::string& stage) {
  if (options.stages.empty())
    return !options.run && !options.bisect && !options.traffic && (stage == "asm" || stage == "resources");
  return std::any_of(options.stages.begin(), options.stages.end(),
                     [&](const std::string& s) { return s == "all" || s == stage; });
}

/// The headings are comments of the IR, so that `--stage tile` prints a file that `--from` reads.
void print_text(const Options& options, const Dump& dump) {
  for (const Section& section : dump.sections)
    if (is_wanted(options, section.stage))
      fmt::print("// {}{}{}\n{}\n", section.stage, section.kernel.empty() ? "" : " ", section.kernel, section.text);
}

/// The kernel whose resources a section has.
std::optional<size_t> kernel_of(const Dump& dump, const Section& section) {
  for (size_t i = 0; i < dump.kernels.size(); ++i)
    if (section.stage == "resources" && dump.kernels[i].kernel.name == section.kernel) return i;
  return std::nullopt;
}

nlohmann::ordered_json sections_json(const Options& options, const Dump& dump) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Section& section : dump.sections) {
    if (!is_wanted(options, section.stage)) continue;
    nlohmann::ordered_json row{{"problem", dump.source.problem},   {"target", dump.source.target->facts().name},
                               {"schedule", dump.source.schedule}, {"schedule_origin", dump.source.origin},
                               {"compile_us", dump.compile_us},    {"stage", section.stage},
                               {"kernel", section.kernel},         {"text", section.text}};
    if (const auto i = kernel_of(dump, section)) {
      row["resources"] = resources_json(dump.kernels[*i].code);
      row["predictions"] = prediction_json(dump.kernels[*i], dump.source.m);
      row["counted"] = dump.counted.empty()
                           ? nlohmann::ordered_json()
                           : counted_json(dump.counted[*i], dump.source.m, dump.source.target->facts());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// Code of a GPU is compared on the emulator, on machines with that GPU as well.
Result<Device> choose_device(const Options& options) {
  const Target& target = *TRY(find_target(options.request.target));
  if (options.device == "auto" && target.facts().is_gpu) return Device::emulated;
  return report::choose_device(options.device, options.request.target);
}

/// Every stage that was asked for is there: a CPU's code has no LLVM IR, and a file no problem.
Result<void> check_stages(const Options& options, const Dump& dump) {
  std::vector<std::string> there;
  for (const Section& section : dump.sections)
    if (std::find(there.begin(), there.end(), section.stage) == there.end()) there.push_back(section.stage);
  for (const std::string& stage : options.stages)
    if (stage != "all" && std::find(there.begin(), there.end(), stage) == there.end())
      return invalid(fmt::format("--stage {} is none of what {} on {} has: {}", stage,
                                 options.request.file.empty() ? "a problem" : options.request.file,
                                 dump.source.target->facts().name, fmt::join(there, ", ")));
  return {};
}

/// The checks that were asked for, each with its name.
Result<std::vector<std::pair<const char*, CheckResult>>> run_checks(const Options& options, const Dump& dump) {
  std::vector<std::pair<const char*, CheckResult>> checks;
  const uint64_t seed = options.request.seed;
  const Device device = TRY(choose_device(options));
  if (options.run) checks.emplace_back("run", TRY(run_and_compare(dump, device, seed)));
  if (options.bisect) checks.emplace_back("bisect", TRY(find_first_wrong_stage(dump.source, device, seed)));
  return checks;
}

Result<int> dump_and_check(const Options& options) {
  TRY(check_options(options));
  if (options.list) {
    fmt::print("{}", options.json ? list_json_text() : list_text());
    return report::exit_ok;
  }
  Source source = TRY(load_source(options.request));
  const Counting counting = is_wanted(options, "resources") ? Counting::first_task : Counting::none;
  const Dump dumped = TRY(dump(std::move(source), counting, options.request.seed));
  TRY(check_stages(options, dumped));
  if (!options.json) print_text(options, dumped);
  const auto checks = TRY(run_checks(options, dumped));
  nlohmann::ordered_json rows = options.json ? sections_json(options, dumped) : nlohmann::ordered_json();
  bool all_ok = true;
  for (const auto& [name, check] : checks) {
    all_ok = all_ok && check.ok;
    if (options.json)
      rows.push_back({{"stage", name}, {"ok", check.ok}, {"text", check.text}});
    else
      fmt::print("{}\n", check.text);
  }
  if (options.traffic) {
    const auto traffic = TRY(count_traffic(dumped.source, dumped.kernels, options.request.seed));
    if (options.json)
      rows.push_back({{"stage", "traffic"}, {"kernels", traffic_json(traffic)}});
    else
      fmt::print("{}", traffic_text(traffic));
  }
  if (options.json) fmt::print("{}\n", rows.dump(1));
  return all_ok ? report::exit_ok : report::exit_failed;
}

}  // namespace
}  // namespace tilejit::jitdump

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("Every stage of a compilation as text, and whether the machine agrees with the interpreter",
               jitdump::tool);
  jitdump::Options options;
  jitdump::declare(app, options);
  return report::run_main(app, argc, argv, [&] { return jitdump::dump_and_check(options); });
}

#include <fmt/format.h>
#include <tilejit/checkpoint.h>

#include <optional>
#include <regex>
#include <utility>

#include "bench/measure/machine.h"
#include "runtime/safetensors.h"
#include "tools/report/device.h"
#include "tools/report/run_layer.h"
#include "tools/tilejit/activations.h"
#include "tools/tilejit/checkpoints.h"
#include "tools/tilejit/commands.h"

namespace tilejit::command {
namespace {

using report::Row;
constexpr std::string_view columns[] = {"checkpoint", "layer",   "n x k", "scheme",  "format", "m",       "device",
                                        "compile us", "time us", "GB/s",  "GFLOP/s", "rel_l2", "SQNR dB", "ok"};

/// The last part of a path: a folder or file name is what people know a checkpoint by.
std::string name_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path.substr(path.find_last_of('/') + 1);
}

Result<std::regex> compile_regex(const std::string& text) {
  try {
    return std::regex(text);
  } catch (const std::regex_error& e) {
    return invalid(fmt::format("--layer {} is no regular expression: {}", text, e.what()));
  }
}

Result<void> run_one(const std::string& checkpoint, const Layer& layer, const RunOptions& options,
                     const TensorSet& tensors, std::vector<Row>& rows) {
  Row row;
  row.checkpoint = name_of(checkpoint);
  row.layer = layer.name;
  row.format = layer.format;
  row.scheme = layer.scheme;
  row.n = layer.weights.n;
  row.k = layer.weights.k;
  row.target = report::target_name(options.target);
  if (!layer.unsupported.empty()) {
    row.note = "unsupported: " + layer.unsupported;
    rows.push_back(std::move(row));
    return {};
  }
  const auto activations = TRY(find_activations(tensors, layer.name, layer.weights.k));
  report::LayerRun run;
  run.problem = TRY(parse_problem(describe(layer.weights, Type::bf16)));
  run.m = options.m;
  run.options.target = options.target;
  run.options.device = TRY(report::choose_device(options.device, options.target));
  run.options.threads.max_threads = options.threads;
  run.activations = activations ? &*activations : nullptr;
  for (Row& one : TRY(report::run_layer(row, layer.weights, run))) {
    // Whoever gave a file expects its data.
    if (!options.activations.empty() && one.activations == "random")
      one.note += (one.note.empty() ? "" : "; ") + std::string("random activations");
    rows.push_back(std::move(one));
  }
  return {};
}

void print_rows(const std::vector<Row>& rows, bool json) {
  if (json) {
    fmt::print("{}", report::to_json_text(rows));
    return;
  }
  fmt::print("{}\n{}{}\n", measure::to_line(measure::inspect_machine()), report::to_table(rows, columns),
             report::totals(rows));
}

}  // namespace

Result<int> run(const RunOptions& options) {
  TRY(report::choose_device(options.device, options.target));
  const std::regex wanted = TRY(compile_regex(options.layer));
  const TensorSet tensors = options.activations.empty() ? TensorSet() : TRY(read_safetensors(options.activations));
  std::vector<Row> rows;
  for (const std::string& path : find_checkpoints(options.checkpoints)) {
    const Checkpoint checkpoint = TRY(Checkpoint::open(path));
    for (const Layer& layer : checkpoint.layers)
      if (std::regex_search(layer.name, wanted)) TRY(run_one(path, layer, options, tensors, rows));
  }
  if (rows.empty()) return invalid(fmt::format("no layer matches --layer {}", options.layer));
  print_rows(rows, options.json);
  return report::exit_status_of(rows);
}

}  // namespace tilejit::command

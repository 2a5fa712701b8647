// bench_pack: how fast the weights of every format are checked and packed, in bytes of the checkpoint per second and thread.
#include <fmt/format.h>
#include <tilejit/result.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/measure/machine.h"
#include "bench/pack/pack_row.h"
#include "ir/quant.h"
#include "targets/targets.h"
#include "tools/report/exit_status.h"
#include "tools/report/table.h"

namespace tilejit::bench {
namespace {

constexpr const char* tool = "bench_pack";

struct Options {
  std::string format;  // empty: all
  int64_t n = 0;       // 0 with k=0: the two usual sizes
  int64_t k = 0;
  int64_t group = 128;
  std::vector<int> threads = {1, 2};
  std::string target = "host";
  int repetitions = 9;
  bool json = false;
};

void declare(CLI::App& app, Options& options) {
  const CLI::Range sizes(int64_t{1}, int64_t{1} << 20);
  CLI::Option* n = app.add_option("--n", options.n, "Channels; default: 4096 x 4096 g=128 and 8192 x 8192 g=32");
  CLI::Option* k = app.add_option("--k", options.k, "Weights of a channel")->check(sizes);
  n->check(sizes)->needs(k);
  k->needs(n);
  app.add_option("--group", options.group, "Weights per scale; ggml formats have 32")->check(sizes)->needs(n);
  app.add_option("--format", options.format, "One of `jitdump --list`; default: each packing");
  app.add_option("--threads", options.threads, "Thread counts: 1,2")->delimiter(',')->check(CLI::Range(1, 1024));
  app.add_option("--target", options.target, "host or a row: whose layout is packed");
  app.add_option("--repetitions", options.repetitions, "Samples of each row")->check(CLI::Range(1, 1000));
  app.add_flag("--json", options.json, "One array of objects instead of a table");
}

/// Formats that share a packing differ in zero points only.
bool is_wanted(const QuantFormat& format, const Options& options) {
  if (!options.format.empty()) return format.name == options.format;
  return &format == &quant_format_of(format.packing);
}

std::vector<Type> weight_types(const QuantFormat& format) {
  if (format.is_dense) return {Type::bf16, Type::f16, Type::f32};
  std::vector<Type> types;
  if (format.has_4_bits) types.push_back(Type::u4);
  if (format.has_8_bits) types.push_back(Type::u8);
  return types;
}

Result<std::vector<PackRow>> time_rows(const Options& options, const TargetFacts& target) {
  std::vector<LayerSize> sizes = {{4096, 4096, 128}, {8192, 8192, 32}};
  if (options.n != 0) sizes = {{options.n, options.k, options.group}};
  if (!options.format.empty() && find_quant_format(options.format) == nullptr)
    return invalid(fmt::format("format '{}' is unknown; `jitdump --list` prints all", options.format));
  std::vector<PackRow> rows;
  for (const LayerSize& size : sizes)
    for (const QuantFormat& format : quant_formats()) {
      if (!is_wanted(format, options)) continue;
      for (const Type weight : weight_types(format)) {
        const std::vector<Weights> copies = copies_beyond_caches({.format = &format, .weight = weight}, size);
        for (const int threads : options.threads)
          rows.push_back(TRY(time_row(copies, threads, options.repetitions, target)));
      }
    }
  return rows;
}

void print_text(const std::vector<PackRow>& rows) {
  report::Table table;
  table.add_column("format", report::Align::left);
  for (const char* title : {"weights", "n", "k", "g", "threads", "MB", "pack ms", "spread", "pack GB/s/thread",
                            "validate ms", "both GB/s/thread"})
    table.add_column(title, report::Align::right);
  for (const PackRow& row : rows) {
    table.add_row({row.format, std::string(to_string(row.weight)), std::to_string(row.size.n),
                   std::to_string(row.size.k), std::to_string(row.size.group), std::to_string(row.threads),
                   fmt::format("{:.1f}", static_cast<double>(row.stored_bytes) * 1e-6),
                   fmt::format("{:.2f}", row.pack_seconds.median * 1e3),
                   fmt::format("{:.0f}%", row.pack_seconds.spread() * 100), fmt::format("{:.2f}", row.pack_gbps()),
                   fmt::format("{:.2f}", row.validate_seconds.median * 1e3), fmt::format("{:.2f}", row.both_gbps())});
  }
  fmt::print("{}\n{}\n", measure::to_line(measure::inspect_machine()), table.text());
}

void print_json(const std::vector<PackRow>& rows, const std::string& target) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const PackRow& row : rows)
    array.push_back({{"format", row.format},
                     {"weights", to_string(row.weight)},
                     {"n", row.size.n},
                     {"k", row.size.k},
                     {"group", row.size.group},
                     {"target", target},
                     {"threads", row.threads},
                     {"stored_bytes", row.stored_bytes},
                     {"time_us", row.pack_seconds.median * 1e6},
                     {"spread", row.pack_seconds.spread()},
                     {"validate_us", row.validate_seconds.median * 1e6},
                     {"gbps_per_thread", row.pack_gbps()},
                     {"gbps_per_thread_with_validate", row.both_gbps()}});
  fmt::print("{}\n", array.dump(1));
}

Result<int> bench(const Options& options) {
  const Target* target = TRY(find_target(options.target));
  const std::vector<PackRow> rows = TRY(time_rows(options, target->facts()));
  if (options.json)
    print_json(rows, target->facts().name);
  else
    print_text(rows);
  return report::exit_ok;
}

}  // namespace
}  // namespace tilejit::bench

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("How fast the weights of a checkpoint are packed, format by format", bench::tool);
  bench::Options options;
  bench::declare(app, options);
  return report::run_main(app, argc, argv, [&] { return bench::bench(options); });
}

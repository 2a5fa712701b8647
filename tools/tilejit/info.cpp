#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tilejit/linear.h>

#include "bench/measure/machine.h"
#include "bench/measure/roofs.h"
#include "targets/targets.h"
#include "tools/report/run_layer.h"
#include "tools/report/table.h"
#include "tools/tilejit/commands.h"

namespace tilejit::command {
namespace {

std::string features() {
  std::string text;
  for (const measure::Peak peak : measure::all_peaks)
    if (measure::has(peak)) text += fmt::format("{}{}", text.empty() ? "" : ", ", measure::to_string(peak));
  return text.empty() ? "none" : text;
}

std::string schemes() {
  report::Table table;
  table.add_column("scheme", report::Align::left);
  table.add_column("on this machine", report::Align::left);
  for (const Scheme scheme : {Scheme::w4a16, Scheme::w8a16, Scheme::w8a8, Scheme::w4a8, Scheme::w16a16}) {
    const auto supported = report::supports(scheme, "host");
    table.add_row(
        {std::string(to_string(scheme)), supported ? "supported" : "unsupported: " + supported.error().message});
  }
  return table.text();
}

}  // namespace

Result<int> info() {
  const measure::Machine machine = measure::inspect_machine();
  const auto host = find_target("host");
  fmt::print("tilejit {}\n", version());
  fmt::print("CPU       {}\n", machine.cpu);
  fmt::print("row       {}\n", host ? (*host)->facts().name : "none: " + host.error().message);
  fmt::print("dots      {}\n", features());
  fmt::print("caches    L1d {} KiB, L2 {} KiB, L3 {} MiB\n", machine.l1d_bytes >> 10, machine.l2_bytes >> 10,
             machine.l3_bytes >> 20);
  fmt::print("threads   {} at {:.2f} GHz\n", machine.threads, machine.clock_ghz);
  fmt::print("memory    huge pages: {}\n", machine.huge_pages);
  fmt::print("targets   host, {}\n\n{}", fmt::join(target_names(), ", "), schemes());
  return 0;
}

}  // namespace tilejit::command

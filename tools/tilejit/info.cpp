#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tilejit/linear.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/measure/machine.h"
#include "bench/measure/roofs.h"
#include "runtime/hip.h"
#include "targets/targets.h"
#include "tools/report/device.h"
#include "tools/report/run_layer.h"
#include "tools/report/table.h"
#include "tools/tilejit/commands.h"

namespace tilejit::command {
namespace {

using Json = nlohmann::ordered_json;
constexpr Scheme all_schemes[] = {Scheme::w4a16, Scheme::w8a16, Scheme::w8a8, Scheme::w4a8, Scheme::w16a16};

std::vector<std::string> features() {
  std::vector<std::string> names;
  for (const measure::Peak peak : measure::all_peaks)
    if (measure::has(peak)) names.emplace_back(measure::to_string(peak));
  return names;
}

/// What HIP reports, or why nothing.
Result<std::vector<hip::Gpu>> find_gpus() {
  const hip::Library* library = TRY(hip::Library::find());
  return library->gpus();
}

std::string gpus_text() {
  const auto gpus = find_gpus();
  if (!gpus) return "none: " + gpus.error().message;
  std::vector<std::string> names;
  for (const hip::Gpu& gpu : *gpus)
    names.push_back(fmt::format("{}: {}, {}{}", gpu.index, gpu.name, gpu.arch,
                                find_target(gpu.arch) ? "" : ", which no target is made for"));
  return fmt::format("{}", fmt::join(names, "; "));
}

Json gpus_json() {
  Json rows = Json::array();
  if (const auto gpus = find_gpus())
    for (const hip::Gpu& gpu : *gpus)
      rows.push_back(
          {{"index", gpu.index}, {"name", gpu.name}, {"arch", gpu.arch}, {"supported", find_target(gpu.arch).ok()}});
  return rows;
}

/// The machine's own CPU, and a GPU's row: what runs there.
struct Machine {
  std::string target;
  Device device;
};
std::vector<Machine> machines() {
  std::vector<Machine> all{{"host", Device::native}};
  if (const auto gpus = find_gpus())
    for (const hip::Gpu& gpu : *gpus)
      if (find_target(gpu.arch) && all.back().target != gpu.arch) all.push_back({gpu.arch, Device::hip});
  return all;
}

std::string schemes_text() {
  report::Table table;
  for (const char* title : {"scheme", "target", "on this machine"}) table.add_column(title, report::Align::left);
  for (const Machine& machine : machines())
    for (const Scheme scheme : all_schemes) {
      const auto supported = report::supports(scheme, machine.target, machine.device);
      table.add_row({std::string(to_string(scheme)), machine.target,
                     supported ? "supported" : "unsupported: " + supported.error().message});
    }
  return table.text();
}

Json schemes_json() {
  Json rows = Json::array();
  for (const Machine& machine : machines())
    for (const Scheme scheme : all_schemes) {
      const auto supported = report::supports(scheme, machine.target, machine.device);
      rows.push_back({{"scheme", to_string(scheme)},
                      {"target", machine.target},
                      {"supported", supported.ok()},
                      {"reason", supported ? Json() : Json(supported.error().message)}});
    }
  return rows;
}

std::string targets_text() {
  report::Table table;
  for (const char* title : {"target", "on this machine"}) table.add_column(title, report::Align::left);
  for (const std::string& name : target_names()) {
    const report::Place place = report::place_of(name);
    table.add_row({name, place.device.empty()   ? "no: " + place.reason
                         : place.reason.empty() ? place.device
                                                : place.device + ": " + place.reason});
  }
  return table.text();
}

Json targets_json() {
  Json rows = Json::array();
  for (const std::string& name : target_names()) {
    const report::Place place = report::place_of(name);
    rows.push_back({{"name", name},
                    {"device", place.device.empty() ? Json() : Json(place.device)},
                    {"reason", place.reason.empty() ? Json() : Json(place.reason)}});
  }
  return rows;
}

std::string machine_json(const measure::Machine& machine) {
  const auto host = find_target("host");
  const Json object{{"version", version()},
                    {"cpu", machine.cpu},
                    {"row", host ? Json((*host)->facts().name) : Json()},
                    {"reason", host ? Json() : Json(host.error().message)},
                    {"dots", features()},
                    {"l1d_bytes", machine.l1d_bytes},
                    {"l2_bytes", machine.l2_bytes},
                    {"l3_bytes", machine.l3_bytes},
                    {"threads", machine.threads},
                    {"clock_ghz", machine.clock_ghz},
                    {"huge_pages", machine.huge_pages},
                    {"gpus", gpus_json()},
                    {"targets", target_names()},
                    {"devices", targets_json()},
                    {"schemes", schemes_json()}};
  return Json::array({object}).dump(1) + "\n";
}

void print_machine(const measure::Machine& machine) {
  const auto host = find_target("host");
  const std::vector<std::string> dots = features();
  fmt::print("tilejit {}\n", version());
  fmt::print("CPU       {}\n", machine.cpu);
  fmt::print("row       {}\n", host ? (*host)->facts().name : "none: " + host.error().message);
  fmt::print("dots      {}\n", dots.empty() ? "none" : fmt::format("{}", fmt::join(dots, ", ")));
  fmt::print("caches    L1d {} KiB, L2 {} KiB, L3 {} MiB\n", machine.l1d_bytes >> 10, machine.l2_bytes >> 10,
             machine.l3_bytes >> 20);
  fmt::print("threads   {} at {:.2f} GHz\n", machine.threads, machine.clock_ghz);
  fmt::print("memory    huge pages: {}\n", machine.huge_pages);
  fmt::print("GPU       {}\n", gpus_text());
  fmt::print("\n{}\n{}", targets_text(), schemes_text());
}

}  // namespace

Result<int> info(const InfoArguments& arguments) {
  const measure::Machine machine = measure::inspect_machine();
  if (arguments.json)
    fmt::print("{}", machine_json(machine));
  else
    print_machine(machine);
  return 0;
}

}  // namespace tilejit::command

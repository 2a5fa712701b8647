#include "tools/jitdump/list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "ir/mma.h"
#include "ir/quant.h"
#include "targets/targets.h"
#include "tools/jitdump/dump.h"
#include "tools/report/device.h"
#include "tools/report/table.h"

namespace tilejit::jitdump {
namespace {

using Json = nlohmann::ordered_json;

Json target_rows() {
  Json rows = Json::array();
  const auto host = find_target("host");
  for (const std::string& name : target_names()) {
    const auto target = find_target(name);
    const report::Place place = report::place_of(name);
    rows.push_back({{"kind", "target"},
                    {"name", name},
                    {"is_host", host && *host == *target},
                    {"runs_here", place.reason.empty()},
                    {"device", place.device.empty() ? Json() : Json(place.device)},
                    {"reason", place.reason.empty() ? Json() : Json(place.reason)}});
  }
  return rows;
}

/// The equation of an op: the comment of its row in ops.def.
std::string equation_of(std::string_view op) {
  std::istringstream lines(ops_definition);
  const std::string row = fmt::format("OP({},", op);
  for (std::string line; std::getline(lines, line);) {
    const size_t comment = line.find("// ");
    if (line.rfind(row, 0) == 0 && comment != std::string::npos) return line.substr(comment + 3);
  }
  return "";
}

Json op_rows() {
  Json rows = Json::array();
  for (int i = 0; i < ir::op_count; ++i) {
    const std::string_view name = ir::info(static_cast<ir::Op>(i)).name;
    rows.push_back({{"kind", "op"}, {"name", name}, {"meaning", equation_of(name)}});
  }
  return rows;
}

/// The rows of numerics of mma.
Json numerics_rows() {
  Json rows = Json::array();
  for (const ir::MmaRow& row : ir::mma_rows())
    rows.push_back({{"kind", "numerics"},
                    {"name", row.name},
                    {"input", to_string(row.input)},
                    {"sum", to_string(row.sum)},
                    {"k", row.k},
                    {"assumed", row.assumed}});
  return rows;
}

Json format_rows() {
  Json rows = Json::array();
  for (const QuantFormat& f : quant_formats()) {
    Json bits = Json::array();
    if (f.has_4_bits) bits.push_back(4);
    if (f.has_8_bits) bits.push_back(8);
    if (f.is_dense) bits.push_back(16);
    rows.push_back({{"kind", "format"},
                    {"name", f.name},
                    {"bits", bits},
                    {"is_dense", f.is_dense},
                    {"group", f.group == 0 ? Json() : Json(f.group)},
                    {"has_zero_points", f.zeros != ZeroPacking::none},
                    {"has_offsets", f.has_offsets}});
  }
  return rows;
}

std::string list_targets() {
  report::Table table;
  for (const char* title : {"target", "runs here"}) table.add_column(title, report::Align::left);
  for (const Json& row : target_rows()) {
    const std::string reason = row["reason"].is_null() ? "" : ": " + row["reason"].get<std::string>();
    const std::string device = row["device"].is_null() ? "no" : row["device"].get<std::string>();
    table.add_row({row["name"], (row["is_host"] ? "native, it is the host" : device) + reason});
  }
  return table.text();
}

std::string list_stages() {
  std::string text;
  for (const std::string& stage : stage_names()) text += stage + "\n";
  return text;
}

std::string list_ops() {
  report::Table table;
  for (const char* title : {"op", "meaning"}) table.add_column(title, report::Align::left);
  for (const Json& row : op_rows()) table.add_row({row["name"], row["meaning"]});
  return table.text();
}

std::string list_numerics() {
  report::Table table;
  for (const char* title : {"numerics of mma", "input", "sum", "k of a group", "known"})
    table.add_column(title, report::Align::left);
  for (const Json& row : numerics_rows())
    table.add_row({row["name"], row["input"], row["sum"], row["k"].dump(), row["assumed"] ? "assumed" : "measured"});
  return table.text();
}

std::string list_formats() {
  report::Table table;
  for (const char* title : {"format", "bits", "group", "zero points", "offsets"})
    table.add_column(title, report::Align::left);
  for (const Json& row : format_rows()) {
    const std::string bits = fmt::format("{}", fmt::join(row["bits"].get<std::vector<int>>(), ", "));
    if (row["is_dense"]) {
      table.add_row({row["name"], bits, "none", "none", "none"});
      continue;
    }
    table.add_row({row["name"], bits, row["group"].is_null() ? "the file's" : row["group"].dump(),
                   row["has_zero_points"] ? "constant or stored" : "constant", row["has_offsets"] ? "stored" : "none"});
  }
  return table.text();
}

}  // namespace

std::string list_text() {
  return "== targets\n" + list_targets() + "\n== stages\n" + list_stages() + "\n== ops\n" + list_ops() +
         "\n== numerics\n" + list_numerics() + "\n== formats\n" + list_formats();
}

std::string list_json_text() {
  Json rows = target_rows();
  for (const std::string& stage : stage_names()) rows.push_back({{"kind", "stage"}, {"name", stage}});
  for (const Json& more : {op_rows(), numerics_rows(), format_rows()})
    rows.insert(rows.end(), more.begin(), more.end());
  return rows.dump(1) + "\n";
}

}  // namespace tilejit::jitdump

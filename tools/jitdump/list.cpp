#include "tools/jitdump/list.h"

#include <fmt/format.h>

#include <sstream>

#include "ir/ir.h"
#include "ir/quant.h"
#include "targets/targets.h"
#include "tools/jitdump/dump.h"
#include "tools/report/table.h"

namespace tilejit::jitdump {
namespace {

std::string list_targets() {
  const auto host = find_target("host");
  report::Table table;
  table.add_column("target", report::Align::left);
  table.add_column("runs here", report::Align::left);
  for (const std::string& name : target_names()) {
    const auto target = find_target(name);
    const auto runs = (*target)->can_execute();
    const bool is_host = host && *host == *target;
    table.add_row({name, is_host ? "yes, it is the host" : runs ? "yes" : "no: " + runs.error().message});
  }
  return table.text();
}

std::string list_stages() {
  std::string text;
  for (const std::string& stage : stage_names()) text += stage + "\n";
  return text;
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

std::string list_ops() {
  report::Table table;
  table.add_column("op", report::Align::left);
  table.add_column("meaning", report::Align::left);
  for (int i = 0; i < ir::op_count; ++i) {
    const std::string_view name = ir::info(static_cast<ir::Op>(i)).name;
    table.add_row({std::string(name), equation_of(name)});
  }
  return table.text();
}

std::string list_formats() {
  report::Table table;
  for (const char* title : {"format", "bits", "group", "zero points", "offsets"})
    table.add_column(title, report::Align::left);
  for (const QuantFormat& f : quant_formats()) {
    const std::string bits = f.has_4_bits && f.has_8_bits ? "4, 8" : f.has_4_bits ? "4" : "8";
    table.add_row({std::string(f.name), bits, f.group == 0 ? "the file's" : std::to_string(f.group),
                   f.zeros == ZeroPacking::none ? "constant" : "constant or stored",
                   f.has_offsets ? "stored" : "none"});
  }
  return table.text();
}

}  // namespace

std::string list_text() {
  return "== targets\n" + list_targets() + "\n== stages\n" + list_stages() + "\n== ops\n" + list_ops() +
         "\n== formats\n" + list_formats();
}

}  // namespace tilejit::jitdump

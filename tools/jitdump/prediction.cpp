#include "tools/jitdump/prediction.h"

#include <fmt/format.h>

#include <vector>

#include "jit/predict.h"
#include "tools/report/table.h"

namespace tilejit::jitdump {
namespace {

std::string uses_text(const Prediction& body) {
  std::string text;
  for (const ResourceUse& use : body.uses)
    text += fmt::format("{}{} {:g}/{:.1f}", text.empty() ? "" : ", ", use.name, use.work, use.cycles);
  return text;
}

/// Null when the kernel has no loop that runs.
const LoopResources* steady_loop(const CompiledKernel& kernel, const KernelPrediction& row) {
  return row.steady_loop < 0 ? nullptr : &kernel.code.resources.loops[static_cast<size_t>(row.steady_loop)];
}

}  // namespace

std::string prediction_text(const CompiledKernel& kernel, int64_t m) {
  const std::vector<KernelPrediction> rows = predict_kernel(kernel, m);
  if (rows.empty()) return "";
  report::Table table;
  for (const char* title : {"machine", "steady loop"}) table.add_column(title, report::Align::left);
  for (const char* title : {"cycles", "from L2", "all tasks"}) table.add_column(title, report::Align::right);
  for (const char* title : {"limit", "work/cycles of an iteration"}) table.add_column(title, report::Align::left);
  for (size_t row = 0; row < rows.size(); ++row) {
    const LoopResources* loop = steady_loop(kernel, rows[row]);
    const Prediction& body = loop != nullptr ? loop->predictions[row] : kernel.code.resources.straight[row];
    table.add_row({body.machine, loop != nullptr ? "%" + loop->name : "none", fmt::format("{:.1f}", body.cycles),
                   fmt::format("{:.1f}", body.l2_cycles), fmt::format("{:.0f}", rows[row].cycles), body.limit,
                   uses_text(body)});
  }
  return fmt::format("predicted for m={}:\n{}", m, table.text());
}

nlohmann::ordered_json prediction_json(const CompiledKernel& kernel, int64_t m) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  const std::vector<KernelPrediction> rows = predict_kernel(kernel, m);
  for (size_t row = 0; row < rows.size(); ++row) {
    nlohmann::ordered_json one{{"machine", rows[row].machine},
                               {"m", m},
                               {"cycles", rows[row].cycles},
                               {"l2_cycles", rows[row].l2_cycles},
                               {"steady_loop", nullptr}};
    if (const LoopResources* loop = steady_loop(kernel, rows[row])) {
      const Prediction& body = loop->predictions[row];
      nlohmann::ordered_json uses = nlohmann::ordered_json::array();
      for (const ResourceUse& use : body.uses)
        uses.push_back({{"name", use.name}, {"work", use.work}, {"cycles", use.cycles}});
      one["steady_loop"] = {{"name", loop->name},
                            {"cycles", body.cycles},
                            {"l2_cycles", body.l2_cycles},
                            {"limit", body.limit},
                            {"resources", uses}};
    }
    all.push_back(one);
  }
  return all;
}

}  // namespace tilejit::jitdump

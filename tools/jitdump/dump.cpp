#include "tools/jitdump/dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/measure/clock.h"
#include "runtime/exec_memory.h"
#include "tools/jitdump/listing.h"
#include "tools/jitdump/prediction.h"

namespace tilejit::jitdump {
namespace {

constexpr std::string_view target_stages[] = {"vcode", "alloc", "llvm", "llvm_opt"};  // once for each kernel

/// Whether a kernel's last stage of its own has this name, on one target or another.
bool is_last(std::string_view stage) { return stage == "alloc" || stage == "llvm_opt"; }

/// Seconds from the program to code in executable memory.
Result<double> time_compile(const Source& source) {
  const double start = measure::now();
  const std::vector<CompiledKernel> kernels = TRY(compile(source.program, *source.target, {}));
  for (const CompiledKernel& kernel : kernels)
    if (!kernel.code.bytes.empty()) TRY(ExecMemory::create(kernel.code.bytes));
  return measure::now() - start;
}

}  // namespace

std::vector<std::string> stage_names() {
  std::vector<std::string> names{"problem", "schedule", "tile"};
  for (const Pass& pass : passes()) names.emplace_back(pass.name);
  for (const std::string_view stage : target_stages) names.emplace_back(stage);
  names.emplace_back("asm");
  names.emplace_back("resources");
  return names;
}

Result<Dump> dump(Source source, Counting counting, uint64_t seed) {
  Dump dump;
  if (!source.problem.empty()) {
    dump.sections.push_back({"problem", "", source.problem + "\n"});
    std::string schedule = fmt::format("// {}\n{}\n", source.origin, source.schedule);
    for (const std::string& remark : source.remarks) schedule += fmt::format("// {}\n", remark);
    dump.sections.push_back({"schedule", "", schedule});
  }
  // The target's stages come kernel by kernel, in the order of the program.
  size_t kernel = 0;
  LowerOptions options;
  options.predict = Predict::compared_rows;
  options.stages = [&](std::string_view stage, const std::string& text) {
    const bool of_kernel =
        std::find(std::begin(target_stages), std::end(target_stages), stage) != std::end(target_stages);
    const std::string name = of_kernel ? source.program.kernels[kernel].name : "";
    dump.sections.push_back({std::string(stage), name, text});
    if (is_last(stage)) ++kernel;
  };
  dump.compile_us = TRY(time_compile(source)) * 1e6;
  dump.kernels = TRY(compile(source.program, *source.target, options));
  for (const CompiledKernel& one : dump.kernels)
    dump.sections.push_back({"asm", one.kernel.name, TRY(asm_text(one.code))});
  const bool counts = counting == Counting::first_task && source.target->facts().is_gpu;
  if (counts) dump.counted = count_first_tasks(source, dump.kernels, seed);
  for (size_t i = 0; i < dump.kernels.size(); ++i) {
    const CompiledKernel& one = dump.kernels[i];
    dump.sections.push_back({"resources", one.kernel.name,
                             resources_text(one.code) + prediction_text(one, source.m) +
                                 (counts ? counted_text(dump.counted[i], source.m, source.target->facts()) : "")});
  }
  dump.sections.push_back({"resources", "", fmt::format("compile time: {:.0f} us\n", dump.compile_us)});
  dump.source = std::move(source);
  return dump;
}

}  // namespace tilejit::jitdump

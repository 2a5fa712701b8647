// bench_triton: the W4A16 kernels that GPU users run today beside tilejit's, both executed and counted by the emulator on the same
// problem: instructions for each clock of the matrix unit, registers, bytes. compile.py makes the kernels; no GPU is needed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/triton/triton_kernel.h"
#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "jit/problem.h"
#include "targets/targets.h"
#include "tools/inspect/program_memory.h"
#include "tools/inspect/run_program.h"
#include "tools/report/exit_status.h"
#include "tools/report/table.h"

namespace tilejit::bench {
namespace {

struct Options {
  std::vector<std::string> files;
  int64_t m = 4096;
  int64_t n = 4096;
  int64_t k = 4096;
};

struct Line {
  std::string kernel;
  TaskProfile profile;
  int registers = 0;
  int64_t lds_bytes = 0;
  std::string result;
};

double count(const LoopProfile& loop, std::string_view name) {
  const auto found = std::ranges::find(loop.counts, name, &NamedNumber::name);
  return found == loop.counts.end() ? 0 : found->value;
}

/// Instructions that are not the matrix unit's, for each of its clocks.
double others(const LoopProfile& loop) {
  return (count(loop, "instructions") - count(loop, "matrix")) / count(loop, "matrix_clocks");
}

Result<Line> theirs(const TritonKernel& kernel, const Options& options) {
  const TritonName& name = kernel.name();
  Line line{fmt::format("Triton {} {}x{}x{}", to_string(name.type), name.tile_m, name.tile_n, name.tile_k),
            TRY(kernel.profile(options.m, options.n, options.k)), kernel.registers(), name.lds_bytes, ""};
  const TritonCheck check = TRY(kernel.check());
  line.result = fmt::format("rel_l2 {:.1e}, ", check.rel_l2);
  line.result += check.reports == 0 ? "no report" : fmt::format("{} reports: {}", check.reports, check.first_report);
  return line;
}

Result<Line> ours(const TritonName& name, const Options& options) {
  const Target& target = *TRY(find_target(name.arch));
  const std::string text = fmt::format("w4a16 m={} n={} k={} a={} s={} g=128", options.m, options.n, options.k,
                                       to_string(name.type), to_string(name.type));
  const Problem asked = TRY(parse_problem(text));
  const Problem problem = TRY(resolve(asked, target.facts()));
  const ir::Program program = build_linear(problem, default_schedule(problem, options.m, target.facts()));
  const std::vector<CompiledKernel> kernels = TRY(compile(program, target, {}));
  const auto gemm = std::ranges::find(kernels, "gemm", [](const CompiledKernel& k) { return k.kernel.name; });
  inspect::ProgramMemory memory = TRY(inspect::make_memory(program, options.m, 1));
  const inspect::FirstTask task = TRY(inspect::profile_first_task(*gemm, target, memory, options.m));
  return Line{fmt::format("tilejit {}", to_string(name.type)), task.profile, gemm->code.resources.vector_registers,
              gemm->code.resources.shared_bytes, "bits of the interpreter"};
}

std::vector<std::string> cells(const Line& line, std::optional<double> of) {
  if (!line.profile.steady_loop) return {line.kernel, "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "no loop"};
  const LoopProfile& loop = *line.profile.steady_loop;
  const double clocks = count(loop, "matrix_clocks");
  const auto each = [&](std::string_view name) { return fmt::format("{:.3f}", count(loop, name) / clocks); };
  return {line.kernel,
          fmt::format("{:.3f}", others(loop)),
          of ? fmt::format("{:.0f}%", 100 * others(loop) / *of) : "",
          each("valu"),
          each("lds"),
          each("waits"),
          each("salu"),
          fmt::format("{:.1f}", count(loop, "global_bytes_read") / clocks),
          fmt::format("{:.0f}", count(loop, "lds_conflict_clocks")),
          fmt::format("{}, {}", line.registers, line.lds_bytes),
          fmt::format("{:.0f}%", 100 * loop.estimate.matrix_share),
          line.result};
}

Result<int> compare(const Options& options) {
  report::Table table;
  table.add_column("kernel", report::Align::left);
  for (const char* title :
       {"others", "of Triton", "VALU", "LDS", "waits", "SALU", "bytes", "conflicts", "registers, LDS", "matrix busy"})
    table.add_column(title, report::Align::right);
  table.add_column("result", report::Align::left);
  for (const std::string& file : options.files) {
    const TritonKernel kernel = TRY(TritonKernel::load(file));
    const Line their_line = TRY(theirs(kernel, options));
    const Line our_line = TRY(ours(kernel.name(), options));
    std::vector<std::string> first = cells(their_line, {});
    first.front() = fmt::format("{} {}", kernel.name().arch, first.front());
    table.add_row(std::move(first));
    const auto& loop = their_line.profile.steady_loop;
    table.add_row(cells(our_line, loop ? std::optional(others(*loop)) : std::nullopt));
  }
  fmt::print(
      "w4a16 m={} n={} k={} g=128, steady loop, for each clock of the matrix unit; others: all instructions but matrix "
      "steps; conflicts: clocks of an iteration\n{}",
      options.m, options.n, options.k, table.text());
  return report::exit_ok;
}

}  // namespace
}  // namespace tilejit::bench

int main(int argc, char** argv) {
  using namespace tilejit;
  CLI::App app("W4A16 kernels of Triton beside tilejit's, on the emulator", "bench_triton");
  bench::Options options;
  app.add_option("files", options.files, "What bench/triton/compile.py wrote: OUT/*.hsaco")->required();
  app.add_option("--m", options.m, "Rows")->check(CLI::PositiveNumber);
  return report::run_main(app, argc, argv, [&] { return bench::compare(options); });
}

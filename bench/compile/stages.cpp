#include "bench/compile/stages.h"

#include <tilejit/linear.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "bench/measure/clock.h"
#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/kernel.h"
#include "tools/report/empty_calls.h"
#include "tools/report/operands.h"

namespace tilejit::bench {
namespace {

/// Adds the time since the last mark to a stage.
class StageClock {
 public:
  explicit StageClock(StageTimes& times) : times_(times), start_(measure::now()), last_(start_) {}

  void mark(const std::string& stage) {
    const double now = measure::now();
    add(stage, now - last_);
    last_ = measure::now();
  }
  void finish() { add("whole", last_ - start_); }

 private:
  void add(const std::string& stage, double seconds) {
    if (!times_.samples.contains(stage)) times_.order.push_back(stage);
    times_.samples[stage].push_back(seconds * 1e6);
  }

  StageTimes& times_;
  double start_;
  double last_;
};

Result<void> compile_once(std::string_view line, int64_t m, const Target& target, StageTimes& times) {
  StageClock clock(times);
  const Problem asked = TRY(parse_problem(line));
  const Problem problem = TRY(resolve(asked, target.facts()));
  const Schedule schedule = default_schedule(problem, m, target.facts());
  TRY(legal(problem, schedule, target.facts()));
  clock.mark("choose");
  ir::Program program = build_linear(problem, schedule);
  clock.mark("build");
  program = lower_program(std::move(program), {});
  clock.mark("passes");
  std::vector<CompiledKernel> compiled;
  for (ir::Kernel& kernel : program.kernels) {
    Code code = TRY(target.lower(kernel, {}));
    clock.mark("lower " + kernel.name);
    compiled.push_back({std::move(kernel), std::move(code)});
  }
  const Executable executable = TRY(load_program(std::move(compiled), line));
  clock.mark("load");
  clock.finish();
  return {};
}

/// How many kernels the problem's program has.
Result<int> compile_line(std::string_view line, const Target& target) {
  const Problem asked = TRY(parse_problem(line));
  const Problem problem = TRY(resolve(asked, target.facts()));
  const Schedule schedule = default_schedule(problem, problem.m, target.facts());
  TRY(legal(problem, schedule, target.facts()));
  std::vector<CompiledKernel> compiled = TRY(compile(build_linear(problem, schedule), target, {}));
  const Executable executable = TRY(load_program(std::move(compiled), line));
  return static_cast<int>(executable.kernels.size());
}

template <typename Call>
Result<std::vector<double>> time_calls(Call call, int batches) {
  constexpr int calls = 10'000;
  TRY(call());
  std::vector<double> samples;
  for (int batch = 0; batch < batches; ++batch) {
    const double start = measure::now();
    for (int i = 0; i < calls; ++i) TRY(call());
    samples.push_back((measure::now() - start) / calls * 1e9);
  }
  return samples;
}

}  // namespace

Result<StageTimes> time_stages(std::string_view line, int64_t m, const Target& target, int repetitions) {
  StageTimes first;
  TRY(compile_once(line, m, target, first));  // the first one also loads pages of the program and fills allocator pools
  StageTimes times;
  for (int i = 0; i < repetitions; ++i) TRY(compile_once(line, m, target, times));
  return times;
}

Result<Together> time_together(const std::vector<std::string>& lines, const Target& target, int threads) {
  std::vector<Result<int>> kernels(lines.size(), 0);
  std::atomic<size_t> next = 0;
  const double start = measure::now();
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&] {
      for (size_t i = next++; i < lines.size(); i = next++) kernels[i] = compile_line(lines[i], target);
    });
  for (std::thread& worker : workers) worker.join();
  Together all{.kernels = 0, .seconds = measure::now() - start};
  for (const Result<int>& one : kernels) all.kernels += TRY(one);
  return all;
}

Result<std::vector<double>> time_tiny_calls(std::string_view target, int batches) {
  const std::string_view line = "w4a16 n=16 k=8 a=f32 s=f32";
  const Problem problem = TRY(parse_problem(line));
  LinearOptions options;
  options.target = target;
  options.threads.max_threads = 1;
  const Weights weights = report::random_weights(problem, 1);
  const Linear linear = TRY(Linear::create(line, weights, options));
  const report::Matrix a = report::random_matrix(Type::f32, 1, problem.k, 1);
  std::vector<float> out(static_cast<size_t>(problem.n));
  const LinearCall call{.a = a.data.data(), .lda = problem.k, .m = 1, .out = out.data(), .ldo = problem.n};
  return time_calls([&] { return linear.run(call); }, batches);
}

Result<std::vector<double>> time_empty_calls(int batches) {
  const report::EmptyCalls calls = TRY(report::make_empty_calls(1));
  return time_calls([&] { return calls.dispatch->run(calls.call); }, batches);
}

}  // namespace tilejit::bench

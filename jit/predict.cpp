#include "jit/predict.h"

#include <algorithm>
#include <utility>

#include "ir/iterations.h"

namespace tilejit {
namespace {

/// Runs of the code inside all `tasks` loops, which stand around the whole body.
int64_t count_tasks(const ir::Kernel& kernel, const std::vector<int64_t>& iterations) {
  int64_t tasks = 1;
  for (size_t i = 0; i < kernel.body.size(); ++i) {
    const ir::Instr& instr = kernel.body[i];
    if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::tasks) break;
    tasks = iterations[i];
  }
  return tasks;
}

}  // namespace

std::vector<KernelPrediction> predict_kernel(const CompiledKernel& kernel, int64_t m) {
  const Resources& resources = kernel.code.resources;
  const std::vector<int64_t> iterations = ir::count_iterations(kernel.kernel, m);
  const auto tasks = static_cast<double>(count_tasks(kernel.kernel, iterations));
  std::vector<KernelPrediction> all;
  for (size_t row = 0; row < resources.straight.size(); ++row) {
    const Prediction& straight = resources.straight[row];
    KernelPrediction p{straight.machine, tasks * straight.cycles, tasks * straight.l2_cycles, -1};
    double most = 0;
    for (size_t loop = 0; loop < resources.loops.size(); ++loop) {
      const Prediction& body = resources.loops[loop].predictions[row];
      const auto times = static_cast<double>(iterations[static_cast<size_t>(resources.loops[loop].position)]);
      p.cycles += times * body.cycles;
      p.l2_cycles += times * body.l2_cycles;
      if (times * body.cycles <= most) continue;
      most = times * body.cycles;
      p.steady_loop = static_cast<int>(loop);
    }
    all.push_back(std::move(p));
  }
  return all;
}

KernelWork predict_work(const CompiledKernel& kernel, int64_t m, ir::CacheSizes caches) {
  const Resources& resources = kernel.code.resources;
  KernelWork work;
  if (resources.straight.empty()) return work;
  const std::vector<int64_t> iterations = ir::count_iterations(kernel.kernel, m);
  const std::vector<ir::LoadedBytes> loaded = ir::find_sources(kernel.kernel, m, caches);
  work.tasks = count_tasks(kernel.kernel, iterations);
  work.cycles = static_cast<double>(work.tasks) * resources.straight.front().l2_cycles;
  for (const LoopResources& loop : resources.loops) {
    const auto position = static_cast<size_t>(loop.position);
    const Prediction& body = loop.predictions.front();
    const double from_l2 = (loaded[position].l2 + loaded[position].memory) / body.l2_bytes_per_cycle;
    work.cycles += static_cast<double>(iterations[position]) * std::max(body.cycles, from_l2);
  }
  for (size_t i = 0; i < loaded.size(); ++i) work.memory_bytes += static_cast<double>(iterations[i]) * loaded[i].memory;
  return work;
}

}  // namespace tilejit

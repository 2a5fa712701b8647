#include "tools/report/empty_calls.h"

#include <utility>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/targets.h"
#include "tools/report/operands.h"

namespace tilejit::report {
namespace {

Result<KernelCache::Handle> compile_empty(const Problem& problem, const Schedule& schedule, const Target& target) {
  auto kernels = TRY(compile(build_linear(problem, schedule), target, {}));
  for (CompiledKernel& kernel : kernels) kernel.code.bytes = {0xf3, 0x0f, 0x1e, 0xfa, 0xc3};  // endbr64; ret
  return KernelCache::Handle(std::make_shared<const Executable>(TRY(load_program(std::move(kernels), "empty"))));
}

}  // namespace

Result<EmptyCalls> make_empty_calls(int threads) {
  const Target& target = *TRY(find_target("avx512"));
  const Problem asked = TRY(parse_problem("w4a16 n=16 k=8 a=f32 s=f32"));
  const Problem problem = TRY(resolve(asked, target.facts()));
  const Layout layout = default_layout(problem, target.facts());
  std::vector<Schedule> schedules;
  for (const Loops& loops : default_loops(problem, layout, target.facts())) schedules.push_back({layout, loops});
  const Threads used{.max_threads = threads, .parallel_for = {}};
  PackedWeights packed = TRY(pack(random_weights(problem, 1), problem, layout, used));
  EmptyCalls calls;
  calls.dispatch = std::make_unique<Dispatch>(
      problem, schedules, std::move(packed), used,
      [problem, &target](const Schedule& schedule) { return compile_empty(problem, schedule, target); },
      Device::native);
  calls.a.resize(static_cast<size_t>(problem.k));
  calls.out.resize(static_cast<size_t>(problem.n));
  calls.call = {.a = calls.a.data(), .lda = problem.k, .m = 1, .out = calls.out.data(), .ldo = problem.n};
  TRY(calls.dispatch->warm(1));
  return calls;
}

}  // namespace tilejit::report

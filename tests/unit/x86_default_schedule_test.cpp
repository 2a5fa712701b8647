// What the default schedules promise of the machine code: no spill where time is spent, little code for many k segments.
#include <gtest/gtest.h>

#include <string>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/targets.h"

namespace tilejit {
namespace {

std::vector<CompiledKernel> compiled(const Problem& problem, const Schedule& schedule, const Target& target) {
  Result<std::vector<CompiledKernel>> kernels = compile(build_linear(problem, schedule), target, {});
  EXPECT_TRUE(kernels.ok()) << kernels.error().message;
  return std::move(kernels.value());
}

/// Sums never leave their registers; a zero point may be read from its slot, one for each of the four weight vectors.
TEST(DefaultSchedule, SumsStayInRegistersInTheDotLoop) {
  int dot_loops = 0;
  for (const char* row : {"zen4", "spr", "avx512"})
    for (const char* line :
         {"w4a16 n=4096 k=4096 g=128", "w4a16 n=4096 k=4096 g=32 zp=int", "w4a16 n=4096 k=4096 g=128 dot=fma",
          "w4a16 n=4096 k=4096 g=32 zp=float dot=fma", "w4a16 n=100 k=60 g=20 zp=int"}) {
      const Target& target = **find_target(row);
      const Problem problem = *resolve(*parse_problem(line), target.facts());
      const Layout layout = default_layout(problem, target.facts());
      for (const Loops& loops : default_loops(problem, layout, target.facts()))
        for (const CompiledKernel& kernel : compiled(problem, {layout, loops}, target))
          for (const LoopResources& loop : kernel.code.resources.loops) {
            if (loop.name != "k") continue;  // the dot steps, and the copies of prepare
            ++dot_loops;
            EXPECT_EQ(loop.spill_stores, 0)
                << row << " " << line << " " << print_schedule({layout, loops}) << " loop " << loop.name;
            EXPECT_LE(loop.spill_loads, problem.zp == ZeroDomain::integer ? 4 : 0)
                << row << " " << line << " " << print_schedule({layout, loops}) << " loop " << loop.name;
          }
    }
  EXPECT_GT(dot_loops, 100);
}

TEST(DefaultSchedule, LegalForEveryRangeOfRows) {
  for (const char* row : {"avx512", "avx512_vnni", "zen4", "zen5", "spr"})
    for (const char* scheme : {"w4a16", "w8a16", "w4a8", "w8a8", "w16a16"})
      for (const char* details : {"", " epilogue=swiglu", " g=128 zp=int", " g=128 zp=int epilogue=swiglu"}) {
        const TargetFacts& facts = (**find_target(row)).facts();
        const Result<Problem> asked = parse_problem(std::string(scheme) + " n=4096 k=4096" + details);
        const Result<Problem> problem = asked.ok() ? resolve(*asked, facts) : asked.error();
        if (!problem.ok()) continue;  // a scheme without groups
        const Layout layout = default_layout(*problem, facts);
        for (const Loops& loops : default_loops(*problem, layout, facts)) {
          const Result<void> verdict = legal(*problem, {layout, loops}, facts);
          EXPECT_TRUE(verdict.ok()) << row << " " << print_problem(*problem) << ": " << verdict.error().message;
        }
      }
}

TEST(DefaultSchedule, EqualSegmentsShareTheirCode) {
  const Target& target = **find_target("zen4");
  const auto bytes = [&](const std::string& ks) {
    const Problem problem = *resolve(*parse_problem("w4a16 n=64 k=524288 g=128 zp=float ks=" + ks), target.facts());
    const Layout layout = default_layout(problem, target.facts());
    int64_t sum = 0;
    for (const CompiledKernel& kernel :
         compiled(problem, {layout, default_loops(problem, layout, target.facts())[0]}, target))
      sum += static_cast<int64_t>(kernel.code.bytes.size());
    return sum;
  };
  EXPECT_LT(bytes("4096"), bytes("2") + 256);
}

}  // namespace
}  // namespace tilejit

// Random linear layers with matrix steps as code objects of every GPU row that has them: the emulator executes them, and every
// buffer equals the interpreter's, bit for bit, without a report.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "ir/print.h"
#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "jit/matrix_schedule.h"
#include "targets/targets.h"
#include "tests/support/kernel_text.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_problem.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

class AmdgpuMatrix : public testing::TestWithParam<const char*> {
 protected:
  const Target& target = **find_target(GetParam());
};

Problem random_matrix_problem(const TargetFacts& facts, test::Rng& rng) {
  for (;;) {
    Problem problem = test::random_problem(facts, rng);
    if (matrix_step_of(problem, facts) != nullptr) return problem;
  }
}

/// A tile that legal() admits may need more registers than there are, which is known once it is compiled.
bool is_short_of_registers(const std::string& what) {
  return what.find("bytes of memory for each lane") != std::string::npos;
}

TEST_P(AmdgpuMatrix, RandomLayersEqualTheInterpreter) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(30));
  uint64_t compared = 0;
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    test::Rng rng(seed);
    const Problem problem = random_matrix_problem(target.facts(), rng);
    const Schedule schedule = rng.one_in(3) ? default_schedule(problem, problem.m, target.facts())
                                            : test::random_schedule(problem, target.facts(), rng);
    const ir::Program program = lower_program(build_linear(problem, schedule), {});
    for (const ir::Kernel& kernel : program.kernels) {
      const test::Arguments arguments = test::random_arguments(kernel, problem.m, seed);
      const std::string found = test::disagreement(target, Device::emulated, kernel, problem.m, arguments);
      if (is_short_of_registers(found)) continue;
      ASSERT_EQ(found, "") << fmt::format("{} target={}\n{}\n{}\n{}", print_problem(problem), GetParam(),
                                          print_schedule(schedule), test::reproduction(seed), ir::print(kernel));
      ++compared;
    }
  }
  EXPECT_GE(compared, cases);  // of two or three kernels each
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuMatrix,
                         testing::Values("gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1150", "gfx1151", "gfx1200",
                                         "gfx1201"),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tilejit

#endif

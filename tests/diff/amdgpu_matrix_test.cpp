// Random linear layers with matrix steps as code objects of every GPU row that has them: the emulator executes them, and every
// buffer equals the interpreter's, bit for bit, without a report.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "ir/mma.h"
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
  const auto cases = static_cast<uint64_t>(test::test_cases(24));
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

/// Rows and columns that do not fill the last instruction, and a depth of two instructions where the IR has that.
TEST_P(AmdgpuMatrix, OddTilesEqualTheInterpreter) {
  for (const Type type : {Type::bf16, Type::f16, Type::i8}) {
    const MatrixStep& step = *find_matrix_step(target.facts(), type);
    const std::string k = std::to_string(std::min<int64_t>(2 * step.k, ir::deepest_bits / bits_of(type)));
    const std::string name(to_string(type));
    const std::string sum = type == Type::i8 ? "i32" : "f32";
    for (const auto& [rows, columns] : {std::pair("24", "40"), std::pair("1", "16"), std::pair("33", "96"),
                                        std::pair("5", "18"), std::pair("1", "1")}) {
      const std::string shape = fmt::format("{},{}", rows, columns);
      const ir::Kernel kernel = test::lowered_kernel(test::legal_kernel(
          fmt::format("kernel odd(%a: global {0}[{1},{3}], %w: global {0}[{2},{3}], %out: global {4}[{5}]) {{\n"
                      "  %x = load %a[0:{1}, 0:{3}] : {0}[{1},1,{3}]\n"
                      "  %u = load %w[0:{2}, 0:{3}] : {0}[1,{2},{3}]\n"
                      "  %acc = fill 1 : {4}[{5}]\n"
                      "  %acc = mma.{6} %x, %u, %acc : {4}[{5}]\n"
                      "  store %out[0:{1}, 0:{2}], %acc\n}}\n",
                      name, rows, columns, k, sum, shape, ir::mma_rows()[static_cast<size_t>(step.numerics)].name)));
      const test::Arguments arguments = test::random_arguments(kernel, 1, 1);
      EXPECT_EQ(test::disagreement(target, Device::emulated, kernel, 1, arguments), "") << ir::print(kernel);
    }
  }
}

/// Rows of the sum lie over lanes: what is summed over its columns is too.
TEST_P(AmdgpuMatrix, SumsOverColumnsEqualTheInterpreter) {
  const MatrixStep& step = *find_matrix_step(target.facts(), Type::i8);
  const ir::Kernel kernel = test::lowered_kernel(test::legal_kernel(fmt::format(
      "kernel sums(%a: global i8[20,{0}], %w: global i8[32,{0}], %c: global i32[20,1], %out: global i32[20,1]) {{\n"
      "  %x = load %a[0:20, 0:{0}] : i8[20,1,{0}]\n"
      "  %u = load %w[0:32, 0:{0}] : i8[1,32,{0}]\n"
      "  %acc = fill 0 : i32[20,32]\n"
      "  %acc = mma.i8 %x, %u, %acc : i32[20,32]\n"
      "  %sum = reduce_add %acc : i32[20,1]\n"
      "  %more = load %c[0:20, 0] : i32[20,1]\n"
      "  %sum = add %sum, %more : i32[20,1]\n"
      "  store %out[0:20, 0], %sum\n}}\n",
      step.k)));
  const test::Arguments arguments = test::random_arguments(kernel, 1, 1);
  EXPECT_EQ(test::disagreement(target, Device::emulated, kernel, 1, arguments), "");
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuMatrix,
                         testing::Values("gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1150", "gfx1151", "gfx1200",
                                         "gfx1201"),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tilejit

#endif

// Every pass keeps the meaning of a kernel: the interpreter gives the same bits (all NaNs being one) before and after it, and
// the verifier finds nothing. On random kernels and on those of random linear layers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "ir/interpret.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "jit/build_linear.h"
#include "jit/compile.h"
#include "targets/targets.h"
#include "tests/support/kernel_arguments.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_kernel.h"
#include "tests/support/random_problem.h"

namespace tilejit {
namespace {

using test::Arguments;

/// Interprets a legal kernel on the memory; the first violation or the error in words, else empty.
std::string interpret_legal(const ir::Kernel& kernel, Arguments& arguments, int64_t m) {
  if (const auto violations = ir::verify(kernel); !violations.empty()) return violations[0].message;
  const Result<void> ran = ir::interpret(kernel, arguments.views(), m);
  return ran.ok() ? "" : ran.error().message;
}

/// Empty when every pass keeps the kernel legal and its results the same; else the pass, what is wrong and both texts.
std::string first_wrong_pass(ir::Kernel kernel, int64_t m, uint64_t seed) {
  const Arguments arguments = test::random_arguments(kernel, m, seed);
  Arguments expected = arguments;
  if (const std::string wrong = interpret_legal(kernel, expected, m); !wrong.empty())
    return fmt::format("before any pass, m={}: {}\n{}", m, wrong, ir::print(kernel));
  for (const Pass& pass : passes()) {
    const ir::Kernel before = kernel;
    const bool changed = pass.run(kernel);
    Arguments actual = arguments;
    std::string wrong = interpret_legal(kernel, actual, m);
    if (wrong.empty()) wrong = test::difference(before, expected, actual);
    if (wrong.empty() && kernel.buffers != before.buffers) wrong = "the buffers are others";
    if (wrong.empty() && changed == (ir::print(kernel) == ir::print(before)))
      wrong = changed ? "says that it changed the kernel" : "says that it changed nothing";
    if (wrong.empty()) continue;
    return fmt::format("pass {}, m={}: {}\nbefore:\n{}\nafter:\n{}", pass.name, m, wrong, ir::print(before),
                       ir::print(kernel));
  }
  return "";
}

ir::Kernel kernel_of(uint64_t seed) {
  return test::random_kernel(seed, {.lanes16 = seed % 2 == 0,
                                    .bf16_dot = true,
                                    .gpu = seed % 3 == 0,
                                    .instructions = 8 + static_cast<int>(seed % 40)});
}

TEST(PassRandom, KeepsRandomKernels) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(400));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    const ir::Kernel kernel = kernel_of(seed);
    for (const int64_t m : {int64_t{0}, int64_t{1}, static_cast<int64_t>(2 + seed % 20)}) {
      const std::string wrong = first_wrong_pass(kernel, m, seed);
      ASSERT_TRUE(wrong.empty()) << test::reproduction(seed) << "\n" << wrong;
    }
  }
}

/// A random problem that is small enough for the interpreter to run hundreds.
Problem small_problem(const TargetFacts& target, test::Rng& rng) {
  constexpr int64_t largest = 20'000;
  while (true) {
    Problem problem = test::random_problem(target, rng);
    if (problem.m * problem.n * problem.k <= largest) return problem;
  }
}

TEST(PassRandom, KeepsRandomLinearLayers) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(250));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    test::Rng rng(seed);
    const TargetFacts& target = (*find_target(rng.pick(target_names())))->facts();
    const Problem problem = small_problem(target, rng);
    const Schedule schedule = test::random_schedule(problem, target, rng);
    const ir::Program program = build_linear(problem, schedule);
    for (const ir::Kernel& kernel : program.kernels) {
      const std::string wrong = first_wrong_pass(kernel, problem.m, seed);
      ASSERT_TRUE(wrong.empty()) << test::reproduction(seed) << "\n"
                                 << print_problem(problem) << "\n"
                                 << print_schedule(schedule) << "\n"
                                 << wrong;
    }
  }
}

/// The equalities above say nothing about a pass that finds nothing to do.
TEST(PassRandom, EveryPassChangesSomeKernel) {
  std::set<std::string_view> changing;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    ir::Kernel kernel = kernel_of(seed);
    for (const Pass& pass : passes()) {
      const std::string before = ir::print(kernel);
      pass.run(kernel);
      if (ir::print(kernel) != before) changing.insert(pass.name);
    }
  }
  for (const Pass& pass : passes()) EXPECT_TRUE(changing.contains(pass.name)) << pass.name;
}

}  // namespace
}  // namespace tilejit

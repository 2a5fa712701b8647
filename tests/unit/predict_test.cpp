// Iterations of loops from their bounds, and a whole kernel's cycles from them.
#include "jit/predict.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "ir/iterations.h"
#include "targets/targets.h"
#include "tests/support/kernel_text.h"

namespace tilejit {
namespace {

/// By the loop's variable.
std::map<std::string, int64_t> iterations(std::string_view text, int64_t m) {
  const ir::Kernel kernel = test::legal_kernel(text);
  const std::vector<int64_t> counts = ir::count_iterations(kernel, m);
  std::map<std::string, int64_t> named;
  for (size_t i = 0; i < counts.size(); ++i)
    if (kernel.body[i].op == ir::Op::for_loop) named[kernel.value(kernel.body[i].dst).name] = counts[i];
  return named;
}

constexpr std::string_view blocked = R"(kernel blocked(%o: global f32[m,32]) {
  for tasks %p = 0..2 {
    for tasks %mb = 0..ceil(m,8) {
      for serial %r = 0..min(8,m-%mb*8) step 3 {
        for serial %c = 0..2 {
          %z = fill 0 : f32[1,16]
          store %o[%mb*8, %c*16:16], %z
        }
      }
      for serial %never = 0..0 {
        %y = fill 0 : f32[1,16]
        store %o[%mb*8, 0:16], %y
      }
    }
  }
})";

TEST(Iterations, CountBoundsThatOuterLoopsSet) {
  const auto counts = iterations(blocked, 10);  // blocks of 8 and 2 rows, in steps of 3: 3 + 1
  EXPECT_EQ(counts.at("p"), 2);
  EXPECT_EQ(counts.at("mb"), 4);
  EXPECT_EQ(counts.at("r"), 8);
  EXPECT_EQ(counts.at("c"), 16);
  EXPECT_EQ(counts.at("never"), 0);
}

TEST(Iterations, NothingRunsWithoutRows) {
  const auto counts = iterations(blocked, 0);
  EXPECT_EQ(counts.at("p"), 2);
  EXPECT_EQ(counts.at("c"), 0);
}

constexpr std::string_view sum = R"(kernel sum(%a: global f32[m,64], %o: global f32[m,16]) {
  for tasks %i = 0..m {
    %acc = fill 0 : f32[1,16]
    for serial %k = 0..4 {
      %x = load %a[%i, %k*16:16] : f32[1,16]
      %acc = add %acc, %x : f32[1,16]
    }
    store %o[%i, 0:16], %acc
  }
})";

TEST(Predict, AKernelIsItsLoopsTimesTheirIterations) {
  const Target& target = **find_target("zen4");
  ir::Program program;
  program.kernels.push_back(test::legal_kernel(sum));
  const auto kernels = compile(program, target, {.predict = Predict::compared_rows});
  ASSERT_TRUE(kernels.ok()) << kernels.error().message;
  const Resources& resources = kernels->front().code.resources;
  const auto rows = predict_kernel(kernels->front(), 5);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].machine, "zen4");
  EXPECT_EQ(rows[1].machine, "zen5");
  EXPECT_EQ(rows[2].machine, "spr");
  EXPECT_EQ(rows[0].steady_loop, 0);
  EXPECT_EQ(resources.loops[0].predictions[0].cycles, 3) << "one addition of latency 3 carries the sum";
  EXPECT_EQ(resources.loops[0].traffic.vector_bytes, 64);
  EXPECT_DOUBLE_EQ(rows[0].cycles, 5 * (4 * 3 + resources.straight[0].cycles));
  const KernelWork work = predict_work(kernels->front(), 5, {.l1_bytes = 32 << 10, .l2_bytes = 1 << 20});
  EXPECT_EQ(work.tasks, 5);
  EXPECT_DOUBLE_EQ(work.cycles, rows[0].l2_cycles) << "L2 hands over 64 bytes in less than 3 cycles";
  EXPECT_EQ(work.memory_bytes, 0);
  EXPECT_EQ(predict_work(kernels->front(), 5, {.l1_bytes = 0, .l2_bytes = 0}).memory_bytes, 5 * 4 * 64);
}

TEST(Predict, NothingIsPredictedUnlessAskedFor) {
  ir::Program program;
  program.kernels.push_back(test::legal_kernel(sum));
  const auto kernels = compile(program, **find_target("zen4"), {});
  ASSERT_TRUE(kernels.ok());
  EXPECT_TRUE(predict_kernel(kernels->front(), 5).empty());
  EXPECT_EQ(predict_work(kernels->front(), 5, {.l1_bytes = 32 << 10, .l2_bytes = 1 << 20}).cycles, 0);
}

}  // namespace
}  // namespace tilejit

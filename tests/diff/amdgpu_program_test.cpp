// Linear layers as code objects of every GPU row: the emulator executes them, and every buffer equals the interpreter's, bit for
// bit, without a report.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <string>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/targets.h"
#include "tests/support/gpu_rows.h"
#include "tests/support/kernel_text.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

constexpr const char* problems[] = {
    "w4a16 m=1 n=512 k=256 a=bf16 g=128",
    "w4a16 m=3 n=300 k=256 a=f16 g=128 zp=int s=f16 epilogue=bias+silu",
    "w4a16 m=9 n=300 k=250 a=bf16 g=64 zp=float s=bf16 epilogue=bias+gelu",
    "w4a16 m=2 n=200 k=150 a=f32 g=100 perm=1 epilogue=relu+mul",
    "w4a16 m=2 n=130 k=200 a=bf16 g=128 dot=i8x2",
    "w8a8 m=3 n=300 k=256 a=bf16 epilogue=gelu_tanh+residual",
    "w4a8 m=3 n=500 k=253 a=f16 g=128 zp=int",
    "w8a16 m=2 n=260 k=256 a=bf16 g=128 epilogue=swiglu",
    "w16a16 m=9 n=260 k=127 a=bf16",
    "w16a16 m=5 n=130 k=128 a=f16",
};

class AmdgpuProgram : public testing::TestWithParam<const char*> {};

TEST_P(AmdgpuProgram, EqualsTheInterpreter) {
  const Target& target = **find_target(GetParam());
  for (const char* line : problems) {
    const Problem problem = *resolve(*parse_problem(line), target.facts());
    const Schedule schedule = default_schedule(problem, problem.m, target.facts());
    const ir::Program program = lower_program(build_linear(problem, schedule), {});
    for (const ir::Kernel& kernel : program.kernels) {
      const test::Arguments arguments = test::random_arguments(kernel, problem.m, 1);
      EXPECT_EQ(test::disagreement(target, Device::emulated, kernel, problem.m, arguments), "")
          << line << ": " << kernel.name;
    }
  }
}

/// Zeros of either sign among the factors: a product of -0 stays -0 when it is rounded to f16.
TEST_P(AmdgpuProgram, ProductsKeepTheSignOfZero) {
  const Target& target = **find_target(GetParam());
  const ir::Kernel kernel = test::lowered_kernel(test::legal_kernel(R"(
kernel product(%x: global f32[4,64], %y: global f32[4,64], %out: global f16[4,64]) {
  for tasks %p = 0..4 {
    %a = load %x[%p, 0:64] : f32[1,64]
    %b = load %y[%p, 0:64] : f32[1,64]
    %c = mul %a, %b : f32[1,64]
    %d = convert %c : f16[1,64]
    store %out[%p, 0:64], %d
  }
}
)"));
  test::Arguments arguments = test::random_arguments(kernel, 1, 1);
  auto* x = reinterpret_cast<float*>(arguments.memory[0].data());
  for (int i = 0; i < 4 * 64; i += 3) x[i] = i % 2 == 0 ? 0.0F : -0.0F;
  EXPECT_EQ(test::disagreement(target, Device::emulated, kernel, 1, arguments), "");
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuProgram, testing::ValuesIn(test::gpu_rows),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tilejit

#endif

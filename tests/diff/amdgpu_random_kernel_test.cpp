// Random kernels, larger than any linear layer's, as code objects of every GPU row: on the emulator they give the interpreter's
// bits without a report, or are refused with a reason.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "targets/targets.h"
#include "tests/support/gpu_rows.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_kernel.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

class AmdgpuRandomKernel : public testing::TestWithParam<const char*> {};

ir::Kernel kernel_of(uint64_t seed) {
  const int instructions = 8 + static_cast<int>(seed % 40);
  return test::lowered_kernel(
      test::random_kernel(seed, {.lanes16 = true, .bf16_dot = false, .instructions = instructions}));
}

/// LLVM 22 copies a value of one lane from a vector to a scalar register, says that this is an error, and would then end the
/// process.
TEST(AmdgpuLlvm, AnErrorOfItsOwnIsARefusal) {
  const Target& target = **find_target("gfx942");
  const ir::Kernel kernel = kernel_of(74);
  const std::string difference =
      test::disagreement(target, Device::emulated, kernel, 1, test::random_arguments(kernel, 1, 74));
  if (!difference.empty()) {
    EXPECT_NE(difference.find("gfx942: kernel random74: LLVM: "), std::string::npos) << difference;
  }
}

TEST_P(AmdgpuRandomKernel, EqualsTheInterpreterOrIsRefused) {
  const Target& target = **find_target(GetParam());
  const int cases = test::test_cases(8);
  int refused = 0;
  for (uint64_t seed = test::first_seed(); seed < test::first_seed() + static_cast<uint64_t>(cases); ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    const ir::Kernel kernel = kernel_of(seed);
    for (const int64_t m : {0, 1, 7}) {
      const test::Arguments arguments = test::random_arguments(kernel, m, seed);
      const std::string difference = test::disagreement(target, Device::emulated, kernel, m, arguments);
      if (difference.starts_with("unsupported")) {
        ++refused;
        break;
      }
      ASSERT_EQ(difference, "") << "m=" << m;
    }
  }
  EXPECT_LE(4 * refused, cases + 8);
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuRandomKernel, testing::ValuesIn(test::gpu_rows),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tilejit

#endif

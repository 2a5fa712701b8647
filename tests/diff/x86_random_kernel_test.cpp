// Random kernels: machine code of every row against the interpreter, bit for bit; with all registers and with six. Rows that
// this machine cannot execute are emulated, on fewer kernels.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

#include "ir/print.h"
#include "targets/targets.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_kernel.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

struct Case {
  const char* target;
  int vector_registers;
};

class RandomKernel : public testing::TestWithParam<Case> {};

TEST_P(RandomKernel, AgreesWithTheInterpreter) {
  const Target& target = **find_target(GetParam().target);
  const Result<Device> device = test::device_for(target);
  if (!device) GTEST_SKIP() << device.error().message;
  const uint64_t first = test::first_seed();
  const auto count = static_cast<uint64_t>(test::test_cases(*device == Device::native ? 150 : 40));
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const ir::Kernel kernel = test::lowered_kernel(test::random_kernel(
        seed,
        {.lanes16 = true, .bf16_dot = target.facts().has_dot_bf16, .instructions = 8 + static_cast<int>(seed % 40)}));
    std::mt19937_64 random(seed);
    for (const int64_t m : {int64_t{0}, int64_t{1}, static_cast<int64_t>(2 + random() % 20)}) {
      const test::Arguments arguments = test::random_arguments(kernel, m, seed);
      const std::string found = test::disagreement(target, *device, kernel, m, arguments,
                                                   {.vector_registers = GetParam().vector_registers, .stages = {}});
      ASSERT_EQ(found, "") << fmt::format("target={} registers={} m={}\n{}\n{}", GetParam().target,
                                          GetParam().vector_registers, m, test::reproduction(seed), ir::print(kernel));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(X86, RandomKernel,
                         testing::Values(Case{"avx512", 32}, Case{"avx512", 6}, Case{"avx512_vnni", 32},
                                         Case{"avx512_vnni", 6}, Case{"zen4", 32}, Case{"zen4", 9}, Case{"zen4", 6},
                                         Case{"zen5", 32}, Case{"spr", 32}, Case{"spr", 6}),
                         [](const auto& row) {
                           return fmt::format("{}_{}", row.param.target, row.param.vector_registers);
                         });

/// The code run by the CPU and by the emulator from the same arguments.
std::string native_against_emulated(const Target& target, const ir::Kernel& kernel, int64_t m, uint64_t seed) {
  const Result<Code> code = target.lower(kernel, {});
  if (!code) return code.error().message;
  const Result<Code> emulated = target.emulated(*code, kernel);
  if (!emulated) return emulated.error().message;
  test::Arguments native_results = test::random_arguments(kernel, m, seed);
  test::Arguments emulated_results = native_results;
  for (const auto& [which, results] : {std::pair(&*code, &native_results), std::pair(&*emulated, &emulated_results)})
    if (const Result<void> run = test::run_code(*which, kernel, m, *results); !run) return run.error().message;
  return test::difference(kernel, native_results, emulated_results);
}

TEST(RandomKernelDevices, NativeAndEmulatedGiveTheSameBits) {
  const Result<const Target*> host = find_target("host");
  if (!host) GTEST_SKIP() << "NOT COMPARED: " << host.error().message;
  if (const auto can = (*host)->can_emulate(); !can) GTEST_SKIP() << "NOT COMPARED: " << can.error().message;
  const uint64_t first = test::first_seed();
  const auto count = static_cast<uint64_t>(test::test_cases(50));
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const ir::Kernel kernel = test::lowered_kernel(
        test::random_kernel(seed, {.lanes16 = true, .bf16_dot = (*host)->facts().has_dot_bf16, .instructions = 30}));
    for (const int64_t m : {int64_t{1}, int64_t{9}})
      ASSERT_EQ(native_against_emulated(**host, kernel, m, seed), "")
          << fmt::format("m={}\n{}\n{}", m, test::reproduction(seed), ir::print(kernel));
  }
}

}  // namespace
}  // namespace tilejit

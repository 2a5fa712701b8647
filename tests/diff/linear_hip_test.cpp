// A Linear on a GPU, through a HIP library whose GPU is the emulator: the same bits as the emulator called directly, launches
// and memory as HIP wants them, and every refusal with its reason.
#include <gtest/gtest.h>
#include <tilejit/linear.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "runtime/gpu_program.h"
#include "runtime/hip.h"
#include "targets/targets.h"
#include "tests/support/command.h"
#include "tests/support/random_problem.h"
#include "tests/support/random_weights.h"

namespace tilejit {
namespace {

constexpr const char* arch = "gfx942";
const std::string fake_library = std::string(TILEJIT_BINARY_DIR) + "/lib/libfake_amdhip64.so";

class LinearHip : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(fake_library)) GTEST_SKIP() << "the AMDGPU target is not built: no " << fake_library;
    setenv("TILEJIT_HIP_LIBRARY", fake_library.c_str(), 1);
    library_ = hip::Library::find().value();
  }

  /// Problem, weights and rows of a layer, and its result by either device.
  struct Layer {
    explicit Layer(const std::string& line, int64_t rows)
        : problem(*resolve(*parse_problem(line), (*find_target(arch))->facts())), m(rows),
          a(static_cast<size_t>(bytes_of(problem.a, m * problem.k))) {
      test::Rng rng(3);
      weights = test::random_weights(problem, rng);
      test::fill_activations(a, problem.a, test::Values::finite, rng);
    }
    Result<Linear> create(Device device) const {
      LinearOptions options;
      options.target = arch;
      options.device = device;
      return Linear::create(print_problem(problem), weights.view, options);
    }
    LinearCall call(const void* activations, void* out) const {
      return {.a = activations, .lda = problem.k, .m = m, .out = out, .ldo = problem.out_columns()};
    }
    std::vector<std::byte> empty_out() const {
      return std::vector<std::byte>(static_cast<size_t>(bytes_of(problem.out, m * problem.out_columns())));
    }

    Problem problem;
    int64_t m;
    std::vector<std::byte> a;
    test::OwnedWeights weights;
  };

  std::vector<std::byte> run_emulated(const Layer& layer) {
    std::vector<std::byte> out = layer.empty_out();
    const auto linear = layer.create(Device::emulated);
    EXPECT_TRUE(linear) << linear.error().message;
    const auto done = linear->run(layer.call(layer.a.data(), out.data()));
    EXPECT_TRUE(done) << done.error().message;
    return out;
  }
  std::vector<std::byte> run_hip(const Layer& layer, const Linear& linear, void* workspace) {
    std::vector<std::byte> out = layer.empty_out();
    const hip::Memory a = hip::Memory::allocate(*library_, static_cast<int64_t>(layer.a.size())).value();
    const hip::Memory result = hip::Memory::allocate(*library_, static_cast<int64_t>(out.size())).value();
    EXPECT_TRUE(a.upload(layer.a));
    LinearCall call = layer.call(a.data(), result.data());
    call.workspace = workspace;
    const auto done = linear.run(call);
    EXPECT_TRUE(done) << done.error().message;
    EXPECT_TRUE(result.download(out));
    return out;
  }

  const hip::Library* library_ = nullptr;
};

TEST_F(LinearHip, GivesTheEmulatorsBits) {
  for (const char* line : {"w4a16 n=80 k=96 a=bf16 g=32 zp=int s=f16 epilogue=bias", "w8a8 n=72 k=96 a=f16"}) {
    const Layer layer(line, 5);
    const auto linear = layer.create(Device::hip);
    ASSERT_TRUE(linear) << linear.error().message;
    EXPECT_EQ(linear->info().device, Device::hip);
    EXPECT_EQ(run_hip(layer, *linear, nullptr), run_emulated(layer)) << line;
  }
}

TEST_F(LinearHip, TakesTheCallersWorkspace) {
  const Layer layer("w8a8 n=72 k=96 a=bf16", 3);
  const auto linear = layer.create(Device::hip);
  ASSERT_TRUE(linear) << linear.error().message;
  const hip::Memory workspace = hip::Memory::allocate(*library_, linear->workspace_bytes(layer.m, 1).value()).value();
  EXPECT_EQ(run_hip(layer, *linear, workspace.data()), run_emulated(layer));
}

TEST_F(LinearHip, ThreadsShareALinear) {
  const Layer layer("w8a8 n=72 k=96 a=bf16", 3);
  const auto linear = layer.create(Device::hip);
  ASSERT_TRUE(linear) << linear.error().message;
  const std::vector<std::byte> expected = run_emulated(layer);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_EQ(run_hip(layer, *linear, nullptr), expected); });
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LinearHip, MemoryOfTheHostIsAnErrorOfTheLaunch) {
  const Layer layer("w8a8 n=72 k=96 a=bf16", 3);
  const auto linear = layer.create(Device::hip);
  ASSERT_TRUE(linear) << linear.error().message;
  std::vector<std::byte> out = layer.empty_out();
  const auto done = linear->run(layer.call(layer.a.data(), out.data()));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::resource);
  EXPECT_NE(done.error().message.find("hipModuleLaunchKernel failed: hipErrorLaunchFailure (719)"), std::string::npos)
      << done.error().message;
}

TEST_F(LinearHip, AnotherArchitectureIsNamed) {
  const auto place = find_gpu((*find_target("gfx1100"))->facts(), 0);
  ASSERT_FALSE(place);
  EXPECT_EQ(place.error().kind, ErrorKind::unsupported);
  EXPECT_NE(place.error().message.find("is gfx942, which cannot run code for gfx1100"), std::string::npos)
      << place.error().message;
  const auto missing = find_gpu((*find_target(arch))->facts(), 2);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::invalid);
}

TEST_F(LinearHip, ToolsRunOnTheGpuThatIsThere) {
  const auto run = test::run_command("tilejit", "linear 'w4a16 n=64 k=64 a=bf16 g=32' --m 2 --target gfx942 --json");
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("\"device\": \"hip\""), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("\"ok\": true"), std::string::npos) << run.out;
}

}  // namespace
}  // namespace tilejit

// The device of a Linear: asked for, never chosen, part of the cache key, and the same bits on each.
#include <gtest/gtest.h>
#include <tilejit/linear.h>

#include <cstddef>
#include <vector>

#include "targets/targets.h"
#include "tests/support/random_problem.h"
#include "tests/support/random_weights.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

constexpr const char* line = "w4a16 n=80 k=96 a=bf16 g=32 zp=int s=f16 dot=fma";

struct Layer {
  Problem problem;
  test::OwnedWeights weights;
  std::vector<std::byte> a;
  static constexpr int64_t m = 5;

  Layer() : problem(*parse_problem(line)), a(static_cast<size_t>(bytes_of(Type::bf16, m * problem.k))) {
    test::Rng rng(7);
    weights = test::random_weights(problem, rng);
    test::fill_activations(a, Type::bf16, test::Values::finite, rng);
  }
  Result<Linear> create(const char* target, Device device) const {
    return Linear::create(line, weights.view,
                          {.target = target, .device = device, .schedule = {}, .warm_m = {}, .threads = {}});
  }
  std::vector<std::byte> run(const Linear& linear) const {
    std::vector<std::byte> out(static_cast<size_t>(bytes_of(Type::bf16, m * problem.n)));
    const auto done = linear.run({.a = a.data(), .lda = problem.k, .m = m, .out = out.data(), .ldo = problem.n});
    EXPECT_TRUE(done.ok()) << done.error().message;
    return out;
  }
};

TEST(LinearDevice, EmulatedCodeGivesTheInterpretersBits) {
  if (const auto can = (*find_target("zen4"))->can_emulate(); !can) GTEST_SKIP() << can.error().message;
  const Layer layer;
  const auto emulated = layer.create("zen4", Device::emulated);
  const auto reference = layer.create("ref", Device::native);
  ASSERT_TRUE(emulated.ok() && reference.ok());
  EXPECT_EQ(emulated->info().device, Device::emulated);
  EXPECT_EQ(layer.run(*emulated), layer.run(*reference));
  if (const auto native = layer.create("zen4", Device::native); native.ok()) {
    EXPECT_EQ(native->info().device, Device::native);
    EXPECT_EQ(layer.run(*native), layer.run(*reference));
  }
}

TEST(LinearDevice, NativeNeverFallsBack) {
  const Layer layer;
  const auto native = layer.create("zen4", Device::native);
  const auto can = (*find_target("zen4"))->can_execute();
  ASSERT_EQ(native.ok(), can.ok());
  if (can) return;
  EXPECT_NE(native.error().message.find(can.error().message), std::string::npos) << native.error().message;
}

TEST(LinearDevice, WithoutAnEmulatorIsRefused) {
  const Layer layer;
  const auto emulated = layer.create("ref", Device::emulated);
  ASSERT_FALSE(emulated.ok());
  EXPECT_EQ(emulated.error().kind, ErrorKind::unsupported);
  EXPECT_FALSE(can_implement(line, "ref", Device::emulated).ok());
}

}  // namespace
}  // namespace tilejit

// Waves: right kernels give the same result in any order, wrong ones are reported in every order.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/kernel_text.h"

namespace tilejit::ir {
namespace {

using test::interpret_error;
using test::legal_kernel;
using test::run_kernel;
using test::view;

/// The error under several orders; they must agree on whether there is one.
void expect_error(const Kernel& kernel, const std::vector<BufferView>& parameters, std::string_view part) {
  for (uint64_t order = 0; order < 8; ++order) {
    const std::string error = interpret_error(kernel, parameters, 1, {.wave_order = order});
    EXPECT_NE(error.find(part), std::string::npos) << "order " << order << ": " << error;
  }
}

TEST(InterpretWaves, AnyOrderGivesTheSameResult) {
  // Each wave adds its neighbour's slot to its own, eight times, two buffers by turns.
  const Kernel kernel = legal_kernel(R"(kernel t(%a: global f32[2,4], %out: global f32[2,4]) {
    shared %s: f32[2,8]
    for tasks %t = 0..2 {
      for waves %w = 0..4 {
        %x = load %a[%t, %w] : f32[1,1]
        store %s[0, %w], %x
        store %s[0, %w+4], %x
        barrier
        for serial %i = 0..4 {
          %l = load %s[0, %w+1] : f32[1,1]
          %x = add %x, %l : f32[1,1]
          store %s[1, %w], %x
          store %s[1, %w+4], %x
          barrier
          %l = load %s[1, %w+3] : f32[1,1]
          %x = add %x, %l : f32[1,1]
          store %s[0, %w], %x
          store %s[0, %w+4], %x
          barrier
        }
        store %out[%t, %w], %x
      }
    }
  })");
  std::vector<float> a{1, 2, 3, 4, 5, 6, 7, 8}, first(8), out(8);
  run_kernel(kernel, {view(a), view(first)});
  EXPECT_EQ(std::accumulate(first.begin(), first.begin() + 4, 0.0f), 10 * 256);
  for (uint64_t order = 1; order < 50; ++order) {
    run_kernel(kernel, {view(a), view(out)}, 1, {.wave_order = order});
    EXPECT_EQ(out, first) << "order " << order;
  }
}

/// Each wave of a grid hands its number to the wave opposite.
TEST(InterpretWaves, AGridIsNumberedRowByRow) {
  const Kernel kernel = legal_kernel(R"(kernel t(%a: global f32[2,3], %out: global f32[2,3]) {
    shared %s: f32[2,3]
    for tasks %t = 0..1 {
      for waves %y = 0..2 {
        for waves %x = 0..3 {
          %v = load %a[%y, %x] : f32[1,1]
          store %s[%y, %x], %v
          barrier
          %v = load %s[1-%y, 2-%x] : f32[1,1]
          store %out[%y, %x], %v
        }
      }
    }
  })");
  std::vector<float> a{1, 2, 3, 4, 5, 6}, out(6);
  for (uint64_t order = 0; order < 20; ++order) {
    run_kernel(kernel, {view(a), view(out)}, 1, {.wave_order = order});
    EXPECT_EQ(out, (std::vector<float>{6, 5, 4, 3, 2, 1})) << "order " << order;
  }
  const Kernel race = legal_kernel(R"(kernel t() {
    shared %s: f32[2,3]
    for tasks %t = 0..1 {
      for waves %y = 0..2 {
        for waves %x = 0..3 {
          %v = fill 1 : f32[1,1]
          store %s[0, %x], %v
        }
      }
    }
  })");
  expect_error(race, {}, "is a race: wave");
}

TEST(InterpretWaves, AMissingBarrierIsARace) {
  const Kernel kernel = legal_kernel(R"(kernel t(%out: global f32[2]) {
    shared %s: f32[2]
    for tasks %t = 0..1 {
      %zero = fill 0.0 : f32[1,2]
      store %s[0:2], %zero
      for waves %w = 0..2 {
        %x = fill 1.0 : f32[1,1]
        store %s[%w], %x
        %y = load %s[1-%w] : f32[1,1]
        store %out[%w], %y
      }
    }
  })");
  std::vector<float> out(2);
  expect_error(kernel, {view(out)}, "is a race: wave");
  EXPECT_EQ(interpret_error(kernel, {view(out)}),
            "kernel t: line 8: `store %s[%w], %x`: %s[1] is a race: wave 1 writes, wave 0 read, no barrier between");
}

TEST(InterpretWaves, TwoWritersAreARace) {
  const Kernel kernel = legal_kernel(R"(kernel t() {
    shared %s: f32[4]
    for tasks %t = 0..1 {
      for waves %w = 0..2 {
        %x = fill 1.0 : f32[1,2]
        store %s[%w:2], %x
      }
    }
  })");
  expect_error(kernel, {}, "%s[1] is a race: waves ");
}

TEST(InterpretWaves, AWriteAfterOthersReadIsARace) {
  const Kernel kernel = legal_kernel(R"(kernel t(%out: global f32[3]) {
    shared %s: f32[1]
    for tasks %t = 0..1 {
      %x = fill 1.0 : f32[1,1]
      store %s[0], %x
      for waves %w = 0..3 {
        %y = load %s[0] : f32[1,1]
        store %out[%w], %y
        for serial %i = 2..%w+1 {
          store %s[0], %y
        }
      }
    }
  })");
  std::vector<float> out(3);
  expect_error(kernel, {view(out)}, "%s[0] is a race");
}

TEST(InterpretWaves, AWaveThatMissesABarrierIsReported) {
  const Kernel kernel = legal_kernel(R"(kernel t() {
    for tasks %t = 0..1 {
      for waves %w = 0..3 {
        for serial %i = 0..%w {
          barrier
        }
      }
    }
  })");
  expect_error(kernel, {}, "waves part: wave 0 stops at the end, wave 1 at the barrier");
}

constexpr std::string_view copy_text = R"(kernel t(%a: global f32[2,8], %out: global f32[8]) {
    shared %s: f32[2,8]
    for tasks %t = 0..1 {
      for waves %w = 0..2 {
        async_copy %s[0, %w*4:4], %a[0, %w*4:4]
        async_copy %s[1, %w*4:4], %a[1, %w*4:4]
        wait 1
        barrier
        %x = load %s[0, 4-%w*4:4] : f32[1,4]
        wait 0
        barrier
        %y = load %s[1, 4-%w*4:4] : f32[1,4]
        %x = add %x, %y : f32[1,4]
        store %out[%w*4:4], %x
      }
    }
  })";

std::string without(std::string_view line) {
  std::string result(copy_text);
  result.erase(result.find(line), line.size());
  return result;
}

TEST(InterpretWaves, CopiesLandAtTheirWait) {
  const Kernel kernel = legal_kernel(copy_text);
  std::vector<float> a(16), out(8);
  std::iota(a.begin(), a.end(), 0.0f);
  for (uint64_t order = 0; order < 8; ++order) {
    run_kernel(kernel, {view(a), view(out)}, 1, {.wave_order = order});
    EXPECT_EQ(out, (std::vector<float>{16, 18, 20, 22, 8, 10, 12, 14}));
  }
}

TEST(InterpretWaves, AMissingWaitIsReported) {
  std::vector<float> a(16), out(8);
  expect_error(legal_kernel(without("wait 1")), {view(a), view(out)}, "in flight: a wait is missing");
  expect_error(legal_kernel(without("wait 0")), {view(a), view(out)}, "in flight: a wait is missing");
}

TEST(InterpretWaves, AWaitWithoutABarrierDoesNotReachOtherWaves) {
  std::vector<float> a(16), out(8);
  std::string text = without("wait 0\n        barrier");
  text.insert(text.find("%y ="), "wait 0\n        ");
  const Kernel kernel = legal_kernel(text);
  for (uint64_t order = 0; order < 8; ++order)
    EXPECT_NE(interpret_error(kernel, {view(a), view(out)}, 1, {.wave_order = order}), "") << order;
}

TEST(InterpretWaves, RegistersBelongToTheirWave) {
  const Kernel kernel = test::parsed_kernel(R"(kernel t(%out: global f32[2]) {
    for tasks %t = 0..1 {
      %x = fill 1.0 : f32[1,1]
      for waves %w = 0..2 {
        %x = add %x, %x : f32[1,1]
        store %out[%w], %x
      }
      store %out[0], %x
    }
  })");
  std::vector<float> out(2);
  expect_error(kernel, {view(out)}, "register %x is read and was never written");
  EXPECT_EQ(out, (std::vector<float>{2, 2}));
}

}  // namespace
}  // namespace tilejit::ir

// Loads, stores, loops and tasks of the interpreter, and the errors of what leaves a buffer or was never written.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "tests/support/kernel_text.h"

namespace tilejit::ir {
namespace {

using test::interpret_error;
using test::legal_kernel;
using test::parsed_kernel;
using test::run_kernel;
using test::view;

template <typename T>
std::vector<T> counting(size_t n) {
  std::vector<T> v(n);
  std::iota(v.begin(), v.end(), T{0});
  return v;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(InterpretMemory, ClipReadsZerosAndDropsStores) {
  const Kernel kernel = legal_kernel(R"(kernel t(%a: global f32[m,3], %out: global f32[m,5]) {
    for serial %i = 0..m step 2 {
      %x = load.clip %a[%i:2, 1:4] : f32[2,4]
      store.clip %out[%i:2, -1:4], %x
    }
  })");
  std::vector<float> a = counting<float>(9), out(15, -1);
  run_kernel(kernel, {view(a), view(out)}, 3);
  EXPECT_EQ(out, (std::vector<float>{2, 0, 0, -1, -1, 5, 0, 0, -1, -1, 8, 0, 0, -1, -1}));
}

TEST(InterpretMemory, RowStrideIsARunTimeArgument) {
  const Kernel kernel = legal_kernel(R"(kernel t(%a: global f32[m,2] strided, %out: global f32[m,2] strided) {
    for tasks %i = 0..m {
      %x = load %a[%i, 0:2] : f32[1,2]
      store %out[%i, 0:2], %x
    }
  })");
  std::vector<float> a = counting<float>(8), out(14, -1);
  run_kernel(kernel, {view(a, 3), view(out, 6)}, 3);
  EXPECT_EQ(out, (std::vector<float>{0, 1, -1, -1, -1, -1, 3, 4, -1, -1, -1, -1, 6, 7}));
  a.pop_back();
  EXPECT_TRUE(contains(interpret_error(kernel, {view(a, 3), view(out, 6)}, 3),
                       "bytes 24..31 lie outside the 28 bytes given for %a: global f32[3,2] at m=3"));
}

TEST(InterpretMemory, EveryTypeIsKept) {
  for (const char* type : {"f32", "bf16", "f16", "i32", "i16", "i8", "u8", "u4"}) {
    const Kernel kernel = legal_kernel(fmt::format(R"(kernel t(%a: global {0}[4,6], %out: global {0}[4,6]) {{
      %x = load %a[1:2, 2:4] : {0}[2,4]
      store %out[0:2, 0:4], %x
    }})",
                                                   type));
    const Type element = *parse_type(type);
    const auto row = static_cast<size_t>(bytes_of(element, 6));
    const auto moved = static_cast<size_t>(bytes_of(element, 4));
    const auto skipped = static_cast<size_t>(bytes_of(element, 2));
    std::vector<uint8_t> a(4 * row), out(4 * row, 0xee);
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<uint8_t>(i * 37 + 11);
    run_kernel(kernel, {view(a), view(out)});
    std::vector<uint8_t> expected(4 * row, 0xee);
    for (size_t r = 0; r < 2; ++r) std::memcpy(expected.data() + r * row, a.data() + (r + 1) * row + skipped, moved);
    EXPECT_EQ(out, expected) << type;
  }
}

TEST(InterpretMemory, IndicesAreLoaded) {
  const Kernel kernel = legal_kernel(R"(kernel t(%perm: global i32[4], %a: global f32[4], %out: global f32[4]) {
    for serial %i = 0..4 {
      %p = load_index %perm[%i]
      %x = load %a[%p] : f32[1,1]
      store %out[%i], %x
    }
  })");
  std::vector<int32_t> perm{2, 0, 3, 1};
  std::vector<float> a{10, 11, 12, 13}, out(4);
  run_kernel(kernel, {view(perm), view(a), view(out)});
  EXPECT_EQ(out, (std::vector<float>{12, 10, 13, 11}));
  perm[2] = -1;
  EXPECT_TRUE(contains(interpret_error(kernel, {view(perm), view(a), view(out)}),
                       "`%x = load %a[%p] : f32[1,1]`: elements -1..-1 of dimension 0 lie outside %a: global f32[4]"));
}

TEST(InterpretMemory, LoopsCountAsTheirBoundsSay) {
  const Kernel kernel = legal_kernel(R"(kernel t(%out: global f32[64]) {
    %one = fill 1.0 : f32[1,1]
    for serial %i = 0..ceil(m,4) {
      for serial %j = %i..min(3,floor(m-4*%i,2)) step 2 {
        store %out[%i*8+%j], %one
      }
    }
  })");
  std::vector<float> out(64), expected(64);
  run_kernel(kernel, {view(out)}, 9);
  for (const size_t at : {0u, 2u, 9u}) expected[at] = 1;  // i=0: j=0,2; i=1: j=1 of 1..2; i=2: none
  EXPECT_EQ(out, expected);
}

TEST(InterpretMemory, OneTaskRunsAlone) {
  const Kernel kernel = legal_kernel(R"(kernel t(%out: global f32[2,6]) {
    for tasks %p = 0..2 {
      for tasks %i = 0..6 step 3 {
        %x = fill 1.0 : f32[1,1]
        store %out[%p, %i], %x
      }
    }
  })");
  std::vector<float> out(12), expected(12);
  std::vector<BufferView> views{view(out)};
  expected[9] = 1;
  const std::vector<int64_t> task{1, 3}, none{1, 1}, few{1};
  EXPECT_TRUE(interpret_task(kernel, views, 1, task).ok());
  EXPECT_EQ(out, expected);
  Result<void> done = interpret_task(kernel, views, 1, none);
  ASSERT_FALSE(done.ok());
  EXPECT_TRUE(contains(done.error().message, "task 1 is not one of 0..6 step 3")) << done.error().message;
  EXPECT_FALSE(interpret_task(kernel, views, 1, few).ok());
  run_kernel(kernel, views);
  EXPECT_EQ(std::accumulate(out.begin(), out.end(), 0.0f), 4);
}

TEST(InterpretMemory, ScratchIsForgottenBetweenTasks) {
  const Kernel kernel = legal_kernel(R"(kernel t(%out: global f32[2]) {
    scratch %s: f32[4]
    for tasks %p = 0..2 {
      %x = fill 3.0 : f32[1,1]
      for serial %i = %p..1 {
        store %s[2], %x
      }
      %y = load %s[2] : f32[1,1]
      store %out[%p], %y
    }
  })");
  std::vector<float> out(2);
  EXPECT_TRUE(contains(interpret_error(kernel, {view(out)}),
                       "kernel t: line 8: `%y = load %s[2] : f32[1,1]`: %s[2] is read and was never written"));
  EXPECT_EQ(out[0], 3);
}

TEST(InterpretMemory, UnwrittenRegistersAreErrors) {
  const Kernel kernel = parsed_kernel(R"(kernel t(%out: global f32[1]) {
    for serial %i = 1..m {
      %x = fill 1.0 : f32[1,1]
    }
    store %out[0], %x
  })");
  std::vector<float> out(1);
  EXPECT_EQ(interpret_error(kernel, {view(out)}, 2), "");
  EXPECT_TRUE(contains(interpret_error(kernel, {view(out)}, 1), "register %x is read and was never written"));
}

TEST(InterpretMemory, LeavingABufferNamesIndexBufferAndInstruction) {
  const Kernel kernel = legal_kernel(R"(kernel t(%a: global bf16[m,8], %out: global bf16[m,8]) {
    for serial %i = 0..m step 4 {
      %x = load %a[%i:4, 0:8] : bf16[4,8]
      store %out[%i:4, 0:8], %x
    }
  })");
  std::vector<uint16_t> a(64), out(64);
  EXPECT_EQ(interpret_error(kernel, {view(a), view(out)}, 8), "");
  EXPECT_EQ(interpret_error(kernel, {view(a), view(out)}, 6),
            "kernel t: line 3: `%x = load %a[%i:4, 0:8] : bf16[4,8]`: elements 4..7 of dimension 0 lie outside "
            "%a: global bf16[6,8] at m=6");
}

TEST(InterpretMemory, PrefetchMayPointAnywhere) {
  const Kernel kernel = legal_kernel("kernel t(%a: global f32[8]) {\nprefetch %a[m*100:4]\n}");
  std::vector<float> a(8);
  EXPECT_EQ(interpret_error(kernel, {view(a)}, 5), "");
}

TEST(InterpretMemory, ParametersMustFitTheKernel) {
  const Kernel kernel = legal_kernel("kernel t(%a: global f32[8], %b: global f32[8]) {\nprefetch %a[0:8]\n}");
  std::vector<float> a(8);
  EXPECT_TRUE(contains(interpret_error(kernel, {view(a)}), "no memory is given for %b"));
  EXPECT_TRUE(contains(interpret_error(kernel, {view(a), view(a), view(a)}), "3 parameters are given, it has 2"));
}

}  // namespace
}  // namespace tilejit::ir

// Where loads find their bytes, by caches just large enough and just too small.
#include "ir/reuse.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/kernel_text.h"

namespace tilejit::ir {
namespace {

// One iteration of %b touches 64 rows of weights, 4096 bytes, and a row of %a and %o, 64 bytes each.
constexpr std::string_view rows_over_weights =
    R"(kernel rows(%a: global f32[m,16], %w: global f32[8,64,16], %o: global f32[m,128]) {
  for tasks %p = 0..8 {
    for serial %b = 0..m {
      %acc = load %a[%b, 0:16] : f32[1,16]
      for serial %k = 0..64 {
        %x = load %w[%p, %k, 0:16] : f32[1,16]
        %acc = add %acc, %x : f32[1,16]
      }
      store %o[%b, %p*16:16], %acc
    }
  }
})";

LoadedBytes loaded_in(std::string_view text, const std::string& loop, int64_t m, CacheSizes caches) {
  const Kernel kernel = test::legal_kernel(text);
  const std::vector<LoadedBytes> sources = find_sources(kernel, m, caches);
  for (size_t i = 0; i < kernel.body.size(); ++i)
    if (kernel.body[i].op == Op::for_loop && kernel.value(kernel.body[i].dst).name == loop) return sources[i];
  ADD_FAILURE() << "no loop " << loop;
  return {};
}

void expect(const LoadedBytes& loaded, double l1, double l2, double memory) {
  EXPECT_DOUBLE_EQ(loaded.l1, l1);
  EXPECT_DOUBLE_EQ(loaded.l2, l2);
  EXPECT_DOUBLE_EQ(loaded.memory, memory);
}

TEST(Reuse, TheFirstReaderOfWeightsTakesThemFromMemory) {
  expect(loaded_in(rows_over_weights, "k", 1, {1 << 20, 1 << 20}), 0, 0, 64);
  expect(loaded_in(rows_over_weights, "k", 4, {1 << 20, 1 << 20}), 48, 0, 16);
}

TEST(Reuse, LaterReadersFindThemInTheCacheThatHoldsOneIteration) {
  constexpr int64_t iteration = 4096 + 2 * 64;
  expect(loaded_in(rows_over_weights, "k", 4, {iteration, 1 << 20}), 48, 0, 16);
  expect(loaded_in(rows_over_weights, "k", 4, {iteration - 1, 1 << 20}), 0, 48, 16);
  expect(loaded_in(rows_over_weights, "k", 4, {iteration - 1, iteration - 1}), 0, 0, 64);
}

TEST(Reuse, ActivationsAreFirstReadWhereTheyWereWritten) {
  constexpr int64_t task = 4096 + 4 * 2 * 64;
  expect(loaded_in(rows_over_weights, "b", 4, {task, 1 << 20}), 56, 8, 0);
  expect(loaded_in(rows_over_weights, "b", 4, {64, 4 * 64}), 0, 8, 56);
  expect(loaded_in(rows_over_weights, "b", 4, {64, 64}), 0, 0, 64);
}

// Both loads of a pair lie in one row: an iteration of %r touches 128 bytes of %s, not twice the row between them.
constexpr std::string_view pairs = R"(kernel pairs(%o: global f32[m,16]) {
  scratch %s: f32[4,1024]
  for tasks %i = 0..m {
    for serial %r = 0..4 {
      %x = load %s[0, 0:16] : f32[1,16]
      %y = load %s[0, 1008:16] : f32[1,16]
      %x = add %x, %y : f32[1,16]
      store %o[%i, 0:16], %x
    }
  }
})";

TEST(Reuse, HolesBetweenAccessesAreNotTouched) {
  expect(loaded_in(pairs, "r", 1, {128 + 64, 1 << 20}), 96, 32, 0);
  expect(loaded_in(pairs, "r", 1, {128 + 63, 1 << 20}), 0, 128, 0);
}

}  // namespace
}  // namespace tilejit::ir

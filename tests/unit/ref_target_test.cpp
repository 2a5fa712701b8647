#include "targets/ref/ref_target.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/guarded_memory.h"
#include "tests/support/kernel_text.h"

namespace tilejit {
namespace {

using test::GuardedMemory;

/// out[i, 0:n] = a[i, 0:n] + b[0:n], a task for each row and half.
constexpr std::string_view text =
    R"(kernel t(%a: global bf16[m,6] strided, %b: global f32[6], %out: global f32[m,6] strided) {
    scratch %s: f32[3]
    for tasks %h = 0..2 {
      for tasks %i = 0..m {
        %x = load %a[%i, %h*3:3] : bf16[1,3]
        %x32 = convert %x : f32[1,3]
        store %s[0:3], %x32
        %y = load %s[0:3] : f32[1,3]
        %b = load %b[%h*3:3] : f32[1,3]
        %y = add %y, %b : f32[1,3]
        store %out[%i, %h*3:3], %y
      }
    }
  })";

TEST(RefTarget, RunsTasksOfAKernelThatIsGone) {
  const Result<Code> code = ref_target().lower(test::legal_kernel(text), {});
  ASSERT_TRUE(code.ok());
  EXPECT_TRUE(code->bytes.empty());
  EXPECT_EQ(code->scratch_bytes, 0);
  constexpr int64_t m = 3, lda = 9, ldo = 7;
  const GuardedMemory a(2 * ((m - 1) * lda + 6)), b(4 * 6), out(4 * ((m - 1) * ldo + 6));
  for (int i = 0; i < a.size() / 2; ++i) a.as<uint16_t>()[i] = static_cast<uint16_t>(0x4000 + i);
  for (int i = 0; i < 6; ++i) b.as<float>()[i] = static_cast<float>(i);
  const std::vector<BufferArg> args{{a.data(), 2 * lda}, {b.data(), 0}, {out.data(), 4 * ldo}};
  for (int64_t h = 0; h < 2; ++h)
    for (int64_t i = m; i-- > 0;) {
      const std::vector<int64_t> task{h, i};
      const Result<void> done = code->interpreted(args.data(), m, task.data(), nullptr);
      ASSERT_TRUE(done.ok()) << done.error().message;
    }
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < 6; ++j) {
      const auto bits = static_cast<uint16_t>(0x4000 + i * lda + j);
      EXPECT_EQ(out.as<float>()[i * ldo + j], bf16_to_f32(bits) + static_cast<float>(j));
    }
  for (int64_t j = 6; j < ldo; ++j)
    EXPECT_EQ(out.as<uint32_t>()[j], 0xffffffffu);  // between the rows nothing is written
  EXPECT_TRUE(a.intact() && b.intact() && out.intact());
}

TEST(RefTarget, ReportsWhatTheInterpreterFinds) {
  const Result<Code> code =
      ref_target().lower(test::legal_kernel("kernel t(%a: global f32[8]) {\n%x = load %a[m:4] : f32[1,4]\n}"), {});
  ASSERT_TRUE(code.ok());
  std::vector<float> a(8);
  const std::vector<BufferArg> args{{a.data(), 0}};
  EXPECT_TRUE(code->interpreted(args.data(), 4, nullptr, nullptr).ok());
  EXPECT_FALSE(code->interpreted(args.data(), 5, nullptr, nullptr).ok());
}

TEST(RefTarget, TakesAnyTile) {
  const TargetFacts& facts = ref_target().facts();
  EXPECT_EQ(facts.name, "ref");
  EXPECT_TRUE(facts.any_tile);
  EXPECT_TRUE(facts.has_dot_bf16);
  EXPECT_FALSE(facts.prefers_dot_bf16);
  EXPECT_TRUE(ref_target().can_execute().ok());
}

}  // namespace
}  // namespace tilejit

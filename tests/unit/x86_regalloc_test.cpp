// Register allocation: no two live registers share a machine register, checked by a liveness analysis of its own (a fixed point
// over all jumps, not intervals); spills stand at the loop depth of their use; the result is deterministic.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "targets/targets.h"
#include "targets/x86/regalloc.h"
#include "targets/x86/select.h"
#include "tests/support/kernel_text.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_kernel.h"
#include "tests/support/target_run.h"

namespace tilejit::x86 {
namespace {

class Checker {
 public:
  Checker(const VCode& code, const Allocation& allocation) : code_(code), allocation_(allocation) {
    label_at_.resize(static_cast<size_t>(code.labels));
    for (size_t i = 0; i < code.insts.size(); ++i)
      if (code.insts[i].op == VOp::label) label_at_[static_cast<size_t>(code.insts[i].imm)] = i;
    live_.assign(code.insts.size() + 1, std::vector<bool>(code.classes.size(), false));
  }

  /// Empty, or the first conflict.
  std::string run() {
    while (pass()) {}
    for (size_t r = 0; r < code_.classes.size(); ++r)
      if (live_[0][r]) return fmt::format("register {} is read before it is written", r);
    for (size_t i = 0; i < code_.insts.size(); ++i) {
      std::string conflict = check_write(i);
      if (!conflict.empty()) return conflict;
    }
    return "";
  }

 private:
  static bool jumps(VOp op) {
    return op == VOp::jump_lt || op == VOp::jump_ge || op == VOp::jump_le || op == VOp::jump_ae ||
           op == VOp::count_down;
  }

  /// What is live behind instruction i.
  std::vector<bool> behind(size_t i) const {
    std::vector<bool> live = live_[i + 1];
    const Inst& inst = code_.insts[i];
    if (!jumps(inst.op)) return live;
    const std::vector<bool>& target = live_[label_at_[static_cast<size_t>(inst.imm)]];
    for (size_t r = 0; r < live.size(); ++r) live[r] = live[r] || target[r];
    return live;
  }

  bool pass() {
    bool changed = false;
    for (size_t i = code_.insts.size(); i-- > 0;) {
      std::vector<bool> live = behind(i);
      const Inst& inst = code_.insts[i];
      if (inst.dst != Reg::none) live[index(inst.dst)] = false;
      for_each_read(inst, [&](Reg r, bool) { live[index(r)] = true; });
      if (live == live_[i]) continue;
      live_[i] = std::move(live);
      changed = true;
    }
    return changed;
  }

  bool same_place(size_t a, size_t b) const {
    return a != b && code_.classes[a] == code_.classes[b] && allocation_.number[a] == allocation_.number[b];
  }

  std::string check_write(size_t i) const {
    const Inst& inst = code_.insts[i];
    if (inst.dst == Reg::none) return "";
    const size_t dst = index(inst.dst);
    const std::vector<bool> live = behind(i);
    for (size_t r = 0; r < live.size(); ++r)
      if (live[r] && same_place(r, dst)) return fmt::format("instruction {} overwrites register {} with {}", i, r, dst);
    std::string conflict;
    for_each_read(inst, [&](Reg r, bool late) {
      if (late && same_place(index(r), dst))
        conflict = fmt::format("instruction {} writes {} before it reads {}", i, dst, index(r));
    });
    return conflict;
  }

  const VCode& code_;
  const Allocation& allocation_;
  std::vector<size_t> label_at_;
  std::vector<std::vector<bool>> live_;  // before each instruction
};

const CpuRow& zen4() {
  for (const CpuRow& row : cpu_rows())
    if (row.facts.name == "zen4") return row;
  return cpu_rows()[0];
}

TEST(X86Regalloc, NoTwoLiveRegistersShareAMachineRegister) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(40));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    const ir::Kernel kernel = test::lowered_kernel(test::random_kernel(seed));
    for (const int registers : {32, 16, 6}) {
      Result<VCode> code = select(kernel, zen4());
      ASSERT_TRUE(code.ok()) << code.error().message;
      order(*code);
      const Result<Allocation> allocation = allocate(*code, registers);
      ASSERT_TRUE(allocation.ok()) << allocation.error().message;
      EXPECT_EQ(Checker(*code, *allocation).run(), "") << "registers=" << registers << "\n" << print(*code, {});
      for (size_t r = 0; r < code->classes.size(); ++r) {
        const int number = allocation->number[r];
        EXPECT_TRUE(code->classes[r] != Class::zmm || number < registers);
        EXPECT_TRUE(code->classes[r] != Class::gpr || number != 4) << "rsp addresses the slots";
      }
    }
  }
}

TEST(X86Regalloc, TooFewRegistersAreRefused) {
  const ir::Kernel kernel = test::legal_kernel("kernel t() {\n}");
  const Target& target = **find_target("zen4");
  EXPECT_TRUE(target.lower(kernel, {.vector_registers = 6, .stages = {}}).ok());
  EXPECT_EQ(target.lower(kernel, {.vector_registers = 5, .stages = {}}).error().kind, ErrorKind::unsupported);
  EXPECT_EQ(target.lower(kernel, {.vector_registers = 33, .stages = {}}).error().kind, ErrorKind::unsupported);
}

TEST(X86Regalloc, SameKernelSameBytes) {
  const Target& target = **find_target("zen4");
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(10));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    const ir::Kernel kernel = test::lowered_kernel(test::random_kernel(seed));
    for (const int registers : {32, 7}) {
      const LowerOptions options{.vector_registers = registers, .stages = {}};
      EXPECT_EQ(target.lower(kernel, options)->bytes, target.lower(kernel, options)->bytes)
          << "registers=" << registers;
    }
  }
}

/// 24 sums of a group and 24 of all groups do not fit 32 registers: those of all groups, which the inner loop does not touch, go to memory.
constexpr std::string_view two_levels =
    R"(kernel t(%a: workspace bf16[m,256], %w: global bf16[4,32,64,2], %s: global bf16[4,64], %o: global f32[m,64]) {
  for tasks %t = 0..floor(m,6) {
    %acc = fill 0 : f32[6,64]
    for serial %g = 0..4 {
      %part = fill 0 : f32[6,64]
      for serial %k = 0..32 {
        %u = load %w[%g, %k, 0:64, 0:2] : bf16[1,64,2]
        %x = load %a[%t*6:6, %g*64+%k*2:2] : bf16[6,1,2]
        %part = dot_bf16 %x, %u, %part : f32[6,64]
      }
      %c = load %s[%g, 0:64] : bf16[1,64]
      %c32 = convert %c : f32[1,64]
      %acc = fma %part, %c32, %acc : f32[6,64]
    }
    store %o[%t*6:6, 0:64], %acc
  }
})";

TEST(X86Regalloc, SpillsStandOutsideTheInnerLoop) {
  const Result<Code> code = (*find_target("zen4"))->lower(test::legal_kernel(two_levels), {});
  ASSERT_TRUE(code.ok());
  ASSERT_EQ(code->resources.loops.size(), 2u);
  const LoopResources& group = code->resources.loops[0];
  const LoopResources& inner = code->resources.loops[1];
  EXPECT_EQ(group.name, "g");
  EXPECT_EQ(group.depth, 1);
  EXPECT_EQ(inner.name, "k");
  EXPECT_EQ(inner.depth, 2);
  EXPECT_EQ(inner.spill_loads + inner.spill_stores, 0);
  EXPECT_GT(group.spill_loads, 0);
  EXPECT_LE(group.spill_loads, 24);
  EXPECT_EQ(group.spill_stores, group.spill_loads);
  EXPECT_EQ(inner.instructions, 4 + 6 + 24 + 2 + 1) << "weights, activations, dots, two pointers and the counter";
  EXPECT_LT(group.first_byte, inner.first_byte);
  EXPECT_LT(inner.last_byte, group.last_byte);
  EXPECT_EQ(code->resources.vector_registers, 32);
}

}  // namespace
}  // namespace tilejit::x86

#include "tools/inspect/bisect.h"

#include <gtest/gtest.h>

#include "ir/parse.h"
#include "jit/compile.h"
#include "targets/targets.h"

namespace tilejit::inspect {
namespace {

constexpr const char* text = R"(
kernel double_it(%x: global f32[m,32] strided, %y: global f32[m,32]) {
  for tasks %r = 0..m {
    %v = load %x[%r, 0:32] : f32[1,32]
    %v = add %v, %v : f32[1,32]
    store %y[%r, 0:32], %v
  }
})";

bool keep(ir::Kernel&) { return false; }
bool subtract_instead(ir::Kernel& kernel) {
  for (ir::Instr& instr : kernel.body)
    if (instr.op == ir::Op::add) instr.op = ir::Op::sub;
  return true;
}
bool forget_the_store(ir::Kernel& kernel) {
  return std::erase_if(kernel.body, [](const ir::Instr& instr) { return instr.op == ir::Op::store; }) > 0;
}
bool drop_an_operand(ir::Kernel& kernel) {
  for (ir::Instr& instr : kernel.body)
    if (instr.op == ir::Op::add) instr.args[1] = ir::Value::none;
  return true;
}

Verdict bisect_with(std::vector<Pass> passes) {
  const ir::Program program = ir::parse(text).value();
  const Target* target = find_target("ref").value();
  constexpr int64_t m = 3;
  return bisect(stages_of(program, passes, *target, Device::native, m), make_memory(program, m, 1).value()).value();
}

TEST(Bisect, FindsNothingWhereAllAgree) { EXPECT_EQ(bisect_with({{"keep", keep}, {"keep_again", keep}}).stage, ""); }

TEST(Bisect, NamesThePassThatChangesAValue) {
  const Verdict verdict = bisect_with({{"keep", keep}, {"broken", subtract_instead}, {"later", keep}});
  EXPECT_EQ(verdict.stage, "broken");
  EXPECT_NE(verdict.difference.find("%y[0][0]"), std::string::npos) << verdict.difference;
}

TEST(Bisect, NamesThePassThatWritesNothing) {
  EXPECT_EQ(bisect_with({{"broken", forget_the_store}, {"later", keep}}).stage, "broken");
}

TEST(Bisect, NamesThePassThatLeavesAnIllegalKernel) {
  const Verdict verdict = bisect_with({{"keep", keep}, {"broken", drop_an_operand}});
  EXPECT_EQ(verdict.stage, "broken");
  EXPECT_FALSE(verdict.difference.empty());
}

TEST(Bisect, EndsWithTheCodeOfTheTarget) {
  const ir::Program program = ir::parse(text).value();
  const auto stages = stages_of(program, passes(), *find_target("ref").value(), Device::native, 2);
  EXPECT_EQ(stages.size(), passes().size() + 2);
  EXPECT_EQ(stages.back().name, "code of ref");
}

TEST(ProgramMemory, ComparesBitsButNotNans) {
  const ir::Program program = ir::parse(text).value();
  const ProgramMemory one = make_memory(program, 3, 1).value();
  ProgramMemory other = one;
  EXPECT_EQ(first_difference(one, other), "");
  other.find("y")->second.bytes[4] ^= std::byte{1};
  EXPECT_NE(first_difference(one, other).find("%y[0][1]"), std::string::npos);
  EXPECT_NE(first_difference(one, make_memory(program, 3, 2).value()), "");
  other = one;
  other.find("y")->second.bytes.back() ^= std::byte{1};
  EXPECT_NE(first_difference(one, other).find("past its end"), std::string::npos);
}

TEST(ProgramMemory, IndexBuffersHoldAPermutation) {
  const ir::Program program = ir::parse(R"(
kernel gather(%x: global f32[m,16], %p: global i32[16], %y: global f32[m,16]) {
  for tasks %r = 0..m {
    for serial %k = 0..16 {
      %i = load_index %p[%k]
      %v = load %x[%r, %i] : f32[1,1]
      store %y[%r, %k], %v
    }
  }
})")
                                  .value();
  const ProgramMemory memory = make_memory(program, 2, 7).value();
  const auto* indices = reinterpret_cast<const int32_t*>(memory.find("p")->second.bytes.data());
  uint32_t seen = 0;
  for (int i = 0; i < 16; ++i) seen |= 1u << indices[i];
  EXPECT_EQ(seen, 0xffffu);
}

}  // namespace
}  // namespace tilejit::inspect

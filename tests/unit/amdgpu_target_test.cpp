// Code objects of every GPU row: what they need, that threads do not disturb one another, and what is refused.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/emulator/code_object.h"
#include "targets/amdgpu/kernel_arguments.h"
#include "targets/targets.h"
#include "tests/support/gpu_rows.h"
#include "tests/support/kernel_text.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

constexpr const char* problems[] = {
    "w4a16 m=1 n=512 k=256 a=bf16 g=128",
    "w4a16 m=4 n=512 k=256 a=f16 g=128 zp=int s=f16 epilogue=bias+silu",
    "w4a16 m=40 n=512 k=256 a=bf16 g=64 zp=float s=bf16 epilogue=bias+gelu",
    "w4a16 m=2 n=500 k=250 a=f32 g=100 perm=1 epilogue=relu+mul",
    "w8a8 m=3 n=512 k=256 a=bf16 epilogue=gelu_tanh+residual",
    "w4a8 m=3 n=500 k=253 a=f16 g=128 zp=int",
    "w8a16 m=2 n=512 k=256 a=bf16 g=128 epilogue=swiglu",
    "w16a16 m=30 n=512 k=256 a=bf16",
    "w16a16 m=5 n=512 k=256 a=f16",
    "w4a16 m=16 n=512 k=1024 a=bf16 g=128",
    "w4a16 m=512 n=512 k=1024 a=bf16 g=128 s=bf16",
    "w4a16 m=512 n=512 k=1024 a=f16 g=64 zp=float",
    "w4a16 m=512 n=512 k=1024 a=bf16 g=32 zp=int epilogue=swiglu",
    "w8a16 m=512 n=512 k=1024 a=bf16",
    "w8a8 m=512 n=512 k=1024 a=bf16 epilogue=swiglu",
    "w4a8 m=512 n=512 k=1024 a=f16 g=128 zp=float",
    "w16a16 m=512 n=512 k=1024 a=bf16 epilogue=bias+silu+mul+residual",
};

ir::Program program_of(const char* line, const Target& target) {
  const Problem problem = *resolve(*parse_problem(line), target.facts());
  const Schedule schedule = default_schedule(problem, problem.m, target.facts());
  EXPECT_TRUE(legal(problem, schedule, target.facts()).ok()) << line;
  return build_linear(problem, schedule);
}

int64_t waves_of(const ir::Kernel& kernel) {
  int64_t waves = 1;
  for (const ir::Instr& instr : kernel.body)
    if (instr.op == ir::Op::for_loop && instr.loop == ir::LoopKind::waves)
      waves *= (instr.hi->value.constant() - instr.lo->value.constant() + instr.step - 1) / instr.step;
  return waves;
}

class AmdgpuRow : public testing::TestWithParam<const char*> {
 protected:
  const Target& target = **find_target(GetParam());
};

TEST_P(AmdgpuRow, CompilesEverySchemeWithoutSpills) {
  const amdgpu::GpuRow& row = *amdgpu::find_gpu_row(GetParam());
  for (const char* line : problems) {
    SCOPED_TRACE(line);
    const auto compiled = compile(program_of(line, target), target, {});
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    for (const CompiledKernel& one : *compiled) {
      int64_t parameters = 0;
      for (const ir::Buffer& buffer : one.kernel.buffers) parameters += buffer.is_parameter();
      const auto object = amdgpu::emulator::read_code_object(one.code.bytes);
      ASSERT_TRUE(object.ok()) << object.error().message;
      ASSERT_EQ(object->kernels.size(), 1u);
      const amdgpu::emulator::KernelMetadata& says = object->kernels.front().metadata;
      EXPECT_EQ(says.private_bytes, 0);
      EXPECT_EQ(says.vgpr_spills + says.sgpr_spills, 0);
      EXPECT_LE(says.vgprs, 2 * row.vgprs);
      EXPECT_LE(says.lds_bytes, row.lds_bytes);
      EXPECT_EQ(says.most_workitems, waves_of(one.kernel) * row.wave);
      EXPECT_EQ(says.kernarg_bytes, amdgpu::explicit_bytes(parameters));
      EXPECT_GT(one.code.resources.code_bytes, 0);
    }
  }
}

TEST_P(AmdgpuRow, NoDeviceIsAReason) {
  const Result<void> can = target.can_execute();
  ASSERT_FALSE(can.ok());
  EXPECT_EQ(can.error().kind, ErrorKind::unsupported);
  EXPECT_NE(can.error().message.find("device hip or emulated can"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuRow, testing::ValuesIn(test::gpu_rows), [](const auto& row) { return row.param; });

TEST(AmdgpuTarget, ThreadsGetEqualBytes) {
  const Target& target = **find_target("gfx942");
  const ir::Program program = lower_program(program_of(problems[1], target), {});
  const Result<Code> alone = target.lower(program.kernels[1], {});
  ASSERT_TRUE(alone.ok());
  std::vector<std::vector<uint8_t>> bytes(4);
  std::vector<std::thread> threads;
  for (std::vector<uint8_t>& mine : bytes)
    threads.emplace_back([&] {
      const Result<Code> code = target.lower(program.kernels[1], {});
      if (code) mine = code->bytes;
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<uint8_t>& mine : bytes) EXPECT_EQ(mine, alone->bytes);
}

TEST(AmdgpuTarget, StagesAndListing) {
  std::vector<std::string> stages;
  LowerOptions options;
  options.stages = [&](std::string_view stage, const std::string& text) {
    EXPECT_FALSE(text.empty());
    stages.emplace_back(stage);
  };
  const Target& target = **find_target("gfx1100");
  const ir::Kernel kernel = test::lowered_kernel(test::legal_kernel(
      R"(kernel t(%x: global f32[64], %o: global f32[64]) {
  %v = load %x[0:64] : f32[1,64]
  store %o[0:64], %v
})"));
  const Result<Code> code = target.lower(kernel, options);
  ASSERT_TRUE(code.ok()) << code.error().message;
  EXPECT_EQ(stages, (std::vector<std::string>{"llvm", "llvm_opt"}));
  EXPECT_NE(code->listing.find("s_endpgm"), std::string::npos);
}

std::string refusal(const char* target, std::string_view text) {
  const Result<Code> code = (*find_target(target))->lower(test::lowered_kernel(test::legal_kernel(text)), {});
  if (code) return "";
  EXPECT_EQ(code.error().kind, ErrorKind::unsupported);
  return code.error().message;
}

TEST(AmdgpuTarget, RefusesWithReasons) {
  const std::string bf16 =
      refusal("gfx942", R"(kernel t(%x: global bf16[2], %w: global bf16[64,2], %o: global f32[64]) {
  %a = fill 0 : f32[1,64]
  %v = load %x[0:2] : bf16[1,1,2]
  %q = load %w[0:64, 0:2] : bf16[1,64,2]
  %a = dot_bf16 %v, %q, %a : f32[1,64]
  store %o[0:64], %a
})");
  EXPECT_NE(bf16.find("dot=fma"), std::string::npos) << bf16;
  const std::string scratch = refusal("gfx1100", R"(kernel t(%o: global f32[64]) {
  scratch %s: f32[32768]
  %a = fill 0 : f32[1,64]
  store %s[0:64], %a
  %b = load %s[64:64] : f32[1,64]
  store %o[0:64], %b
})");
  EXPECT_NE(scratch.find("131072 bytes"), std::string::npos) << scratch;
}

/// Legal by the count of its sums and weights, but swiglu's halves and the row sums take what is left of 256 registers.
TEST(AmdgpuTarget, ARegisterTileThatSpillsIsRefusedEveryTime) {
  const Target& target = **find_target("gfx1100");
  const Problem problem = *resolve(*parse_problem("w8a8 m=64 n=1024 k=512 epilogue=swiglu"), target.facts());
  const Schedule schedule = *parse_schedule("panel=256 kk=4 streams=2 mr=10 nr=256");
  ASSERT_TRUE(legal(problem, schedule, target.facts()));
  for (int times = 0; times < 2; ++times) {
    const auto compiled = compile(build_linear(problem, schedule), target, {});
    ASSERT_FALSE(compiled);
    EXPECT_EQ(compiled.error().kind, ErrorKind::unsupported);
    EXPECT_NE(compiled.error().message.find("gfx1100: kernel gemm needs "), std::string::npos);
    EXPECT_NE(compiled.error().message.find("smaller tiles (mr, nr or streams) fit"), std::string::npos);
  }
}

TEST(AmdgpuTarget, RefusesMatrixStepsThatItLacks) {
  const std::string step = R"(kernel t(%a: global bf16[16,16], %w: global bf16[16,16], %o: global f32[16,16]) {
  %x = load %a[0:16, 0:16] : bf16[16,1,16]
  %u = load %w[0:16, 0:16] : bf16[1,16,16]
  %acc = fill 0 : f32[16,16]
  %acc = mma.cdna2_bf16 %x, %u, %acc : f32[16,16]
  store %o[0:16, 0:16], %acc
})";
  EXPECT_EQ(refusal("gfx90a", step), "");
  EXPECT_NE(refusal("gfx942", step).find("the bits of cdna2_bf16"), std::string::npos);
  EXPECT_NE(refusal("gfx1030", step).find("dot=fma"), std::string::npos);
  const std::string twice = refusal(
      "gfx942", R"(kernel t(%a: global i8[16,32], %w: global u4[4,16,8], %z: global i32[16], %o: global i32[16,16]) {
  %x = load %a[0:16, 0:32] : i8[16,1,32]
  %q = load %w[0:4, 0:16, 0:8] : u4[4,16,8]
  %zero = load %z[0:16] : i32[1,16]
  %u = unpack_zero %q, %zero lane 0 : i8[1,16,32]
  %acc = fill 0 : i32[16,16]
  %acc = mma.i8 %x, %u, %acc : i32[16,16]
  %acc = add %acc, %zero : i32[16,16]
  store %o[0:16, 0:16], %acc
})");
  EXPECT_NE(twice.find("%zero would have to lie in the lanes in two ways"), std::string::npos) << twice;
}

}  // namespace
}  // namespace tilejit

#endif

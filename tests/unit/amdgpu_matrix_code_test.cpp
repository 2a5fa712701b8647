// The machine code of layers with matrix steps: which instructions the loop over k is made of, and which it must not have.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/targets.h"

namespace tilejit {
namespace {

Result<Code> gemm_code(const char* line, const char* target_name) {
  const Target& target = **find_target(target_name);
  const Problem parsed = TRY(parse_problem(line));
  const Problem problem = TRY(resolve(parsed, target.facts()));
  const Schedule schedule = default_schedule(problem, problem.m, target.facts());
  const ir::Program program = lower_program(build_linear(problem, schedule), {});
  LowerOptions options;
  options.stages = [](std::string_view, const std::string&) {};
  return target.lower(program.kernels[1], options);
}

int count(std::string_view text, std::string_view what) {
  int n = 0;
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

struct Row {
  const char* target;
  const char* problem;
  const char* matrix;
  const char* lds_load;
  const char* memory_load;
};

class AmdgpuMatrixCode : public testing::TestWithParam<Row> {};

TEST_P(AmdgpuMatrixCode, LoopOverK) {
  const Row& row = GetParam();
  const Result<Code> code = gemm_code(row.problem, row.target);
  ASSERT_TRUE(code.ok()) << code.error().message;
  const std::string& text = code->listing;
  const int steps = count(text, row.matrix);
  EXPECT_GT(steps, 0);
  EXPECT_GT(count(text, row.lds_load), 0);
  EXPECT_GT(count(text, row.memory_load), 0);
  EXPECT_EQ(count(text, "scratch_"), 0);
  EXPECT_EQ(code->resources.spill_slots, 0);
  EXPECT_GE(code->resources.waves_per_simd, 2);     // one makes steps while another waits
  EXPECT_LT(count(text, "v_accvgpr_"), steps / 4);  // sums stay where matrix steps put them
}

constexpr const char* int4 = "w4a16 m=1024 n=512 k=1024 a=bf16 g=128 s=bf16";
constexpr const char* int8 = "w8a8 m=1024 n=512 k=1024 a=bf16";

INSTANTIATE_TEST_SUITE_P(
    Rows, AmdgpuMatrixCode,
    testing::Values(Row{"gfx90a", int4, "v_mfma_f32_16x16x16bf16_1k", "ds_read2_b64", "buffer_load_dwordx4"},
                    Row{"gfx942", int4, "v_mfma_f32_16x16x16_bf16", "ds_read2_b64", "buffer_load_dwordx4"},
                    Row{"gfx942", int8, "v_mfma_i32_16x16x32_i8", "ds_read2_b64", "buffer_load_dwordx4"},
                    Row{"gfx950", int4, "v_mfma_f32_16x16x32_bf16", "ds_read_b128", "buffer_load_dwordx4"},
                    Row{"gfx950", int8, "v_mfma_i32_16x16x64_i8", "ds_read_b128", "buffer_load_dwordx4"},
                    Row{"gfx1100", int4, "v_wmma_f32_16x16x16_bf16", "ds_load_b128", "buffer_load_b128"},
                    Row{"gfx1100", int8, "v_wmma_i32_16x16x16_iu8", "ds_load_b128", "buffer_load_b128"},
                    Row{"gfx1201", int4, "v_wmma_f32_16x16x16_bf16", "ds_load_b128", "buffer_load_b128"},
                    Row{"gfx1201", int8, "v_wmma_i32_16x16x16_iu8", "ds_load_", "buffer_load_b128"}),
    [](const auto& row) { return std::string(row.param.target) + (row.param.problem == int4 ? "_w4a16" : "_w8a8"); });

}  // namespace
}  // namespace tilejit

#endif

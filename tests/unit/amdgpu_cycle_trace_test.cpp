// From instructions to what the hazard tracker and the cycle estimate are told.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "targets/amdgpu/emulator/bind.h"
#include "targets/amdgpu/emulator/cycle_trace.h"
#include "targets/amdgpu/emulator/hazard_issues.h"
#include "targets/amdgpu/emulator/parse_text.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// A program of these instructions; a branch goes back to the instruction number behind its `->`.
std::unique_ptr<Program> program_of(const char* gpu, const std::vector<std::string>& texts) {
  auto p = std::make_unique<Program>();
  p->row = find_gpu_row(gpu);
  p->wave = p->row->wave;
  p->vgprs = p->agprs = 128;
  for (const std::string& line : texts) {
    const size_t arrow = line.find(" ->");
    const std::string text = line.substr(0, arrow);
    Instr i;
    if (arrow != std::string::npos) {
      i.kind = Class::branch;
      i.target = std::stoi(line.substr(arrow + 3));
    } else {
      Result<Parsed> parsed = parse_instruction(text);
      EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
      if (parsed.ok()) {
        const Result<void> bound = bind(*p, *parsed, i);
        EXPECT_TRUE(bound.ok()) << text << ": " << bound.error().message;
      }
    }
    p->instrs.push_back(i);
    p->texts.push_back(text);
    p->addresses.push_back(4 * p->addresses.size());
  }
  p->issues = hazard_issues(*p);
  return p;
}

/// The first report when the instructions issue one after the other.
std::string first_report(const char* gpu, const std::vector<std::string>& texts) {
  const auto program = program_of(gpu, texts);
  HazardTracker tracker(*program->row);
  for (const Issue& issue : program->issues) {
    std::string report = tracker.issue(issue);
    if (!report.empty()) return report;
  }
  return {};
}

struct Sequence {
  const char* gpu;
  std::vector<std::string> texts;  // the last but one is what must not be missing
};

// Each as LLVM 22 writes it; without the instruction before the last one it is reported.
TEST(AmdgpuHazardIssues, InstructionsBecomeIssuesOfTheHazardTable) {
  const Sequence sequences[] = {
      {"gfx942", {"v_mfma_f32_16x16x16_f16 a[0:3], v[0:1], v[2:3], 0", "s_nop 6", "v_accvgpr_read_b32 v4, a0"}},
      {"gfx90a", {"v_mfma_f32_32x32x8bf16_1k v[0:15], v[20:21], v[22:23], 0", "s_nop 18", "v_mov_b32_e32 v30, v3"}},
      {"gfx942",
       {"v_mfma_f32_16x16x16_bf16 v[0:3], v[8:9], v[10:11], 0", "s_nop 6",
        "global_store_dwordx4 v[20:21], v[0:3], off"}},
      {"gfx950",
       {"v_mfma_f32_16x16x32_bf16 v[0:3], v[8:11], v[12:15], 0", "s_nop 7",
        "v_mfma_f32_16x16x32_bf16 v[16:19], v[0:3], v[12:15], 0"}},
      {"gfx942", {"v_mov_b32_e32 v8, v30", "s_nop 1", "v_mfma_f32_16x16x16_f16 a[0:3], v[8:9], v[2:3], a[0:3]"}},
      {"gfx90a", {"v_readfirstlane_b32 s8, v2", "s_nop 4", "buffer_load_dword v3, off, s[4:7], s8"}},
      {"gfx942", {"v_cmp_eq_u32_e32 vcc, v1, v2", "s_nop 1", "v_cndmask_b32_e32 v3, v4, v5, vcc"}},
      {"gfx942", {"v_exp_f32_e32 v1, v2", "s_nop 0", "v_add_f32_e32 v3, v1, v1"}},
      {"gfx942", {"v_mov_b32_e32 v2, v3", "s_nop 0", "v_readfirstlane_b32 s4, v2"}},
      {"gfx90a", {"v_readfirstlane_b32 s8, v2", "s_nop 3", "v_readlane_b32 s9, v3, s8"}},
      {"gfx942", {"global_store_dwordx4 v[20:21], v[0:3], off", "s_nop 1", "v_mov_b32_e32 v1, v5"}},
      {"gfx90a", {"v_dot4_i32_i8 v1, v2, v3, v4", "s_nop 2", "v_mov_b32_e32 v5, v1"}},
      {"gfx1100", {"v_exp_f32_e32 v1, v2", "s_waitcnt_depctr depctr_va_vdst(0)", "v_add_f32_e32 v3, v1, v1"}},
      {"gfx1100", {"v_exp_f32_e32 v1, v2", "s_waitcnt_depctr 0xfff", "v_add_f32_e32 v3, v1, v1"}},
      {"gfx1100",
       {"v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]", "v_nop",
        "v_wmma_f32_16x16x16_f16 v[24:31], v[0:7], v[16:23], v[24:31]"}},
  };
  for (const Sequence& sequence : sequences) {
    std::vector<std::string> texts = sequence.texts;
    EXPECT_EQ(first_report(sequence.gpu, texts), "") << sequence.gpu << " " << texts.front();
    texts.erase(texts.end() - 2);
    EXPECT_NE(first_report(sequence.gpu, texts), "") << sequence.gpu << " " << texts.front();
  }
}

TEST(AmdgpuHazardIssues, ScalarsOfGfx12) {
  const std::vector<std::string> start = {"v_mov_b32_e32 v1, s8", "s_mov_b32 s8, 1"};
  auto with = [&](std::vector<std::string> between) {
    std::vector<std::string> texts = start;
    texts.insert(texts.end(), between.begin(), between.end());
    texts.push_back("v_mov_b32_e32 v2, s8");
    return first_report("gfx1201", texts);
  };
  EXPECT_NE(with({}), "");
  EXPECT_EQ(with({"s_wait_alu depctr_sa_sdst(0)"}), "");
  EXPECT_EQ(with({"s_wait_alu 0xfffe"}), "");
  EXPECT_NE(with({"s_wait_alu depctr_va_sdst(0)"}), "");
}

/// What a wave leaves behind that goes this way.
Trace trace_of(size_t instructions, std::vector<int32_t> path) {
  Trace trace;
  trace.of_instruction.resize(instructions);
  for (const int32_t n : path) ++trace.of_instruction[static_cast<size_t>(n)].valu;
  trace.path = std::move(path);
  return trace;
}

/// `times` rounds of first .. last.
void append(std::vector<int32_t>& path, int times, int32_t first, int32_t last) {
  for (; times > 0; --times)
    for (int32_t n = first; n <= last; ++n) path.push_back(n);
}

TEST(AmdgpuCycleTrace, TheSteadyLoopIsWhereInstructionsAreExecuted) {
  std::vector<int32_t> path = {0};
  append(path, 3, 1, 20);  // more instructions, fewer times
  append(path, 50, 21, 25);
  path.push_back(26);
  EXPECT_EQ(steady_loop(trace_of(27, path)), (LoopRange{21, 25}));
  EXPECT_EQ(steady_loop(trace_of(3, {0, 1, 2})), std::nullopt);
  EXPECT_EQ(steady_loop(trace_of(1, {0, 0})), (LoopRange{0, 0}));
}

// Of a nest the inner loop when it executes at least half of the instructions, else the outer one with all of them.
TEST(AmdgpuCycleTrace, ANestIsEnteredAsFarAsTheWorkGoes) {
  const auto nest = [](int inner_rounds) {
    std::vector<int32_t> path;
    for (int outer = 0; outer < 4; ++outer) {
      append(path, 1, 0, 9);
      append(path, inner_rounds, 10, 11);
      append(path, 1, 12, 15);
    }
    return trace_of(16, path);
  };
  EXPECT_EQ(steady_loop(nest(8)), (LoopRange{10, 11}));
  EXPECT_EQ(steady_loop(nest(6)), (LoopRange{0, 15}));
}

TEST(AmdgpuCycleTrace, AnIterationIsTheWayThatTheWaveWent) {
  // 2 is left out in every second iteration; the loop is 1 .. 4.
  const Trace trace = trace_of(6, {0, 1, 2, 3, 4, 1, 3, 4, 1, 2, 3, 4, 5});
  EXPECT_EQ(steady_loop(trace), (LoopRange{1, 4}));
  EXPECT_EQ(iteration_path(trace, {1, 4}), (std::vector<int32_t>{1, 3, 4}));
  EXPECT_EQ(iteration_path(trace_of(6, {0, 1, 2, 3, 4, 5}), {1, 4}), (std::vector<int32_t>{1, 2, 3, 4}));
}

TEST(AmdgpuCycleTrace, StepsCarryCostsAndWaits) {
  const auto program = program_of("gfx942", {"global_load_dwordx4 v[8:11], v[0:1], off",                 //
                                             "v_mul_lo_u32 v2, v3, v4",                                  //
                                             "s_waitcnt vmcnt(1) lgkmcnt(0)",                            //
                                             "ds_read_b128 v[12:15], v7",                                //
                                             "v_mfma_f32_32x32x8_f16 a[0:15], v[8:9], v[2:3], a[0:15]",  //
                                             "s_barrier",                                                //
                                             "s_nop 3",                                                  //
                                             "s_cbranch_scc1 ->0"});
  const CycleModel model = cycle_model(*program->row);
  std::vector<int32_t> path;
  append(path, 2, 0, 7);
  Trace trace = trace_of(8, path);
  trace.of_instruction[3].lds_conflicts = 16;  // eight clocks each time
  const std::vector<Step> steps = cycle_trace(*program, model, std::span(path).first(8), trace);
  ASSERT_EQ(steps.size(), 8u);
  EXPECT_EQ(steps[0].port, Port::memory);
  EXPECT_EQ(steps[0].transfer, 64);  // 1,024 bytes at 16 a clock
  EXPECT_EQ(steps[0].counter, Outstanding::loads);
  EXPECT_EQ(steps[1].clocks, 16);
  EXPECT_EQ(steps[2].at_most[static_cast<size_t>(Outstanding::loads)], 1);
  EXPECT_EQ(steps[2].at_most[static_cast<size_t>(Outstanding::lds)], 0);
  EXPECT_EQ(steps[3].transfer, 64);  // 1,024 bytes at 32, and as many lost to conflicts
  EXPECT_EQ(steps[4].port, Port::matrix);
  EXPECT_EQ(steps[4].clocks, 32);
  EXPECT_EQ(steps[4].needs,
            (std::vector<int>{3, 8}));  // v2 of this round, its accumulator of the last; loads have waits
  EXPECT_EQ(steps[5].meeting, Meeting::both);
  EXPECT_EQ(steps[6].clocks, 16);
  EXPECT_EQ(steps[7].port, Port::scalar);
  EXPECT_TRUE(estimate_cycles(model, steps, {}).ok());
}

TEST(AmdgpuCycleTrace, ResidencyIsWhatRegistersAndLdsAllow) {
  const auto waves = [](const char* gpu, const KernelNeeds& needs) {
    return residency_of(*find_gpu_row(gpu), needs).waves;
  };
  EXPECT_EQ(waves("gfx942", {.vector_registers = 256, .waves = 4}), 2);
  EXPECT_EQ(waves("gfx942", {.vector_registers = 64, .waves = 4}), 8);
  EXPECT_EQ(waves("gfx942", {.vector_registers = 65, .waves = 4}), 7);  // 72 in granules of 8
  EXPECT_EQ(waves("gfx942", {.vector_registers = 64, .scalar_registers = 106, .waves = 4}), 7);
  EXPECT_EQ(waves("gfx942", {.vector_registers = 142, .lds_bytes = 27648, .waves = 4}), 2);
  const Residency eight =
      residency_of(*find_gpu_row("gfx942"), {.vector_registers = 64, .lds_bytes = 27648, .waves = 8});
  EXPECT_EQ(eight.waves, 4);
  EXPECT_EQ(eight.waves_per_group, 2);
  // LLVM's occupancy of the same kernels.
  EXPECT_EQ(waves("gfx1100", {.vector_registers = 256}), 5);  // 264 in granules of 24
  EXPECT_EQ(waves("gfx1100", {.vector_registers = 141, .lds_bytes = 18432, .waves = 4}), 7);
  EXPECT_EQ(waves("gfx1201", {.vector_registers = 222, .lds_bytes = 20480, .waves = 4}), 6);
  EXPECT_EQ(waves("gfx1150", {.vector_registers = 100}), 9);  // 112 of 1,024
  EXPECT_EQ(waves("gfx1030", {.vector_registers = 24}), 16);
}

}  // namespace
}  // namespace tilejit::amdgpu::emulator

#endif

// The command lines on targets of GPUs: every stage, what the emulator counts, and which device runs the code.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/command.h"

namespace tilejit::test {
namespace {

using Json = nlohmann::json;

constexpr const char* small = "'w4a16 m=5 n=64 k=96 a=bf16 g=32 dot=fma epilogue=bias'";

std::string on(const std::string& target, const std::string& more = "") {
  return std::string(small) + " --target " + target + " " + more;
}

/// Another HIP library for commands, while it lives.
class HipLibrary {
 public:
  explicit HipLibrary(const std::string& path) { setenv("TILEJIT_HIP_LIBRARY", path.c_str(), 1); }
  ~HipLibrary() { unsetenv("TILEJIT_HIP_LIBRARY"); }
  HipLibrary(const HipLibrary&) = delete;
  HipLibrary& operator=(const HipLibrary&) = delete;
};
const std::string fake_hip = TILEJIT_BINARY_DIR "/lib/libfake_amdhip64.so";  // with GPUs of gfx942

TEST(CliAmdgpu, PrintsEveryStageUnderItsName) {
  for (const char* target : {"gfx942", "gfx1201"}) {
    const CommandResult result = run_command("jitdump", on(target, "--stage all"));
    EXPECT_EQ(result.status, 0) << result.err;
    for (const char* words : {"// problem\n", "// schedule\n", "// tile\n", "// remove_dead\n", "// llvm gemm\n",
                              "// llvm_opt gemm\n", "// asm gemm\n", "s_endpgm", "// resources gemm\n",
                              " VGPRs (of them ", " SGPRs; waves per SIMD: ", "LDS: ", "spills: 0 slots",
                              "code: ", "steady loop: ", "ports busy: valu ", "limit: "})
      EXPECT_NE(result.out.find(words), std::string::npos) << target << ": " << words;
  }
}

TEST(CliAmdgpu, CountsTheSteadyLoopAsJson) {
  const CommandResult result = run_command("jitdump", on("gfx942", "--stage resources --json"));
  ASSERT_EQ(result.status, 0) << result.err;
  const Json rows = Json::parse(result.out);
  int kernels = 0;
  for (const Json& row : rows) {
    if (!row.contains("counted")) continue;
    ++kernels;
    EXPECT_GT(row["resources"]["waves_per_simd"], 0) << row["kernel"];
    const Json& counted = row["counted"];
    ASSERT_TRUE(counted.contains("steady_loop")) << counted.dump(1);
    EXPECT_GT(counted["counts"]["instructions"], 0);
    EXPECT_EQ(counted["counts"]["lds_conflict_clocks"], 0);
    if (row["kernel"] != "gemm") continue;
    const Json& loop = counted["steady_loop"];
    EXPECT_GT(loop["iterations"], 1);
    EXPECT_GT(loop["share"], 0.3);
    EXPECT_GT(loop["counts"]["global_bytes_read"], 0);
    EXPECT_GT(loop["estimate"]["clocks"], 0);
    EXPECT_EQ(loop["estimate"]["matrix_share"], 0);  // dot=fma
    EXPECT_TRUE(loop["estimate"]["limit"].is_string());
    EXPECT_EQ(loop["estimate"]["waves"], row["resources"]["waves_per_simd"]);
  }
  EXPECT_EQ(kernels, 2) << rows.dump(1);
}

TEST(CliAmdgpu, OtherTargetsHaveNoCounts) {
  const CommandResult result = run_command("jitdump", on("zen4", "--stage resources --json"));
  ASSERT_EQ(result.status, 0) << result.err;
  const Json rows = Json::parse(result.out);
  EXPECT_TRUE(rows.front()["counted"].is_null());
  EXPECT_TRUE(rows.front()["resources"]["waves_per_simd"].is_null());
}

TEST(CliAmdgpu, AStageThatATargetLacksIsRefused) {
  const CommandResult gpu = run_command("jitdump", on("gfx942", "--stage vcode"));
  EXPECT_EQ(gpu.status, 2);
  EXPECT_EQ(gpu.out, "");
  EXPECT_NE(gpu.err.find("--stage vcode is none of what a problem on gfx942 has: problem,"), std::string::npos)
      << gpu.err;
  const CommandResult cpu = run_command("jitdump", on("zen4", "--stage asm,llvm"));
  EXPECT_EQ(cpu.status, 2);
  EXPECT_EQ(cpu.error_lines(), 1) << cpu.err;
}

TEST(CliAmdgpu, RunsOnTheEmulatorAndSaysSo) {
  const HipLibrary none("/no/such/library.so");
  const CommandResult linear = run_command("tilejit", "linear " + on("gfx942", "--json"));
  ASSERT_EQ(linear.status, 0) << linear.err;
  EXPECT_EQ(Json::parse(linear.out).front()["device"], "emulated");
  EXPECT_EQ(Json::parse(linear.out).front()["ok"], true);
  const CommandResult run = run_command("jitdump", on("gfx1100", "--run --bisect"));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("target=gfx1100 device=emulated: every buffer equals"), std::string::npos) << run.out;
}

TEST(CliAmdgpu, InsistingOnAGpuSaysWhyThereIsNone) {
  const HipLibrary none("/no/such/library.so");
  const CommandResult result = run_command("tilejit", "linear " + on("gfx942", "--device hip"));
  EXPECT_EQ(result.status, 4);
  EXPECT_EQ(result.error_lines(), 1) << result.err;
  for (const char* words : {"tilejit: resource: HIP does not load: /no/such/library.so",
                            "--device emulated runs code for gfx942 on any CPU"})
    EXPECT_NE(result.err.find(words), std::string::npos) << result.err;
}

TEST(CliAmdgpu, AGpuIsTakenWhereThereIsOne) {
  const HipLibrary fake(fake_hip);
  const CommandResult linear = run_command("tilejit", "linear " + on("gfx942", "--json"));
  ASSERT_EQ(linear.status, 0) << linear.err;
  EXPECT_EQ(Json::parse(linear.out).front()["device"], "hip");
  const CommandResult other = run_command("tilejit", "linear " + on("gfx1100", "--device hip"));
  EXPECT_EQ(other.status, 3);
  EXPECT_NE(other.err.find("is gfx942, which cannot run code for gfx1100"), std::string::npos) << other.err;
  // jitdump looks at the buffers between kernels, which the emulator shows.
  const CommandResult run = run_command("jitdump", on("gfx942", "--run"));
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.out.find("device=emulated"), std::string::npos) << run.out;
}

TEST(CliAmdgpu, InfoNamesTheGpuOrWhyThereIsNone) {
  {
    const HipLibrary none("/no/such/library.so");
    const CommandResult result = run_command("tilejit", "info");
    EXPECT_NE(result.out.find("GPU       none: HIP does not load: /no/such/library.so"), std::string::npos)
        << result.out;
  }
  const HipLibrary fake(fake_hip);
  const CommandResult text = run_command("tilejit", "info");
  EXPECT_NE(text.out.find("GPU       0: "), std::string::npos) << text.out;
  const CommandResult result = run_command("tilejit", "info --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const Json machine = Json::parse(result.out).front();
  ASSERT_FALSE(machine["gpus"].empty());
  EXPECT_EQ(machine["gpus"].front()["arch"], "gfx942");
  EXPECT_EQ(machine["schemes"].back()["target"], "gfx942");
  EXPECT_EQ(machine["schemes"].back()["supported"], true);
}

TEST(CliAmdgpu, ASchedulesRefusalIsAnError) {
  const CommandResult result = run_command("tilejit", "linear " + on("gfx942", "--schedule 'panel=64 mr=64 nr=64'"));
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.error_lines(), 1) << result.err;
  EXPECT_NE(result.err.find("mr=64 is over 32 rows"), std::string::npos) << result.err;
}

TEST(CliAmdgpu, BenchmarksNeedAMachineThatExecutesTheTarget) {
  for (const char* command : {"bench_linear", "tune"}) {
    const CommandResult result = run_command(command, on("gfx942"));
    EXPECT_EQ(result.status, 3) << command;
    EXPECT_NE(result.err.find("target gfx942 is a GPU's"), std::string::npos) << result.err;
  }
}

TEST(CliAmdgpu, ADotWithoutMatrixInstructionsNamesWhatWouldRun) {
  const CommandResult result = run_command("tilejit", "linear 'w4a16 m=1 n=64 k=64 a=bf16 dot=mma' --target gfx1030");
  EXPECT_EQ(result.status, 3);
  EXPECT_NE(result.err.find("dot=mma needs a matrix step of bf16; this would run:"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace tilejit::test

#endif

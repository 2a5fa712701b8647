// The command lines: exit statuses, one-line messages, and what the commands print.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/command.h"

namespace tilejit::test {
namespace {

constexpr const char* small = "'w4a16 m=3 n=64 k=64 a=bf16 g=32' --target ref";

struct Failure {
  const char* command;
  const char* arguments;
  int status;
  const char* words;
};

TEST(Cli, SaysInOneLineWhatIsWrong) {
  const Failure failures[] = {
      {"jitdump", "", 2, "--from"},
      {"jitdump", "--bogus", 2, "--bogus"},
      {"jitdump", "'w5a16 n=64 k=64'", 2, "w5a16"},
      {"jitdump", "'w4a16 n=64 k=64 a=bf16' --target z80", 2, "z80"},
      {"jitdump", "'w4a16 n=64 k=64 a=bf16' --stage linking", 2, "linking"},
      {"jitdump", "'w4a16 n=64 k=64 a=bf16' --m 0", 2, "--m"},
      {"jitdump", "'w8a8 n=64 k=64 a=bf16 g=32' --target zen4", 3, "w8a8"},
      {"jitdump", "'w4a16 n=64 k=64 a=bf16' --target zen4 --schedule 'panel=64 nr=48'", 3, "nr"},
      {"jitdump", "--from /no/such.tile", 2, "/no/such.tile"},
      {"jitdump", "--from /tmp", 2, "/tmp: no such file, or not a regular one"},
      {"jitdump", "'w4a16 n=64 k=64 a=bf16' --seed -1", 2, "--seed: -1"},
      {"tilejit", "", 2, "subcommand"},
      {"tilejit", "fly", 2, "subcommand"},
      {"tilejit", "run /no/such/checkpoint", 2, "/no/such/checkpoint"},
      {"tilejit", "run tests/data/minilm/gptq --layer '('", 2, "--layer"},
      {"tilejit", "run tests/data/minilm/gptq --layer nothing_like_it", 2, "nothing_like_it"},
      {"tilejit", "run tests/data/minilm/gptq --device hip --target zen4", 3, "needs a GPU's target"},
      {"tilejit", "run tests/data/minilm/gptq --device toaster", 2, "--device toaster"},
      {"tilejit", "linear 'w4a16 n=64 k=64 a=bf16' --target ref --device emulated", 3, "ref has no emulator"},
      {"jitdump", "'w4a16 n=64 k=64 a=bf16' --target ref --run --device emulated", 3, "ref has no emulator"},
      {"tilejit", "run tests/data/minilm/gptq --target ref --activations /no/such.safetensors", 2, "/no/such"},
      {"tilejit", "linear 'w4a16 n=64'", 2, "k"},
      {"tilejit", "linear 'w8a8 n=64 k=64 a=bf16 g=32' --target ref", 3, "w8a8 has one symmetric scale"},
      {"tune", "", 2, "problem"},
      {"tune", "'w4a16 n=64 k=64' --budget 0", 2, "--budget"},
      {"tune", "'w4a16 n=64 k=64' --m 0", 2, "--m"},
      {"tune", "'w4a16 n=64 k=64' --target z80", 2, "z80"},
      {"tune", "'w4a16 n=64' --target ref", 2, "k"},
      {"bench_linear", "", 2, "problem"},
      {"bench_linear", "'w4a16 n=64 k=64 a=bf16' --threads 0", 2, "--threads"},
      {"bench_compile", "'w4a16 n=64 k=64 a=bf16' --target z80", 2, "z80"},
  };
  for (const Failure& f : failures) {
    SCOPED_TRACE(std::string(f.command) + " " + f.arguments);
    const CommandResult result = run_command(f.command, f.arguments);
    EXPECT_EQ(result.status, f.status) << result.err;
    EXPECT_EQ(result.error_lines(), 1) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err.find(f.words), std::string::npos) << result.err;
  }
}

TEST(Cli, HelpSucceeds) {
  for (const char* command : {"jitdump", "tilejit", "tune", "bench_linear", "bench_compile"}) {
    const CommandResult result = run_command(command, "--help");
    EXPECT_EQ(result.status, 0) << command;
    EXPECT_NE(result.out.find("--help"), std::string::npos);
    EXPECT_EQ(result.err, "");
  }
}

TEST(Jitdump, ListsTargetsStagesOpsAndFormats) {
  const CommandResult result = run_command("jitdump", "--list");
  EXPECT_EQ(result.status, 0);
  for (const char* words : {"zen4", "remove_dead", "vcode", "dst = arg0 * arg1 + arg2, f32, one rounding", "gguf q4_k"})
    EXPECT_NE(result.out.find(words), std::string::npos) << words;
}

TEST(Jitdump, PrintsEveryStageUnderItsName) {
  const CommandResult result = run_command("jitdump", std::string(small) + " --stage all");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* heading : {"// problem\n", "// schedule\n", "// tile\n", "// remove_dead\n", "// asm gemm\n",
                              "// resources gemm\n", "compile time: "})
    EXPECT_NE(result.out.find(heading), std::string::npos) << heading;
}

TEST(Jitdump, DumpsForACpuThatThisMachineMayNotBe) {
  const CommandResult result =
      run_command("jitdump", "'w4a16 m=1 n=64 k=64 a=bf16' --target spr --stage vcode,asm,resources");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* words : {"// vcode gemm", "// asm gemm", "f3 0f 1e fa", "spills: "})
    EXPECT_NE(result.out.find(words), std::string::npos) << words;
  EXPECT_TRUE(result.out.find("loop %") != std::string::npos ||
              result.out.find("the disassembler needs LLVM") != std::string::npos);
}

/// Four rows of four vectors: 8 k are 128 FMA on two pipes at two cycles each, over 32 permutes and 12 shifts.
TEST(Jitdump, PredictsTheSteadyLoopForRowsSideBySide) {
  const CommandResult result =
      run_command("jitdump",
                  "'w4a16 m=4 n=64 k=512 a=bf16 g=128 dot=fma' --target zen4 --stage resources --schedule "
                  "'panel=64 kk=8 streams=1 mr=4 nr=64 expand=inplace kc=0 mc=0 unroll=1 prefetch=0'");
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string gemm = result.out.substr(result.out.find("// resources gemm"));
  for (const char* words :
       {"predicted for m=4:", "zen4     %k            128.0    128.0", "fp01 128/128.0", "fp12 32/32.0",
        "zen5     %k             64.0", "spr      %k             94.0", "p05 144/72.0"})
    EXPECT_NE(gemm.find(words), std::string::npos) << words << " is missing in\n" << gemm;
}

TEST(BenchLinear, ModelPredictsForACpuThatThisMachineMayNotBe) {
  const CommandResult result = run_command(
      "bench_linear", "'w4a16 n=64 k=256 g=128 dot=fma' --m 1,2 --model --target avx512 --repetitions 1 --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = nlohmann::json::parse(result.out);
  ASSERT_EQ(rows.size(), 2u);
  for (const auto& row : rows) {
    EXPECT_EQ(row["machine"], "avx512");
    EXPECT_EQ(row["level"], "L1");
    EXPECT_GT(row["predicted_cycles"], 0);
    EXPECT_EQ(row["measured_cycles"].is_null(), row["not_measured"].is_string());
    EXPECT_EQ(row["error"].is_null(), row["measured_cycles"].is_null());
  }
}

TEST(BenchLinear, TakesSeveralSchedules) {
  const CommandResult result =
      run_command("bench_linear",
                  "--schedule 'panel=64 mr=1 nr=64' --schedule 'panel=64 mr=4 nr=64' "
                  "'w4a16 n=64 k=256 g=128 dot=fma' --m 4 --model --target avx512 --repetitions 1 --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = nlohmann::json::parse(result.out);
  ASSERT_EQ(rows.size(), 2u);
  for (size_t i = 0; i < 2; ++i)
    EXPECT_NE(rows[i]["schedule"].get<std::string>().find(i == 0 ? " mr=1 " : " mr=4 "), std::string::npos);
}

TEST(Jitdump, RunsAndBisects) {
  const CommandResult result = run_command("jitdump", std::string(small) + " --run --bisect --seed 4");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("bit for bit"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("stages agree"), std::string::npos) << result.out;
}

TEST(Jitdump, PrintsJson) {
  const CommandResult result = run_command("jitdump", std::string(small) + " --stage tile,resources --run --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = nlohmann::json::parse(result.out);
  ASSERT_TRUE(rows.is_array());
  EXPECT_EQ(rows.front()["stage"], "tile");
  EXPECT_EQ(rows.back()["stage"], "run");
  EXPECT_EQ(rows.back()["ok"], true);
  bool has_resources = false;
  for (const auto& row : rows) has_resources |= row.contains("resources") && row["resources"].contains("spill_loads");
  EXPECT_TRUE(has_resources);
  bool has_limit = false;  // `ref` has no machine code to predict
  for (const auto& row : rows) has_limit |= row.contains("predictions") && !row["predictions"].empty();
  EXPECT_FALSE(has_limit);
}

void expect_row_keys(const nlohmann::json& row) {
  for (const char* key : {"problem", "target", "device", "threads", "layer", "format", "schedule", "compile_us",
                          "time_us", "gbps", "gflops", "roof", "roof_share", "rel_l2", "sqnr_db", "ok"})
    EXPECT_TRUE(row.contains(key)) << key;
}

TEST(Tilejit, RunsACheckpointWithItsActivations) {
  const CommandResult result =
      run_command("tilejit",
                  "run tests/data/minilm/ct_oddk tests/data/minilm/ct_w8a8 tests/data/minilm/mixed.gguf --m 1,3 "
                  "--target ref --threads 1 --activations tests/data/minilm/activations.safetensors --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = nlohmann::json::parse(result.out);
  int ok = 0;
  for (const auto& row : rows) {
    expect_row_keys(row);
    ok += row["ok"] == true;
    EXPECT_NE(row["ok"], false) << row.dump(1);
  }
  EXPECT_EQ(ok, 6);
}

TEST(Tilejit, PrintsATableWithTotals) {
  const CommandResult result =
      run_command("tilejit", "run tests/data/minilm/ct_oddk tests/data/minilm/ct_w8a8 --m 2 --target ref --threads 1");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* words : {"rel_l2", "120 x 381", "ct-pack", "w8a8", "2 ok, 0 failed, 0 unsupported"})
    EXPECT_NE(result.out.find(words), std::string::npos) << words << "\n" << result.out;
}

TEST(Tilejit, RunsOneProblem) {
  const CommandResult result =
      run_command("tilejit", "linear 'w4a16 n=64 k=72 a=f32 g=32 zp=int epilogue=bias' --m 1,2 --target ref --json");
  ASSERT_EQ(result.status, 0) << result.err;
  const auto rows = nlohmann::json::parse(result.out);
  ASSERT_EQ(rows.size(), 2u);
  expect_row_keys(rows[1]);
  EXPECT_EQ(rows[1]["m"], 2);
  EXPECT_EQ(rows[1]["ok"], true);
}

TEST(Tilejit, DescribesTheMachine) {
  const CommandResult result = run_command("tilejit", "info");
  EXPECT_EQ(result.status, 0) << result.err;
  for (const char* words : {"row ", "caches", "threads", "huge pages", "w4a16", "w8a8", "zen4"})
    EXPECT_NE(result.out.find(words), std::string::npos) << words;
}

}  // namespace
}  // namespace tilejit::test

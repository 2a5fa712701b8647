// What the command lines do at their edges: output that cannot be written, too little memory, folders, and JSON of every kind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/support/checkpoint_files.h"
#include "tests/support/command.h"

namespace tilejit::test {
namespace {

using Json = nlohmann::json;

Json rows_of(const char* command, const std::string& arguments) {
  const CommandResult result = run_command(command, arguments);
  EXPECT_EQ(result.status, 0) << result.err;
  Json rows = Json::parse(result.out, nullptr, false);
  EXPECT_TRUE(rows.is_array()) << result.out;
  return rows;
}

TEST(CliOutput, AFullDeviceIsAResourceError) {
  const TemporaryFolder folder;
  for (const std::string arguments : {"'w4a16 n=64 k=64 a=bf16' --target zen4", "--list", "--help"}) {
    // The first redirection is the command's, the ones that run_command appends are the last group's.
    const std::string script =
        fmt::format("{0} >/dev/full 2>'{1}/errors'; (echo $?; cat '{1}/errors')", arguments, folder.path());
    const CommandResult result = run_command("jitdump", script);
    EXPECT_EQ(result.out.rfind("4\njitdump: resource: ", 0), 0u) << arguments << "\n" << result.out;
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2) << result.out;
  }
}

TEST(CliOutput, TooLittleMemoryIsAResourceError) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer aborts where operator new throws";
#endif
  // 2 PiB of activations: more than an address space holds, so that no setting of the system grants them.
  const CommandResult result =
      run_command("tilejit", "linear 'w4a16 n=16 k=1048576 a=bf16' --m 1073741824 --target ref");
  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_EQ(result.error_lines(), 1) << result.err;
  EXPECT_NE(result.err.find("resource: not enough memory"), std::string::npos) << result.err;
}

TEST(CliOutput, SaysWhichLayersRanOnRandomActivations) {
  const std::string arguments =
      "run tests/data/minilm/ct_oddk tests/data/minilm/q4_0.gguf --m 1 --target ref --threads 1 "
      "--activations tests/data/minilm/activations.safetensors";
  std::set<std::string> sources;
  for (const Json& row : rows_of("tilejit", arguments + " --json")) {
    const bool is_gguf = row["checkpoint"] == "q4_0.gguf";
    EXPECT_EQ(row["activations"], is_gguf ? "random" : "file") << row.dump(1);
    EXPECT_EQ(row["note"], is_gguf ? Json("random activations") : Json()) << row.dump(1);
    sources.insert(row["activations"]);
  }
  EXPECT_EQ(sources.size(), 2u);
  EXPECT_NE(run_command("tilejit", arguments).out.find("ok (random activations)"), std::string::npos);
}

TEST(CliOutput, RandomActivationsAreNoRemarkWhenNoFileIsGiven) {
  for (const Json& row : rows_of("tilejit", "run tests/data/minilm/ct_oddk --m 1 --target ref --json")) {
    EXPECT_EQ(row["activations"], "random");
    EXPECT_EQ(row["note"], Json());
    EXPECT_EQ(row["device"], "interpreted");
  }
}

TEST(CliOutput, EmulatesTheCodeOfACpuThatThisMachineMayNotBe) {
  const CommandResult dump =
      run_command("jitdump", "'w4a16 m=3 n=64 k=64 a=bf16' --target zen4 --run --bisect --device emulated");
  if (dump.status == 3) GTEST_SKIP() << dump.err;
  EXPECT_EQ(dump.status, 0) << dump.err << dump.out;
  EXPECT_NE(dump.out.find("device=emulated: every buffer equals"), std::string::npos) << dump.out;
  EXPECT_NE(dump.out.find("the code was emulated"), std::string::npos) << dump.out;
  for (const Json& row : rows_of("tilejit",
                                 "run tests/data/minilm/gptq --m 1,5 --layer query --target zen4 "
                                 "--device emulated --json")) {
    EXPECT_EQ(row["device"], "emulated");
    EXPECT_EQ(row["ok"], true) << row.dump(1);
  }
}

TEST(CliOutput, AFolderStandsForTheCheckpointsInIt) {
  std::set<std::string> checkpoints;
  for (const Json& row : rows_of("tilejit", "run tests/data/minilm --m 1 --target ref --threads 1 --json")) {
    checkpoints.insert(row["checkpoint"]);
    EXPECT_NE(row["ok"], false) << row.dump(1);
  }
  for (const char* name : {"autoround", "awq", "ct_w8a8_tensor", "gptq_v2", "mixed.gguf", "q8_0.gguf"})
    EXPECT_TRUE(checkpoints.contains(name)) << name;
  const TemporaryFolder empty;
  EXPECT_NE(run_command("tilejit", "run " + empty.path()).status, 0);
}

TEST(CliOutput, UnsupportedRowsNameTheTargetAsOthersDo) {
  const Json machine = rows_of("tilejit", "info --json").front();
  for (const Json& row : rows_of("tilejit", "run tests/data/minilm/ct_w8a8 --m 1 --json")) {
    if (!row["ok"].is_null() || !machine["row"].is_string()) continue;
    EXPECT_EQ(row["target"], machine["row"]) << row.dump(1);
  }
}

TEST(CliOutput, DescribesTheMachineAsJson) {
  const Json rows = rows_of("tilejit", "info --json");
  ASSERT_EQ(rows.size(), 1u);
  for (const char* key : {"version", "cpu", "row", "dots", "l2_bytes", "threads", "targets", "devices", "schemes"})
    EXPECT_TRUE(rows.front().contains(key)) << key;
  EXPECT_EQ(rows.front()["schemes"].front()["scheme"], "w4a16");
}

TEST(CliOutput, ListsAsJson) {
  std::set<std::string> names;
  for (const Json& row : rows_of("jitdump", "--list --json"))
    names.insert(row["kind"].get<std::string>() + " " + row["name"].get<std::string>());
  for (const char* name : {"target zen4", "stage vcode", "op fma", "format gguf q4_k"})
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(CliOutput, SaysThatTheInterpreterIsNoMachine) {
  const CommandResult result = run_command("jitdump", "'w4a16 m=3 n=64 k=64 a=bf16' --target ref --run");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("ref is the interpreter: only the passes are compared"), std::string::npos) << result.out;
}

}  // namespace
}  // namespace tilejit::test

// The tune command from its words to the store, with the interpreter as the machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "targets/targets.h"
#include "tests/support/command.h"

namespace tilejit::test {
namespace {

/// A store of its own, which commands inherit. Budgets are for machines many times slower than any.
class Tune : public testing::Test {
 protected:
  Tune() {
    std::string name = "/tmp/tilejit_tune_XXXXXX";
    folder_ = mkdtemp(name.data());
    if (const char* old = std::getenv("TILEJIT_CACHE_DIR")) old_ = old;
    setenv("TILEJIT_CACHE_DIR", folder_.c_str(), 1);
  }
  ~Tune() override {
    old_.empty() ? unsetenv("TILEJIT_CACHE_DIR") : setenv("TILEJIT_CACHE_DIR", old_.c_str(), 1);
    unsetenv("TILEJIT_VERBOSE");
    std::filesystem::remove_all(folder_);
  }
  std::string folder_;
  std::string old_;
};

TEST_F(Tune, WritesWhatLinearsFindAgain) {
  const CommandResult tuned = run_command(
      "tune",
      "'w4a16 m=1 n=32 k=16 a=f32' 'w4a16 m=6 n=32 k=16 a=f32 epilogue=bias' --target ref --budget 30 --threads 1");
  ASSERT_EQ(tuned.status, 0) << tuned.err;
  EXPECT_EQ(tuned.err, "") << "progress is for terminals";
  for (const char* words : {"ref w4a16", "default us", "samples", "written to "})
    EXPECT_NE(tuned.out.find(words), std::string::npos) << words << "\n" << tuned.out;

  setenv("TILEJIT_VERBOSE", "dispatch", 1);
  const CommandResult run =
      run_command("tilejit", "linear 'w4a16 n=32 k=16 a=f32 epilogue=bias' --m 1,2,3,50 --target ref --threads 1");
  EXPECT_EQ(run.status, 0) << run.err << run.out;
  EXPECT_NE(run.err.find("schedules tuned in " + folder_ + "/tuned.txt"), std::string::npos) << run.err;
  EXPECT_NE(run.out.find("ok"), std::string::npos) << run.out;

  const CommandResult dumped = run_command("jitdump", "'w4a16 m=3 n=32 k=16 a=f32' --target ref --stage schedule");
  EXPECT_NE(dumped.out.find("// tuned in " + folder_ + "/tuned.txt\npanel="), std::string::npos) << dumped.out;
  const CommandResult other = run_command("jitdump", "'w4a16 m=3 n=48 k=16 a=f32' --target ref --stage schedule");
  EXPECT_NE(other.out.find("// default\npanel="), std::string::npos) << other.out;
}

TEST_F(Tune, WritesAnotherFileWhenAsked) {
  const std::string file = folder_ + "/mine.txt";
  const CommandResult tuned =
      run_command("tune", "'w4a16 n=32 k=16 a=f32' --m 2 --target ref --budget 30 --threads 1 --out " + file);
  ASSERT_EQ(tuned.status, 0) << tuned.err;
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/tuned.txt"));
}

TEST_F(Tune, RefusesAFileThatItCannotRead) {
  std::ofstream(folder_ + "/tuned.txt") << "# tilejit tuned schedules 1\nnonsense\n";
  const CommandResult tuned = run_command("tune", "'w4a16 n=32 k=16 a=f32' --m 2 --target ref");
  EXPECT_EQ(tuned.status, 2);
  EXPECT_NE(tuned.err.find("tuned.txt:2: 'nonsense'"), std::string::npos) << tuned.err;
}

TEST_F(Tune, MeasuresOnlyWhatThisMachineExecutes) {
  if (find_target("host").ok()) GTEST_SKIP() << "this machine has AVX-512";
  for (const char* target : {"zen4", "host"}) {
    const CommandResult tuned =
        run_command("tune", std::string("'w4a16 n=32 k=16 a=bf16' --budget 1 --target ") + target);
    EXPECT_EQ(tuned.status, 3) << tuned.err;
    EXPECT_EQ(tuned.error_lines(), 1) << tuned.err;
    EXPECT_NE(tuned.err.find("AVX-512"), std::string::npos) << tuned.err;
  }
}

TEST_F(Tune, ListsTheSpaceWithReasons) {
  const CommandResult listed = run_command("tune", "'w4a16 m=1 n=64 k=64 a=bf16 g=32' --target zen4 --list");
  ASSERT_EQ(listed.status, 0) << listed.err;
  for (const char* words : {"\n+ panel=32 kk=8 streams=2 mr=1 nr=32 expand=inplace", "\n- schedule 'panel=64",
                            "vector registers of 32", "does not divide panel", "schedules are legal"})
    EXPECT_NE(listed.out.find(words), std::string::npos) << words;
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/tuned.txt"));
}

/// The number behind ` m=16 ` of a line.
double cycles_of(const std::string& line) { return std::stod(line.substr(line.find(" m=16 ") + 6)); }

TEST_F(Tune, ListsTheOrderOfTheModel) {
  const CommandResult listed =
      run_command("tune", "'w4a16 n=64 k=128 a=bf16 g=32' --m 16 --target zen4 --threads 1 --list --predict");
  ASSERT_EQ(listed.status, 0) << listed.err;
  std::istringstream text(listed.out);
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_GT(lines.size(), 100u);
  EXPECT_NE(lines[0].find("# zen4 w4a16"), std::string::npos) << lines[0];
  for (size_t i = 2; i < lines.size(); ++i)
    EXPECT_LT(cycles_of(lines[i - 1]), 1.011 * cycles_of(lines[i])) << lines[i - 1] << "\n" << lines[i];
  EXPECT_GT(cycles_of(lines.back()), 2 * cycles_of(lines[1]));
  EXPECT_NE(listed.out.find("+ panel=64 kk=8 streams=1 mr=4 nr=64 expand=inplace kc=0 mc=0 unroll=1 prefetch=0"),
            std::string::npos);
}

}  // namespace
}  // namespace tilejit::test

#include "runtime/tuned.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <tilejit/linear.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/choose.h"
#include "targets/targets.h"
#include "tests/support/random_problem.h"
#include "tests/support/random_weights.h"

namespace tilejit {
namespace {

namespace fs = std::filesystem;

/// A folder of its own for each test.
class Folder {
 public:
  Folder() {
    std::string name = "/tmp/tilejit_tuned_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const char* name) const { return (path_ / name).string(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// An environment variable, put back at the end.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value != nullptr ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

const TargetFacts& facts_of(const char* name) { return (*find_target(name))->facts(); }

Problem resolved(const std::string& line, const char* target = "zen4") {
  return *resolve(*parse_problem(line), facts_of(target));
}

TunedSchedules two_ranges() {
  TunedSchedules tuned{.layout = {.panel = 64, .kk = 8, .streams = 2}, .loops = {}};
  Loops few;
  few.m_hi = 4;
  few.prefetch = 1024;
  Loops many;
  many.mr = 2;
  many.m_lo = 5;
  tuned.loops = {few, many};
  return tuned;
}

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Tuned, TheKeyLeavesOutWhatDoesNotDecideTheSchedule) {
  const TargetFacts& zen4 = facts_of("zen4");
  const std::string key = tuned_key(resolved("w4a16 n=64 k=128 g=32"), zen4);
  for (const char* line :
       {"w4a16 m=7 n=64 k=128 g=32", "w4a16 n=64 k=128 g=32 epilogue=bias", "w4a16 n=64 k=128 g=32 perm=1",
        "w4a16 n=64 k=128 g=32 z=3", "w4a16 n=64 k=128 g=32 bits=relaxed"})
    EXPECT_EQ(tuned_key(resolved(line), zen4), key) << line;
  for (const char* line :
       {"w4a16 n=65 k=128 g=32", "w4a16 n=64 k=129 g=32", "w4a16 n=64 k=128 g=64", "w4a16 n=64 k=128 g=32 zp=int",
        "w4a16 n=64 k=128 g=32 s=f16", "w4a16 n=64 k=128 g=32 dot=fma", "w4a16 n=64 k=128 g=32 ks=2",
        "w4a16 n=64 k=128 g=32 a=f16"})
    EXPECT_NE(tuned_key(resolved(line), zen4), key) << line;
  EXPECT_NE(tuned_key(resolved("w4a16 n=64 k=128 g=32"), facts_of("zen5")), key);
}

TEST(Tuned, TextIsAFixedPoint) {
  const TunedTable table = {{tuned_key(resolved("w4a16 n=64 k=128 g=32"), facts_of("zen4")), two_ranges()},
                            {tuned_key(resolved("w4a16 n=640 k=128 zp=int"), facts_of("spr")), two_ranges()}};
  const TunedText read = parse_tuned(print_tuned(table), "file");
  EXPECT_TRUE(read.malformed.empty()) << read.malformed.front();
  EXPECT_EQ(read.table, table);
}

TEST(Tuned, ALaterLayoutReplacesTheProblem) {
  const std::string key = tuned_key(resolved("w4a16 n=64 k=128 g=32"), facts_of("zen4"));
  TunedSchedules later = two_ranges();
  later.layout.panel = 128;
  later.loops.resize(1);
  std::string text = print_tuned({{key, two_ranges()}});
  text += print_tuned({{key, later}}).substr(text.find("layout"));
  const TunedText read = parse_tuned(text, "file");
  EXPECT_EQ(read.table, (TunedTable{{key, later}}));
}

TEST(Tuned, MalformedLinesAreNamedAndTheOthersServe) {
  const std::string head = "# tilejit tuned schedules 1\n";
  const std::string problem = "zen4 w4a16 n=64 k=128 g=32 dot=bf16 ks=1";
  const std::string good = "layout " + problem + " : panel=64 kk=8 streams=1\n";
  const std::pair<std::string, std::string> rows[] = {
      {"schedule x\n", "file:3: 'schedule' is neither layout nor loops"},
      {"layout zen4 w4a16 n=64\n", "file:3: no ' : '"},
      {"layout zen4 w4a16 n=64 : panel=64 kk=8 streams=1\n", "file:3: "},
      {"layout " + problem + " : panel=64\n", "file:3: 'panel=64' is not a layout"},
      {"layout " + problem + " : panel=x kk=8 streams=1\n", "file:3: schedule: panel=x"},
      {"loops zen5" + problem.substr(4) + " : panel=64 mr=1\n", "file:3: a loops line before the layout line"},
      {"loops " + problem + " : panel=32 mr=1\n", "file:3: the loops are for 'panel=32"},
      {"loops " + problem + " : panel=64 rows=1..4\nloops " + problem + " : panel=64 rows=4..*\n",
       "file:4: rows from 4 on overlap"}};
  for (const auto& [line, message] : rows) {
    std::string text = head;
    text.append(good).append(line);
    const TunedText read = parse_tuned(text, "file");
    ASSERT_EQ(read.malformed.size(), 1u) << line;
    EXPECT_EQ(read.malformed.front().rfind(message, 0), 0u) << read.malformed.front();
    EXPECT_EQ(read.table.size(), 1u) << line;
  }
  EXPECT_EQ(parse_tuned("# tilejit tuned schedules 2\n" + good, "file").malformed.front(),
            "file:1: the first line is not '# tilejit tuned schedules 1'");
}

TEST(Tuned, LinesThatLegalRefusesAreNotUsed) {
  const Problem problem = resolved("w4a16 n=64 k=128 g=32");
  const TargetFacts& zen4 = facts_of("zen4");
  EXPECT_TRUE(check_tuned(two_ranges(), problem, zen4));
  TunedSchedules wide = two_ranges();
  wide.loops[1].mr = 30;
  EXPECT_NE(check_tuned(wide, problem, zen4).error().message.find("vector registers"), std::string::npos);
  TunedSchedules hole = two_ranges();
  hole.loops[1].m_lo = 6;
  EXPECT_EQ(check_tuned(hole, problem, zen4).error().message, "no loops line begins at rows=5");
  TunedSchedules open = two_ranges();
  open.loops.pop_back();
  EXPECT_EQ(check_tuned(open, problem, zen4).error().message, "no loops line begins at rows=5");
}

TEST(TunedFile, TheFirstVariableThatNamesAFolderDecides) {
  const Folder folder;
  const Variable own("TILEJIT_CACHE_DIR", (folder / "own").c_str());
  const Variable xdg("XDG_CACHE_HOME", (folder / "xdg").c_str());
  const Variable home("HOME", (folder / "home").c_str());
  EXPECT_EQ(*tuned_store_path(), folder / "own/tuned.txt");
  const Variable no_own("TILEJIT_CACHE_DIR", nullptr);
  EXPECT_EQ(*tuned_store_path(), folder / "xdg/tilejit/tuned.txt");
  const Variable relative("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(*tuned_store_path(), folder / "home/.cache/tilejit/tuned.txt");
  const Variable no_home("HOME", nullptr);
  EXPECT_EQ(tuned_store_path().error().kind, ErrorKind::invalid);
}

TEST(TunedFile, IsMadeForItsOwnerAlone) {
  const Folder folder;
  const std::string path = folder / "a/b/tuned.txt";
  ASSERT_TRUE(write_tuned(path, {}));
  struct stat status {};
  ASSERT_EQ(stat((folder / "a/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0700u);
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST(TunedFile, AFolderThatOthersMayWriteIsRefused) {
  const Folder folder;
  const Variable own("TILEJIT_CACHE_DIR", folder.path().c_str());
  EXPECT_TRUE(tuned_store_path());
  for (const mode_t mode : {0770u, 0702u, 0777u}) {
    ASSERT_EQ(chmod(folder.path().c_str(), mode), 0);
    const auto path = tuned_store_path();
    ASSERT_FALSE(path) << mode;
    EXPECT_NE(path.error().message.find("700 would work"), std::string::npos) << path.error().message;
  }
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  EXPECT_TRUE(tuned_store_path());
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a folder to another user";
  ASSERT_EQ(chown(folder.path().c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_NE(tuned_store_path().error().message.find("owned by user 12345"), std::string::npos);
}

TEST(TunedFile, KeepsWhatItHoldsAndRefusesToLoseALine) {
  const Folder folder;
  const std::string path = folder / "tuned.txt";
  ASSERT_TRUE(write_tuned(path, {{"zen4 w4a16 n=1 k=1", two_ranges()}}));
  ASSERT_TRUE(write_tuned(path, {{"zen4 w4a16 n=2 k=1", two_ranges()}}));
  EXPECT_EQ(read_tuned(path)->table.size(), 2u);
  write_file(path, read_file(path) + "by hand\n");
  const std::string before = read_file(path);
  const auto refused = write_tuned(path, {{"zen4 w4a16 n=3 k=1", two_ranges()}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_EQ(read_file(path), before);
}

TEST(TunedFile, ConcurrentWritersLoseNothing) {
  const Folder folder;
  const std::string path = folder / "tuned.txt";
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([&path, t] {
      for (int i = 1; i <= 10; ++i) {
        const std::string key = tuned_key(resolved("w4a16 k=8 n=" + std::to_string(100 * t + i)), facts_of("zen4"));
        EXPECT_TRUE(write_tuned(path, {{key, two_ranges()}}));
        EXPECT_TRUE(read_tuned(path)->malformed.empty());
      }
    });
  writers.clear();
  EXPECT_EQ(read_tuned(path)->table.size(), 40u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "a temporary file is left";
}

TEST(TunedFile, IsReadAgainOnlyWhenItChanges) {
  const Folder folder;
  const std::string path = folder / "tuned.txt";
  ASSERT_TRUE(write_tuned(path, {{"zen4 w4a16 n=1 k=1", two_ranges()}}));
  const auto first = *read_tuned_once(path);
  EXPECT_EQ(*read_tuned_once(path), first);
  ASSERT_TRUE(write_tuned(path, {{"zen4 w4a16 n=2 k=1", two_ranges()}}));
  EXPECT_EQ((*read_tuned_once(path))->table.size(), 2u);
}

/// A layer for the interpreter, which runs everywhere.
struct Layer {
  Layer() {
    test::Rng rng(3);
    weights = test::random_weights(problem, rng);
  }
  Result<Linear> create(const std::string& tuned, const std::string& schedule = {}) const {
    LinearOptions options;
    options.target = "ref";
    options.schedule = schedule;
    options.threads.max_threads = 1;
    options.tuned = tuned;
    return Linear::create("w4a16 n=96 k=80 a=f32 g=32 zp=int s=f16 epilogue=bias", weights.view, options);
  }
  std::vector<float> run(const Linear& linear, int64_t m) const {
    test::Rng rng(7);
    std::vector<float> a(static_cast<size_t>(m * 80));
    test::fill_activations(std::as_writable_bytes(std::span(a)), Type::f32, test::Values::finite, rng);
    std::vector<float> out(static_cast<size_t>(m * 96));
    EXPECT_TRUE(linear.run({.a = a.data(), .lda = 80, .m = m, .out = out.data(), .ldo = 96}));
    return out;
  }
  std::string key() const { return tuned_key(problem, facts_of("ref")); }

  Problem problem = resolved("w4a16 n=96 k=80 a=f32 g=32 zp=int s=f16 epilogue=bias", "ref");
  test::OwnedWeights weights;
};

TEST(TunedLinear, FindsItsSchedulesAndComputesTheSameBits) {
  const Folder folder;
  const Layer layer;
  const Variable own("TILEJIT_CACHE_DIR", folder.path().c_str());
  const auto by_default = layer.create("auto");
  ASSERT_TRUE(by_default);
  EXPECT_FALSE(by_default->info().tuned);
  EXPECT_EQ(by_default->info().schedule_origin, "default");

  TunedSchedules tuned = two_ranges();
  tuned.layout = {.panel = 24, .kk = 8, .streams = 2};
  for (Loops& loops : tuned.loops) loops.nr = 12;
  ASSERT_TRUE(write_tuned(*tuned_store_path(), {{layer.key(), tuned}}));
  const auto found = layer.create("auto");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->info().tuned);
  EXPECT_EQ(found->info().schedule_origin, "tuned in " + *tuned_store_path());
  ASSERT_EQ(found->info().schedules.size(), 2u);
  EXPECT_EQ(found->info().schedules[1], print_schedule({tuned.layout, tuned.loops[1]}));
  for (const int64_t m : {1, 4, 5, 9}) EXPECT_EQ(layer.run(*found, m), layer.run(*by_default, m)) << "m=" << m;

  EXPECT_FALSE(layer.create("off")->info().tuned);
  const auto given = layer.create("auto", "panel=32 nr=32");
  EXPECT_FALSE(given->info().tuned);
  EXPECT_EQ(given->info().schedule_origin, "given");
}

TEST(TunedLinear, ANamedFileIsReadAndMustExist) {
  const Folder folder;
  const Layer layer;
  const std::string path = folder / "mine.txt";
  EXPECT_EQ(layer.create(path).error().kind, ErrorKind::invalid);
  TunedSchedules tuned = two_ranges();
  ASSERT_TRUE(write_tuned(path, {{layer.key(), tuned}}));
  EXPECT_EQ(layer.create(path)->info().schedule_origin, "tuned in " + path);
}

TEST(TunedLinear, WhatCannotBeUsedFallsBackAndIsTold) {
  const Folder folder;
  const Layer layer;
  const std::string path = folder / "tuned.txt";
  TunedSchedules illegal = two_ranges();
  illegal.loops[1].kc = 64;
  const Variable told("TILEJIT_VERBOSE", "dispatch");
  const std::pair<std::string, std::string> rows[] = {
      {print_tuned({{layer.key(), illegal}}), "is not used: schedule 'panel=64"},
      {print_tuned({{layer.key(), {{.panel = 64, .kk = 4, .streams = 1}, two_ranges().loops}}}), "kk=4 is not 8"},
      {"nonsense\n", "tuned.txt:1: the first line is not"},
      {print_tuned({}) + "by hand\n", "tuned.txt:3: 'by' is neither layout nor loops"}};
  for (const auto& [text, message] : rows) {
    write_file(path, text);
    testing::internal::CaptureStderr();
    const auto linear = layer.create(path);
    const std::string err = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(linear) << linear.error().message;
    EXPECT_FALSE(linear->info().tuned);
    EXPECT_NE(err.find(message), std::string::npos) << err;
    EXPECT_NE(err.find("schedules default: ["), std::string::npos) << err;
  }
}

}  // namespace
}  // namespace tilejit

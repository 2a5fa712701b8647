// Code kept between processes: what is saved is found again, and what is not whole or not of the key is not found.
#include "runtime/code_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

namespace tilejit {
namespace {

namespace fs = std::filesystem;

class CodeStoreTest : public testing::Test {
 protected:
  CodeStoreTest() {
    std::string name = "/tmp/tilejit_code_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~CodeStoreTest() override { fs::remove_all(folder_); }

  static Code code_of(std::string function, size_t bytes) {
    Code code;
    code.gpu = {std::move(function), 256};
    code.scratch_bytes = 64;
    for (size_t i = 0; i < bytes; ++i) code.bytes.push_back(static_cast<uint8_t>(i * 7));
    return code;
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    return found;
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }

  std::string folder_;
};

TEST_F(CodeStoreTest, FindsWhatWasSaved) {
  const CodeStore store(folder_ + "/kept");
  const CacheKey key = key_of_text("a problem");
  EXPECT_FALSE(store.load(key));
  const Code first = code_of("prepare", 100);
  const Code second = code_of("gemm", 5000);
  ASSERT_TRUE(store.save(key, std::vector<const Code*>{&first, &second}));
  const auto found = store.load(key);
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].bytes, first.bytes);
  EXPECT_EQ((*found)[1].bytes, second.bytes);
  EXPECT_EQ((*found)[1].gpu.function, "gemm");
  EXPECT_EQ((*found)[1].gpu.threads, 256);
  EXPECT_EQ((*found)[1].scratch_bytes, 64);
  EXPECT_FALSE(store.load(key_of_text("another problem")));
  struct stat status {};
  ASSERT_EQ(stat((folder_ + "/kept").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(CodeStoreTest, EveryDamagedByteAndEveryCutIsFound) {
  const CodeStore store(folder_);
  const CacheKey key = key_of_text("a problem");
  const Code code = code_of("gemm", 40);
  ASSERT_TRUE(store.save(key, std::vector<const Code*>{&code}));
  const fs::path path = files().at(0);
  const std::string whole = read(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write(path, damaged);
    EXPECT_FALSE(store.load(key)) << "byte " << i;
    write(path, whole.substr(0, i));
    EXPECT_FALSE(store.load(key)) << "cut at " << i;
  }
  write(path, whole);
  EXPECT_TRUE(store.load(key));
}

TEST_F(CodeStoreTest, AFileUnderAnotherKeysNameIsNotFound) {
  const CodeStore store(folder_);
  const Code code = code_of("gemm", 40);
  ASSERT_TRUE(store.save(key_of_text("one"), std::vector<const Code*>{&code}));
  const fs::path one = files().at(0);
  fs::copy_file(one, folder_ + "/" + key_of_text("two").hex() + ".code");
  EXPECT_FALSE(store.load(key_of_text("two")));
  EXPECT_TRUE(store.load(key_of_text("one")));
}

TEST_F(CodeStoreTest, TheFilesUsedLongestAgoGo) {
  const CodeStore store(folder_, 10000);
  const Code code = code_of("gemm", 4000);
  const auto save = [&](const char* key) { return store.save(key_of_text(key), std::vector<const Code*>{&code}); };
  const auto age = [&](const char* key, int hours) {
    const fs::path path = folder_ + "/" + key_of_text(key).hex() + ".code";
    fs::last_write_time(path, fs::last_write_time(path) - std::chrono::hours(hours));
  };
  ASSERT_TRUE(save("one"));
  age("one", 3);
  ASSERT_TRUE(save("two"));
  age("two", 2);
  EXPECT_TRUE(store.load(key_of_text("one")));  // used again: now "two" is the oldest
  ASSERT_TRUE(save("three"));
  EXPECT_FALSE(store.load(key_of_text("two")));
  EXPECT_TRUE(store.load(key_of_text("one")));
  EXPECT_TRUE(store.load(key_of_text("three")));
}

TEST_F(CodeStoreTest, WritersOfOneKeyLeaveOneWholeFile) {
  const CodeStore store(folder_);
  const CacheKey key = key_of_text("a problem");
  std::vector<std::thread> writers;
  for (size_t i = 0; i < 4; ++i)
    writers.emplace_back([&, i] {
      const Code code = code_of("gemm", 1000 + i);
      for (int round = 0; round < 20; ++round) EXPECT_TRUE(store.save(key, std::vector<const Code*>{&code}));
    });
  for (std::thread& writer : writers) writer.join();
  const auto found = store.load(key);
  ASSERT_TRUE(found);
  EXPECT_GE((*found)[0].bytes.size(), 1000u);
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(CodeStoreTest, AFolderThatCannotBeMadeIsAnError) {
  write(folder_ + "/file", "");
  const Code code = code_of("gemm", 40);
  const auto saved = CodeStore(folder_ + "/file/below").save(key_of_text("one"), std::vector<const Code*>{&code});
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().kind, ErrorKind::resource);
}

}  // namespace
}  // namespace tilejit

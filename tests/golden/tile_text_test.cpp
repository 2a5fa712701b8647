// The .tile files of this folder are legal, and print as they are written (comment lines at the top aside).
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"

namespace tilejit::ir {
namespace {

std::vector<std::filesystem::path> tile_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TILEJIT_SOURCE_DIR "/tests/golden"))
    if (entry.path().extension() == ".tile") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string without_leading_comments(std::string text) {
  while (text.starts_with("//")) text.erase(0, text.find('\n') + 1);
  return text;
}

TEST(TileText, PrintsAsWritten) {
  ASSERT_GE(tile_files().size(), 5u);
  for (const auto& path : tile_files()) {
    const std::string text = read_file(path);
    const Result<Program> program = parse(text, path.string());
    ASSERT_TRUE(program.ok()) << program.error().message;
    const Result<void> legal = check_legal(*program, path.string());
    EXPECT_TRUE(legal.ok()) << legal.error().message;
    EXPECT_EQ(print(*program), without_leading_comments(text)) << path;
  }
}

}  // namespace
}  // namespace tilejit::ir

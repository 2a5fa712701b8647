#include "runtime/exec_memory.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace tilejit {
namespace {

constexpr std::array<uint8_t, 10> return_42 = {0xf3, 0x0f, 0x1e, 0xfa, 0xb8,
                                               42,   0,    0,    0,    0xc3};  // endbr64; mov eax, 42; ret

int call(const ExecMemory& memory) { return reinterpret_cast<int (*)()>(reinterpret_cast<uintptr_t>(memory.data()))(); }

struct MapLine {
  uintptr_t start = 0;
  uintptr_t end = 0;
  std::string permissions;
};

/// The mappings of this process.
std::vector<MapLine> read_maps() {
  std::vector<MapLine> lines;
  std::ifstream file("/proc/self/maps");
  for (std::string text; std::getline(file, text);) {
    MapLine line;
    char dash = 0;
    std::istringstream(text) >> std::hex >> line.start >> dash >> line.end >> line.permissions;
    lines.push_back(line);
  }
  return lines;
}

std::string permissions_at(const std::byte* address) {
  const auto at = reinterpret_cast<uintptr_t>(address);
  for (const MapLine& line : read_maps()) {
    if (at >= line.start && at < line.end) return line.permissions;
  }
  return "";
}

TEST(ExecMemory, RunsTheCodeThatItWasGiven) {
  auto memory = ExecMemory::create(return_42);
  ASSERT_TRUE(memory.ok()) << memory.error().message;
  EXPECT_EQ(call(*memory), 42);
  EXPECT_EQ(memory->mapped_bytes() % 4096, 0);
}

TEST(ExecMemory, NoPageIsWritableAndExecutable) {
  auto memory = ExecMemory::create(return_42);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(permissions_at(memory->data()), "r-xp");
  for (const MapLine& line : read_maps()) {
    EXPECT_FALSE(line.permissions.find('w') != std::string::npos && line.permissions.find('x') != std::string::npos)
        << std::hex << line.start << ' ' << line.permissions;
  }
}

TEST(ExecMemoryDeathTest, WritingToCodeFaults) {
  auto memory = ExecMemory::create(return_42);
  ASSERT_TRUE(memory.ok());
  auto* writable = const_cast<std::byte*>(memory->data());
  EXPECT_DEATH(*static_cast<volatile std::byte*>(writable) = std::byte{0}, "");
}

TEST(ExecMemory, UnmapsAtTheEndAndMovesWithoutCopying) {
  const std::byte* address = nullptr;
  {
    auto memory = ExecMemory::create(return_42);
    ASSERT_TRUE(memory.ok());
    address = memory->data();
    const ExecMemory moved = std::move(*memory);
    EXPECT_EQ(moved.data(), address);
    EXPECT_EQ(call(moved), 42);
  }
  EXPECT_EQ(permissions_at(address).find('x'), std::string::npos);
}

TEST(ExecMemory, RefusesEmptyCode) {
  const auto memory = ExecMemory::create({});
  ASSERT_FALSE(memory.ok());
  EXPECT_EQ(memory.error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace tilejit

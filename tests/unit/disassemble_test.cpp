#include "targets/disassemble/disassemble.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tilejit {
namespace {

struct Row {
  std::vector<uint8_t> bytes;
  const char* text;
};

TEST(Disassemble, NamesWhatTheEncoderWrites) {
  const Row rows[] = {
      {{0xf3, 0x0f, 0x1e, 0xfa}, "endbr64"},
      {{0x62, 0xf2, 0x6d, 0x48, 0xb8, 0xcb}, "vfmadd231ps zmm1, zmm2, zmm3"},
      {{0x62, 0xf2, 0x6e, 0x48, 0x52, 0xcb}, "vdpbf16ps zmm1, zmm2, zmm3"},
      {{0x62, 0xf2, 0x6d, 0x48, 0x50, 0xcb}, "vpdpbusd zmm1, zmm2, zmm3"},
      {{0x75, 0xfe}, "jne 0x16"},  // to itself: endbr64 and three evex instructions stand before it
      {{0xc3}, "ret"},
  };
  std::vector<uint8_t> code;
  for (const Row& row : rows) code.insert(code.end(), row.bytes.begin(), row.bytes.end());
  auto listing = disassemble_x86(code);
  if (!listing && listing.error().kind == ErrorKind::unsupported) GTEST_SKIP() << listing.error().message;
  ASSERT_TRUE(listing.ok()) << listing.error().message;
  ASSERT_EQ(listing->size(), std::size(rows));
  int64_t offset = 0;
  for (size_t i = 0; i < std::size(rows); ++i) {
    const DisassembledInstr& instr = (*listing)[i];
    EXPECT_EQ(instr.bytes, rows[i].bytes);
    EXPECT_EQ(instr.offset, offset);
    EXPECT_EQ(instr.text, rows[i].text);
    offset += static_cast<int64_t>(instr.bytes.size());
  }
}

TEST(Disassemble, KeepsBytesThatAreNoInstruction) {
  const uint8_t code[] = {0x06, 0xc3};  // push es: 32-bit only
  auto listing = disassemble_x86(code);
  if (!listing && listing.error().kind == ErrorKind::unsupported) GTEST_SKIP() << listing.error().message;
  ASSERT_TRUE(listing.ok()) << listing.error().message;
  ASSERT_EQ(listing->size(), 2u);
  EXPECT_EQ((*listing)[0].text, ".byte 0x06");
  EXPECT_EQ((*listing)[1].text, "ret");
}

TEST(Disassemble, NoBytesAreACrash) {
  std::mt19937_64 random(1);
  for (const char* processor : {"gfx90a", "gfx942", "gfx950", "gfx1030", "gfx1100", "gfx1201"})
    for (int n = 0; n < 300; ++n) {
      std::vector<uint8_t> code(16);
      for (uint8_t& byte : code) byte = random() % 4 == 0 ? 0xff : static_cast<uint8_t>(random());
      const auto listing = disassemble_amdgpu(processor, "", code, 0);
      if (!listing && listing.error().kind == ErrorKind::unsupported) GTEST_SKIP() << listing.error().message;
      EXPECT_TRUE(listing.ok());
    }
  // A literal where a buffer instruction has none.
  const auto buffer = disassemble_amdgpu("gfx942", "", std::vector<uint8_t>{0xfa, 0x0a, 0x50, 0xe0, 5, 1, 0, 0xff}, 0);
  ASSERT_TRUE(buffer.ok());
  EXPECT_TRUE(buffer->empty());
}

TEST(Disassemble, NothingIsNothing) {
  auto listing = disassemble_x86({});
  if (!listing && listing.error().kind == ErrorKind::unsupported) GTEST_SKIP() << listing.error().message;
  ASSERT_TRUE(listing.ok()) << listing.error().message;
  EXPECT_TRUE(listing->empty());
}

}  // namespace
}  // namespace tilejit

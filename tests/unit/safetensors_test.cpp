#include "runtime/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/checkpoint_files.h"

namespace tilejit::test {
namespace {

TEST(Safetensors, GivesViewsOfEveryTensor) {
  const TemporaryFolder folder;
  const auto file = safetensors_file(
      {{"a", integers("I32", {1, 2, 3})}, {"b", filled("BF16", {2, 2})}, {"empty", filled("F32", {0, 4})}});
  const auto set = read_safetensors(folder.write("x.safetensors", file));
  ASSERT_TRUE(set.ok()) << set.error().message;
  ASSERT_EQ(set->tensors.size(), 3u);
  const StoredTensor* a = set->find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->dtype->type, Type::i32);
  EXPECT_EQ(a->shape, std::vector<int64_t>{3});
  int32_t last = 0;
  std::memcpy(&last, a->data.data() + 8, sizeof last);
  EXPECT_EQ(last, 3);
  EXPECT_EQ(set->find("empty")->data.size(), 0u);
  EXPECT_EQ(set->find("none"), nullptr);
}

TEST(Safetensors, AcceptsMetadataAndTrailingSpaces) {
  const TemporaryFolder folder;
  const auto file = safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}     )", "xy");
  const auto set = read_safetensors(folder.write("x.safetensors", file));
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(set->tensors.size(), 1u);
}

struct Malformed {
  const char* name;
  std::string bytes;
  const char* message;  // a part of it
};

/// One tensor "w" with these values of its three keys, before eight bytes of data.
std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return safetensors_bytes(fmt::format(R"({{"w":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets),
                           "12345678");
}

std::string two(std::string_view first, std::string_view second) {
  return safetensors_bytes(
      fmt::format(
          R"({{"v":{{"dtype":"I8","shape":[4],"data_offsets":{}}},"w":{{"dtype":"I8","shape":[4],"data_offsets":{}}}}})",
          first, second),
      "12345678");
}

std::vector<Malformed> malformed_files() {
  const std::string good = one("\"I32\"", "[2]", "[0,8]");
  return {
      {"empty file", "", "0 bytes"},
      {"truncated length", good.substr(0, 5), "5 bytes"},
      {"truncated header", good.substr(0, 30), "the header has"},
      {"truncated data", good.substr(0, good.size() - 1), "'w': data_offsets [0,8] lie outside of the 7 bytes"},
      {"absurd header length", std::string(8, '\xff') + good, "the header has 18446744073709551615 bytes"},
      {"header over 100 MB", std::string("\x00\xe2\xf5\x05\x00\x00\x00\x00", 8), "the header has 100000256 bytes"},
      {"not JSON", safetensors_bytes("{\"w\":", ""), "header: not the expected JSON"},
      {"an array", safetensors_bytes("[]", ""), "is not an object"},
      {"too deep", safetensors_bytes("{\"w\":{\"shape\":[[[[1]]]]}}", ""), "nested deeper"},
      {"duplicate tensor", safetensors_bytes(R"({"w":{},"w":{}})", ""), "'w' occurs twice"},
      {"duplicate key", safetensors_bytes(R"({"w":{"dtype":"I8","dtype":"I8"}})", ""), "'dtype' occurs twice"},
      {"entry is no object", safetensors_bytes(R"({"w":3})", ""), "'w': its entry is not an object"},
      {"unknown dtype", one("\"Q4\"", "[2]", "[0,8]"), "'w': dtype 'Q4' is unknown"},
      {"dtype is no string", one("4", "[2]", "[0,8]"), "'w': dtype is missing"},
      {"negative size", one("\"I32\"", "[-2]", "[0,8]"), "'w': shape [-2]"},
      {"size is a float", one("\"I32\"", "[2.0]", "[0,8]"), "'w': shape [2.0]"},
      {"shape overflows", one("\"I32\"", "[4294967296,4294967296]", "[0,8]"),
       "'w': shape [4294967296,4294967296] overflows"},
      {"size over 64 bits", one("\"I32\"", "[18446744073709551615]", "[0,8]"), "'w': shape [18446744073709551615]"},
      {"shape is no array", one("\"I32\"", "2", "[0,8]"), "'w': shape is missing"},
      {"half a byte", one("\"F4\"", "[3]", "[0,8]"), "'w': shape [3] of F4"},
      {"wrong byte count", one("\"I32\"", "[3]", "[0,8]"), "'w': data_offsets [0,8] hold 8 bytes; I32 [3] needs 12"},
      {"offsets outside", one("\"I32\"", "[2]", "[4,12]"), "'w': data_offsets [4,12] lie outside"},
      {"offsets reversed", one("\"I32\"", "[2]", "[8,0]"), "'w': data_offsets [8,0]"},
      {"one offset", one("\"I32\"", "[2]", "[0]"), "'w': data_offsets is missing or not a pair"},
      {"overlap", two("[0,4]", "[2,6]"),
       "'w': begins at byte 2 of the data; the tensors before it end at 4: tensors must not overlap"},
      {"hole", two("[0,4]", "[5,9]"), "'w': data_offsets [5,9] lie outside"},
      {"hole at the begin", one("\"I16\"", "[2]", "[4,8]"), "'w': begins at byte 4"},
      {"bytes after the last", one("\"I16\"", "[2]", "[0,4]"), "4 bytes follow the last tensor"},
      {"extra key", safetensors_bytes(R"({"w":{"dtype":"I8","shape":[1],"data_offsets":[0,1],"x":1}})", "1"),
       "'w': has keys besides"},
      {"control character", safetensors_bytes(R"({"w\n":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})", "1"),
       "control character"},
  };
}

TEST(Safetensors, RefusesMalformedFilesWithTheTensorsName) {
  const TemporaryFolder folder;
  for (const Malformed& file : malformed_files()) {
    SCOPED_TRACE(file.name);
    const auto set = read_safetensors(folder.write("x.safetensors", file.bytes));
    ASSERT_FALSE(set.ok());
    EXPECT_EQ(set.error().kind, ErrorKind::invalid);
    EXPECT_NE(set.error().message.find(file.message), std::string::npos) << set.error().message;
    EXPECT_NE(set.error().message.find("x.safetensors"), std::string::npos) << set.error().message;
  }
}

TEST(Safetensors, NamesAMissingFile) {
  const auto set = read_safetensors("/nowhere/x.safetensors");
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().message, "/nowhere/x.safetensors: No such file or directory");
}

/// The shards of a directory: what the index says.
std::string index_of(std::string_view map) { return fmt::format(R"({{"metadata":{{}},"weight_map":{{{}}}}})", map); }

TEST(SafetensorsFolder, FollowsTheIndex) {
  const TemporaryFolder folder;
  folder.write("1.safetensors", safetensors_file({{"a", filled("I8", {2})}, {"unlisted", filled("I8", {2})}}));
  folder.write("2.safetensors", safetensors_file({{"b", filled("I8", {3})}}));
  folder.write("model.safetensors.index.json", index_of(R"("a":"1.safetensors","b":"2.safetensors")"));
  const auto set = read_safetensors_folder(folder.path());
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(set->tensors.size(), 2u);
  EXPECT_EQ(set->find("b")->data.size(), 3u);
}

TEST(SafetensorsFolder, RefusesABadIndex) {
  const TemporaryFolder folder;
  folder.write("1.safetensors", safetensors_file({{"a", filled("I8", {2})}}));
  const std::pair<std::string, const char*> cases[] = {
      {index_of(R"("b":"1.safetensors")"), "tensor 'b' is not in 1.safetensors"},
      {index_of(R"("a":"../1.safetensors")"), "tensor 'a'"},
      {index_of(R"("a":"/etc/passwd")"), "tensor 'a'"},
      {index_of(R"("a":7)"), "tensor 'a': 7 is not the name"},
      {index_of(R"("a":"9.safetensors")"), "9.safetensors: No such file"},
      {"{}", "weight_map is missing"},
      {"{", "not the expected JSON"},
  };
  for (const auto& [index, message] : cases) {
    folder.write("model.safetensors.index.json", index);
    const auto set = read_safetensors_folder(folder.path());
    ASSERT_FALSE(set.ok()) << index;
    EXPECT_NE(set.error().message.find(message), std::string::npos) << set.error().message;
  }
}

TEST(SafetensorsFolder, WithoutIndexReadsAllFilesAndRefusesDuplicates) {
  const TemporaryFolder folder;
  EXPECT_FALSE(read_safetensors_folder(folder.path()).ok());
  folder.write("x.safetensors", safetensors_file({{"a", filled("I8", {2})}}));
  folder.write("y.safetensors", safetensors_file({{"b", filled("I8", {2})}}));
  const auto set = read_safetensors_folder(folder.path());
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(set->tensors.size(), 2u);
  folder.write("z.safetensors", safetensors_file({{"a", filled("I8", {2})}}));
  const auto twice = read_safetensors_folder(folder.path());
  ASSERT_FALSE(twice.ok());
  EXPECT_NE(twice.error().message.find("tensor 'a' is also in"), std::string::npos) << twice.error().message;
}

}  // namespace
}  // namespace tilejit::test

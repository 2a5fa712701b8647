#include "runtime/gguf.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "tests/support/checkpoint_files.h"

namespace tilejit::test {
namespace {

const std::vector<GgufTensorSpec> specs = {{.name = "a.weight", .dimensions = {32, 2}, .type = 2, .bytes = 36},
                                           {.name = "b.weight", .dimensions = {5}, .type = 0, .bytes = 20}};

template <typename T>
void put(std::string& bytes, size_t at, T value) {
  ASSERT_LE(at + sizeof value, bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// The byte after the first occurrence of a name: where the rest of its entry begins.
size_t after(const std::string& bytes, std::string_view name) { return bytes.find(name) + name.size(); }

TEST(Gguf, ReadsTypesDimensionsAndBytes) {
  const TemporaryFolder folder;
  const auto file = read_gguf(folder.write("x.gguf", gguf_file(specs)));
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->tensors.size(), 2u);
  const GgufTensor* a = file->find("a.weight");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->type->name, "q4_0");
  EXPECT_EQ(a->dimensions, (std::vector<int64_t>{32, 2}));
  EXPECT_EQ(a->data.size(), 36u);
  EXPECT_EQ(file->find("b.weight")->data.size(), 20u);
}

struct Malformed {
  const char* name;
  std::function<void(std::string&)> change;
  const char* message;
};

std::vector<Malformed> malformed_files() {
  // An entry after its name: dimension count (4 bytes), dimensions (8 each), type (4), offset (8).
  return {
      {"empty", [](std::string& f) { f.clear(); }, "has 0 bytes left"},
      {"magic", [](std::string& f) { f[0] = 'g'; }, "does not begin with GGUF"},
      {"version 1", [](std::string& f) { put(f, 4, 1u); }, "version 1"},
      {"big endian", [](std::string& f) { put(f, 4, 0x03000000u); }, "version 50331648"},
      {"tensor count", [](std::string& f) { put(f, 8, uint64_t{1} << 60); }, "do not fit"},
      {"metadata count", [](std::string& f) { put(f, 16, UINT64_MAX); }, "do not fit"},
      {"key length", [](std::string& f) { put(f, 24, uint64_t{1} << 62); }, "the file has"},
      {"metadata type", [](std::string& f) { put(f, after(f, "bert.epsilon"), 99u); },
       "the metadata type 99 is unknown"},
      {"array length", [](std::string& f) { put(f, after(f, "tokenizer.tokens") + 8, UINT64_MAX); }, "an array of"},
      {"alignment", [](std::string& f) { put(f, after(f, "general.alignment") + 4, 12u); }, "general.alignment=12"},
      {"no dimensions", [](std::string& f) { put(f, after(f, "a.weight"), 0u); }, "'a.weight': has 0 dimensions"},
      {"five dimensions", [](std::string& f) { put(f, after(f, "a.weight"), 5u); }, "'a.weight': has 5 dimensions"},
      {"zero size", [](std::string& f) { put(f, after(f, "a.weight") + 4, uint64_t{0}); },
       "'a.weight': dimension 0 is 0"},
      {"absurd size", [](std::string& f) { put(f, after(f, "a.weight") + 12, UINT64_MAX); }, "'a.weight': dimension 1"},
      {"too large", [](std::string& f) { put(f, after(f, "a.weight") + 12, uint64_t{1} << 40); },
       "'a.weight': 19791209299968 bytes"},
      {"broken block", [](std::string& f) { put(f, after(f, "a.weight") + 4, uint64_t{33}); },
       "'a.weight': k=33 is not a multiple"},
      {"unaligned", [](std::string& f) { put(f, after(f, "b.weight") + 16, uint64_t{8}); }, "'b.weight': offset 8"},
      {"outside", [](std::string& f) { put(f, after(f, "b.weight") + 16, uint64_t{6400}); },
       "'b.weight': 20 bytes at offset 6400"},
      {"overlap", [](std::string& f) { put(f, after(f, "b.weight") + 16, uint64_t{0}); }, "inside of tensor"},
      {"same name", [](std::string& f) { f[f.find("b.weight")] = 'a'; }, "'a.weight': occurs twice"},
      {"binary name", [](std::string& f) { f[f.find("b.weight")] = '\n'; }, "not printable ASCII"},
      {"truncated", [](std::string& f) { f.resize(f.size() - 50); }, "'b.weight'"},
      {"header only", [](std::string& f) { f.resize(after(f, "b.weight")); }, "has 0 bytes left"},
  };
}

TEST(Gguf, RefusesMalformedFiles) {
  const TemporaryFolder folder;
  for (const Malformed& malformed : malformed_files()) {
    SCOPED_TRACE(malformed.name);
    std::string bytes = gguf_file(specs);
    malformed.change(bytes);
    const auto file = read_gguf(folder.write("x.gguf", bytes));
    ASSERT_FALSE(file.ok());
    EXPECT_EQ(file.error().kind, ErrorKind::invalid);
    EXPECT_NE(file.error().message.find(malformed.message), std::string::npos) << file.error().message;
  }
}

TEST(Gguf, KeepsTensorsOfUnknownType) {
  const TemporaryFolder folder;
  const auto file = read_gguf(
      folder.write("x.gguf", gguf_file({{.name = "a.weight", .dimensions = {7, 2}, .type = 4711, .bytes = 20}})));
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->tensors[0].type, nullptr);
  EXPECT_TRUE(file->tensors[0].data.empty());
}

}  // namespace
}  // namespace tilejit::test

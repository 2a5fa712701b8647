// Every layer of every checkpoint in tests/data/minilm against what the quantizer's own library unpacked (expected.json):
// integers, zero points, scales, offsets, groups and bias, bit for bit.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tilejit/checkpoint.h>
#include <tilejit/linear.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/xxh64.h"

namespace tilejit::test {
namespace {

using Json = nlohmann::json;
const std::string folder = TILEJIT_SOURCE_DIR "/tests/data/minilm/";

template <typename T>
std::string hash_of(const std::vector<T>& values) {
  return fmt::format("{:016x}", xxh64(std::as_bytes(std::span(values))));
}

float widen(uint32_t bits, Type type) {
  if (type == Type::f32) return std::bit_cast<float>(bits);
  return type == Type::bf16 ? bf16_to_f32(static_cast<uint16_t>(bits)) : f16_to_f32(static_cast<uint16_t>(bits));
}

/// u[n, k] in stored k order, read in tiles of odd sizes.
std::vector<uint8_t> read_integers(const Weights& w) {
  constexpr int64_t tile_k = 56, tile_n = 144;
  std::vector<uint8_t> u(static_cast<size_t>(w.n * w.k)), tile(tile_k * tile_n);
  for (int64_t k0 = 0; k0 < w.k; k0 += tile_k)
    for (int64_t n0 = 0; n0 < w.n; n0 += tile_n) {
      const int64_t k_count = std::min(tile_k, w.k - k0), n_count = std::min(tile_n, w.n - n0);
      read_tile(w, k0, k_count, n0, n_count, tile.data(), tile_n);
      for (int64_t kk = 0; kk < k_count; ++kk)
        for (int64_t nn = 0; nn < n_count; ++nn) {
          const int64_t k = w.perm.empty() ? k0 + kk : w.perm[static_cast<size_t>(k0 + kk)];
          u[static_cast<size_t>((n0 + nn) * w.k + k)] = tile[static_cast<size_t>(kk * tile_n + nn)];
        }
    }
  return u;
}

template <typename T, typename Read>
std::vector<T> per_group(const Weights& w, Read read) {
  std::vector<T> values;
  for (int64_t group = 0; group < w.groups(); ++group)
    for (int64_t n = 0; n < w.n; ++n) values.push_back(read(group, n));
  return values;
}

std::vector<float> read_bias(const Weights& w) {
  std::vector<float> values;
  const size_t size = static_cast<size_t>(bits_of(w.bias_type)) / 8;
  for (size_t at = 0; at < w.bias.size(); at += size) {
    uint32_t bits = 0;
    std::memcpy(&bits, w.bias.data() + at, size);
    values.push_back(widen(bits, w.bias_type));
  }
  return values;
}

template <typename T>
void expect_array(const Json& expected, const std::vector<T>& values, const char* what) {
  if (expected.is_null()) {
    EXPECT_TRUE(values.empty()) << what;
    return;
  }
  EXPECT_EQ(expected.at("xxh64").get<std::string>(), hash_of(values))
      << what << ", first expected: " << expected.at("first").dump();
}

void expect_layer(const Json& expected, const Layer& layer) {
  SCOPED_TRACE(layer.name);
  if (expected.contains("not_unpacked")) {
    EXPECT_FALSE(layer.unsupported.empty());
    return;
  }
  ASSERT_EQ(layer.unsupported, "");
  const Weights& w = layer.weights;
  const Result<void> valid = validate(w);
  ASSERT_TRUE(valid.ok()) << valid.error().message;
  EXPECT_EQ(expected.at("scheme"), layer.scheme);
  EXPECT_EQ(expected.at("n"), w.n);
  EXPECT_EQ(expected.at("k"), w.k);
  EXPECT_EQ(expected.at("bits"), w.bits);
  ASSERT_EQ(expected.at("groups"), w.groups());
  const auto float_at = [&](auto read) {
    return per_group<float>(w, [&](int64_t group, int64_t n) { return widen(read(w, group, n), w.scale_type()); });
  };
  expect_array(expected.at("u"), read_integers(w), "u");
  expect_array(expected.at("z"),
               per_group<int32_t>(w, [&](int64_t group, int64_t n) { return read_zero(w, group, n); }), "z");
  expect_array(expected.at("s"), float_at(read_scale), "s");
  expect_array(expected.at("c"), w.has_offsets() ? float_at(read_offset) : std::vector<float>{}, "c");
  expect_array(expected.at("group_of_k"), layer.group_of_k, "group_of_k");
  expect_array(expected.at("bias"), read_bias(w), "bias");
  for (size_t i = 0; i < w.perm.size(); ++i)
    ASSERT_EQ(layer.group_of_k[static_cast<size_t>(w.perm[i])], static_cast<int64_t>(i) / w.group)
        << "perm[" << i << "]";
}

class ImportExact : public testing::TestWithParam<std::string> {};

TEST_P(ImportExact, EveryArrayIsTheLibrarys) {
  const Json expected =
      Json::parse(std::ifstream(folder + "expected.json")).at("checkpoints").at(GetParam()).at("layers");
  const Result<Checkpoint> checkpoint = Checkpoint::open(folder + GetParam());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->layers.size(), expected.size());
  for (const Layer& layer : checkpoint->layers) {
    ASSERT_TRUE(expected.contains(layer.name)) << layer.name;
    expect_layer(expected.at(layer.name), layer);
  }
}

TEST_P(ImportExact, EveryLayerThatIsReadIsALinear) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(folder + GetParam());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  for (const Layer& layer : checkpoint->layers) {
    if (!layer.unsupported.empty()) continue;
    SCOPED_TRACE(layer.name);
    const std::string line = describe(layer.weights, Type::bf16);
    EXPECT_EQ(line.substr(0, line.find(' ')), layer.scheme);
    LinearOptions options;
    options.target = "ref";
    const auto linear = Linear::create(line, layer.weights, options);
    EXPECT_TRUE(linear.ok()) << linear.error().message;
  }
}

std::vector<std::string> checkpoints() {
  std::vector<std::string> names;
  // Without the file the list is empty, which GoogleTest reports; an exception here would end the test program at its start.
  const Json expected = Json::parse(std::ifstream(folder + "expected.json"), nullptr, false);
  if (expected.is_object())
    for (const auto& [name, layers] : expected.at("checkpoints").items()) names.push_back(name);
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(MiniLm, ImportExact, testing::ValuesIn(checkpoints()), test_name);

}  // namespace
}  // namespace tilejit::test

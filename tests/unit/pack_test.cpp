#include "runtime/pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <span>

#include "jit/build_linear.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_problem.h"
#include "tests/unit/allocations.h"

namespace tilejit {
namespace {

using test::Rng;

const TargetFacts any_target{.name = "any", .has_dot_bf16 = true, .any_tile = true, .identity = ""};

template <typename T>
T at(const PackedWeights& packed, Operand operand, int64_t index) {
  T value;
  std::memcpy(&value, packed.operands[static_cast<size_t>(operand)] + index * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

uint32_t float_bits(const PackedWeights& packed, Operand operand, Type type, int64_t index) {
  return type == Type::f32 ? at<uint32_t>(packed, operand, index) : at<uint16_t>(packed, operand, index);
}

/// Where weight k of a channel lies, from the description in build_linear.h.
uint32_t packed_weight(const PackedWeights& packed, const PackedShape& shape, int kk, int bits, int64_t n, int64_t k) {
  const int64_t group = k / shape.group;
  const int64_t in_group = k - group * shape.group;
  const int64_t block = group * shape.group_blocks + in_group / kk;
  const uint32_t word =
      at<uint32_t>(packed, Operand::w, (n / shape.panel * shape.blocks + block) * shape.panel + n % shape.panel);
  const int64_t in_block = in_group % kk;
  const int steps = kk / shape.pair;
  for (int e = 0; e < kk; ++e) {
    if (e % steps * shape.pair + e / steps == in_block) return word >> (bits * e) & ((1u << bits) - 1);
  }
  ADD_FAILURE() << "no element holds k=" << k;
  return 0;
}

void expect_packed(const Problem& p, const Weights& w, const Layout& layout, const PackedWeights& packed) {
  const PackedShape shape = packed_shape(p, layout);
  uint64_t sum_of_words = 0;
  uint64_t sum_of_weights = 0;
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t k = 0; k < p.k; ++k) {
      uint8_t u = 0;
      read_tile(w, k, 1, n, 1, &u, 1);
      ASSERT_EQ(packed_weight(packed, shape, layout.kk, p.weight_bits(), n, k), u) << "n=" << n << " k=" << k;
      sum_of_weights += u;
    }
    for (int64_t g = 0; g < shape.groups; ++g) {
      const int64_t index = (n / shape.panel * shape.groups + g) * shape.panel + n % shape.panel;
      ASSERT_EQ(float_bits(packed, Operand::s, p.s, index), read_scale(w, g, n));
      if (p.zp == ZeroDomain::integer) { ASSERT_EQ(at<uint8_t>(packed, Operand::z, index), read_zero(w, g, n)); }
      if (p.zp == ZeroDomain::floating) { ASSERT_EQ(float_bits(packed, Operand::c, p.s, index), read_offset(w, g, n)); }
    }
  }
  // What is left of the words, the padding, is zero.
  for (int64_t i = 0; i < shape.panels * shape.blocks * shape.panel; ++i) {
    const auto word = at<uint32_t>(packed, Operand::w, i);
    for (int bit = 0; bit < 32; bit += p.weight_bits()) sum_of_words += word >> bit & ((1u << p.weight_bits()) - 1);
  }
  EXPECT_EQ(sum_of_words, sum_of_weights);
  for (int64_t n = p.n; n < shape.panels * shape.panel; ++n) {
    for (int64_t g = 0; g < shape.groups; ++g) {
      const int64_t index = (n / shape.panel * shape.groups + g) * shape.panel + n % shape.panel;
      ASSERT_EQ(float_bits(packed, Operand::s, p.s, index), 0u);
    }
  }
}

TEST(Pack, EveryWeightIsWhereTheKernelsReadIt) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(300));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    Rng rng(seed);
    const Problem p = test::random_problem(any_target, rng);
    const Layout layout = test::random_schedule(p, any_target, rng).layout;
    const test::OwnedWeights w = test::random_weights(p, rng);
    ASSERT_TRUE(check_match(p, w.view).ok()) << check_match(p, w.view).error().message;
    const auto packed =
        pack(w.view, p, layout, {.max_threads = static_cast<int>(rng.between(1, 2)), .parallel_for = {}});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    expect_packed(p, w.view, layout, *packed);
    if (p.perm) {
      EXPECT_EQ(std::memcmp(packed->operands[static_cast<size_t>(Operand::perm)], w.perm.data(), w.perm.size() * 4), 0);
    }
    if (p.has(Epilogue::bias)) {
      EXPECT_EQ(
          std::memcmp(packed->operands[static_cast<size_t>(Operand::bias)], w.view.bias.data(), w.view.bias.size()), 0);
    }
    for (const std::byte* operand : packed->operands) EXPECT_EQ(reinterpret_cast<uintptr_t>(operand) % 64, 0u);
    if (HasFailure()) break;
  }
}

TEST(Pack, EightBitWeights) {
  Rng rng(1);
  auto p = parse_problem("w8a16 n=37 k=45 a=f32 g=10 s=f16 dot=fma ks=1");
  ASSERT_TRUE(p.ok());
  const test::OwnedWeights w = test::random_weights(*p, rng);
  const Layout layout{.panel = 24, .kk = 4, .streams = 2};
  const auto packed = pack(w.view, *p, layout, {});
  ASSERT_TRUE(packed.ok());
  expect_packed(*p, w.view, layout, *packed);
}

TEST(Pack, CountsTheBytesOfItsOperands) {
  Rng rng(1);
  const auto p = parse_problem("w4a16 n=64 k=128 a=f32 g=32 s=f16 dot=fma ks=1 zp=int epilogue=bias");
  ASSERT_TRUE(p.ok());
  const auto packed = pack(test::random_weights(*p, rng).view, *p, {.panel = 64, .kk = 8, .streams = 1}, {});
  ASSERT_TRUE(packed.ok());
  EXPECT_EQ(packed->bytes, 64 * 128 / 2 + 64 * 4 * 2 + 64 * 4 + 64 * 4);
}

TEST(Pack, OnlyBlocksNeedABufferOfScales) {
  Rng rng(1);
  const auto p = parse_problem("w4a16 n=64 k=128 a=f32 g=32 zp=int s=f16 dot=fma ks=1");
  ASSERT_TRUE(p.ok());
  const test::OwnedWeights w = test::random_weights(*p, rng);
  ASSERT_NE(w.view.scales.data, nullptr);
  const int64_t before = test::allocations();
  ASSERT_TRUE(pack(w.view, *p, {.panel = 64, .kk = 8, .streams = 1}, {.max_threads = 1, .parallel_for = {}}).ok());
  EXPECT_LE(test::allocations() - before, 1);  // the tile
}

TEST(Pack, AMismatchNamesBothSides) {
  const auto problem = [](std::string_view line) { return *parse_problem(line); };
  const Problem base = problem("w4a16 n=64 k=128 a=f32 g=32 s=f16 zp=int epilogue=bias");
  Rng rng(1);
  const test::OwnedWeights w = test::random_weights(base, rng);
  EXPECT_TRUE(check_match(base, w.view).ok());
  struct Row {
    const char* line;
    const char* message;
  };
  for (const Row& row :
       {Row{"w4a16 n=65 k=128 a=f32 g=32 s=f16 zp=int epilogue=bias", "n=65 but the weights have 64"},
        Row{"w4a16 n=64 k=64 a=f32 g=32 s=f16 zp=int epilogue=bias", "k=64 but the weights have 128"},
        Row{"w8a16 n=64 k=128 a=f32 g=32 s=f16 zp=int epilogue=bias", "bits=8 but the weights have 4"},
        Row{"w4a16 n=64 k=128 a=f32 g=64 s=f16 zp=int epilogue=bias", "g=64 but the weights have 32"},
        Row{"w4a16 n=64 k=128 a=f32 g=32 s=bf16 zp=int epilogue=bias", "s=bf16 but the weights have f16"},
        Row{"w4a16 n=64 k=128 a=f32 g=32 s=f16 epilogue=bias", "zp=none but the weights have int"},
        Row{"w4a16 n=64 k=128 a=f32 g=32 s=f16 zp=int", "bias=false but the weights have true"},
        Row{"w4a16 n=64 k=128 a=f32 g=32 s=f16 zp=int epilogue=bias.f16", "bias type=f16 but the weights have f32"},
        Row{"w4a16 n=64 k=128 a=f32 g=32 s=f16 zp=int perm=1 epilogue=bias", "perm=true but the weights have false"}}) {
    const auto result = check_match(problem(row.line), w.view);
    ASSERT_FALSE(result.ok()) << row.line;
    EXPECT_EQ(result.error().kind, ErrorKind::invalid);
    EXPECT_NE(result.error().message.find(row.message), std::string::npos) << result.error().message;
  }
}

TEST(Mapping, LargeOnesAreAlignedToHugePagesAndZero) {
  const auto mapping = Mapping::create((int64_t{5} << 20) + 1);
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(mapping->data()) % (size_t{2} << 20), 0u);
  EXPECT_EQ(mapping->data()[int64_t{5} << 20], std::byte{0});
  const auto impossible = Mapping::create(int64_t{1} << 60);
  ASSERT_FALSE(impossible.ok());
  EXPECT_EQ(impossible.error().kind, ErrorKind::resource);
}

}  // namespace
}  // namespace tilejit

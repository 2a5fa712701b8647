#include "runtime/pack.h"

#include <gtest/gtest.h>

#include <cstring>
#include <span>

#include "jit/build_linear.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_problem.h"
#include "tests/support/random_weights.h"
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

/// Where a channel lies: with swiglu the panels of the two halves take turns.
struct Place {
  int64_t panel;
  int64_t column;
};

Place place_of(const Problem& p, const Layout& layout, int64_t n) {
  if (!p.has(Epilogue::swiglu)) return {n / layout.panel, n % layout.panel};
  const int64_t in_half = n % (p.n / 2);
  return {in_half / layout.panel * 2 + n / (p.n / 2), in_half % layout.panel};
}

/// Where weight k of a channel lies among the words of all panels, from the description in build_linear.h: the index of its
/// word, and its place in the word.
struct WordPlace {
  int64_t word;
  int element;
};

WordPlace word_place(const Problem& p, const Layout& layout, int64_t n, int64_t k) {
  const int64_t length = p.group == -1 ? p.k : p.group;
  const auto words_of = [&](int64_t weights) { return (weights + layout.kk - 1) / layout.kk; };
  const int64_t groups = (p.k + length - 1) / length;
  const int64_t blocks = (groups - 1) * words_of(length) + words_of(p.k - (groups - 1) * length);
  const int64_t in_group = k % length;
  const int64_t block = k / length * words_of(length) + in_group / layout.kk;
  const Place place = place_of(p, layout, n);
  const int most = p.dot == Dot::i8 || p.dot == Dot::i8x2 ? 4 : 2;
  const int pair = layout.kk < most ? layout.kk : most;
  const int steps = layout.kk / pair;
  WordPlace found{(place.panel * blocks + block) * layout.panel + place.column, -1};
  for (int e = 0; e < layout.kk; ++e)
    if (e % steps * pair + e / steps == in_group % layout.kk) found.element = e;
  return found;
}

uint32_t packed_weight(const PackedWeights& packed, const Problem& p, const Layout& layout, int64_t n, int64_t k) {
  const WordPlace place = word_place(p, layout, n, k);
  const int bits = p.weight_bits();
  return at<uint32_t>(packed, Operand::w, place.word) >> (bits * place.element) & ((1u << bits) - 1);
}

void expect_values(const Problem& p, const Weights& w, const Layout& layout, const PackedWeights& packed) {
  const PackedShape shape = packed_shape(p, layout);
  std::vector<bool> is_channel(static_cast<size_t>(shape.panels * shape.panel));
  for (int64_t n = 0; n < p.n; ++n) {
    const Place place = place_of(p, layout, n);
    is_channel[static_cast<size_t>(place.panel * shape.panel + place.column)] = true;
    for (int64_t g = 0; g < shape.groups; ++g) {
      const int64_t index = (place.panel * shape.groups + g) * shape.panel + place.column;
      ASSERT_EQ(float_bits(packed, Operand::s, p.s, index), read_scale(w, g, n));
      if (p.zp == ZeroDomain::integer) { ASSERT_EQ(at<uint8_t>(packed, Operand::z, index), read_zero(w, g, n)); }
      if (p.zp == ZeroDomain::floating) { ASSERT_EQ(float_bits(packed, Operand::c, p.s, index), read_offset(w, g, n)); }
    }
  }
  for (int64_t column = 0; column < shape.panels * shape.panel; ++column) {
    if (is_channel[static_cast<size_t>(column)]) continue;
    for (int64_t g = 0; g < shape.groups; ++g) {
      const int64_t index = (column / shape.panel * shape.groups + g) * shape.panel + column % shape.panel;
      ASSERT_EQ(float_bits(packed, Operand::s, p.s, index), 0u);
    }
  }
}

void expect_packed(const Problem& p, const Weights& w, const Layout& layout, const PackedWeights& packed) {
  const PackedShape shape = packed_shape(p, layout);
  uint64_t sum_of_words = 0;
  uint64_t sum_of_weights = 0;
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t k = 0; k < p.k; ++k) {
      uint8_t u = 0;
      read_tile(w, k, 1, n, 1, &u, 1);
      ASSERT_EQ(packed_weight(packed, p, layout, n, k), u) << "n=" << n << " k=" << k;
      sum_of_weights += u;
    }
  }
  // What is left of the words, the padding, is zero.
  for (int64_t i = 0; i < shape.panels * shape.blocks * shape.panel; ++i) {
    const auto word = at<uint32_t>(packed, Operand::w, i);
    for (int bit = 0; bit < 32; bit += p.weight_bits()) sum_of_words += word >> bit & ((1u << p.weight_bits()) - 1);
  }
  EXPECT_EQ(sum_of_words, sum_of_weights);
  expect_values(p, w, layout, packed);
}

template <typename T>
void expect_dense_words(const Problem& p, const Weights& w, const Layout& layout, const PackedWeights& packed) {
  const PackedShape shape = packed_shape(p, layout);
  uint64_t sum_of_weights = 0;
  uint64_t sum_of_packed = 0;
  for (int64_t n = 0; n < p.n; ++n) {
    for (int64_t k = 0; k < p.k; ++k) {
      T stored;
      std::memcpy(&stored, w.data.data() + static_cast<size_t>(n * p.k + k) * sizeof(T), sizeof(T));
      const WordPlace place = word_place(p, layout, n, k);
      ASSERT_EQ(at<T>(packed, Operand::w, place.word * layout.kk + place.element), stored) << "n=" << n << " k=" << k;
      sum_of_weights += stored;
    }
  }
  for (int64_t i = 0; i < shape.panels * shape.blocks * shape.panel * layout.kk; ++i)
    sum_of_packed += at<T>(packed, Operand::w, i);
  EXPECT_EQ(sum_of_packed, sum_of_weights) << "padding is not zero";
}

void expect_dense(const Problem& p, const Weights& w, const Layout& layout, const PackedWeights& packed) {
  EXPECT_EQ(packed.operands[static_cast<size_t>(Operand::s)], nullptr);
  if (p.a == Type::f32)
    expect_dense_words<uint32_t>(p, w, layout, packed);
  else
    expect_dense_words<uint16_t>(p, w, layout, packed);
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
    if (p.has_scales())
      expect_packed(p, w.view, layout, *packed);
    else
      expect_dense(p, w.view, layout, *packed);
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

struct Case {
  const char* line;
  Layout layout;
};

TEST(Pack, IntegersOfEverySchemeLieAsItsDotReadsThem) {
  Rng rng(1);
  for (const Case& c : {Case{"w8a16 n=37 k=45 a=f32 g=10 s=f16 dot=fma ks=1", {24, 4, 2}},
                        Case{"w8a16 n=37 k=45 a=f32 g=10 zp=float s=f16 dot=i8x2 ks=1", {16, 4, 1}},
                        Case{"w8a16 n=150 k=70 a=bf16 zp=int dot=bf16 ks=1 epilogue=swiglu", {32, 4, 2}},
                        Case{"w8a8 n=70 k=259 a=bf16 dot=i8 ks=1", {64, 4, 1}},
                        Case{"w8a8 n=66 k=33 a=f16 s=f16 dot=i8 ks=1 epilogue=bias+swiglu", {48, 4, 4}},
                        Case{"w4a8 n=45 k=300 a=bf16 g=100 zp=int s=bf16 dot=i8 ks=1", {32, 8, 2}},
                        Case{"w4a16 n=45 k=300 a=f32 g=36 z=3 dot=i8x2 ks=1", {16, 8, 1}},
                        Case{"w4a16 n=90 k=77 a=f32 g=16 zp=float dot=fma ks=1 epilogue=swiglu", {20, 8, 2}},
                        Case{"w4a16 n=2 k=8 a=f32 dot=fma ks=1 epilogue=swiglu+residual", {16, 8, 2}}}) {
    SCOPED_TRACE(c.line);
    const auto p = parse_problem(c.line);
    ASSERT_TRUE(p.ok()) << p.error().message;
    const test::OwnedWeights w = test::random_weights(*p, rng);
    ASSERT_TRUE(check_match(*p, w.view).ok()) << check_match(*p, w.view).error().message;
    const auto packed = pack(w.view, *p, c.layout, {.max_threads = 2, .parallel_for = {}});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    expect_packed(*p, w.view, c.layout, *packed);
  }
}

TEST(Pack, DenseWeightsKeepTheirBits) {
  Rng rng(1);
  for (const Case& c :
       {Case{"w16a16 n=37 k=45 a=bf16", {16, 2, 1}}, Case{"w16a16 n=130 k=200 a=bf16", {64, 2, 2}},
        Case{"w16a16 n=150 k=131 a=bf16 epilogue=swiglu", {32, 2, 4}}, Case{"w16a16 n=45 k=77 a=f16", {48, 1, 1}},
        Case{"w16a16 n=100 k=64 a=f16 epilogue=swiglu", {16, 1, 2}}, Case{"w16a16 n=45 k=77 a=f32", {20, 1, 2}},
        Case{"w16a16 n=70 k=96 a=f32 epilogue=swiglu", {64, 1, 2}}, Case{"w16a16 n=1 k=1 a=bf16", {16, 2, 1}},
        Case{"w16a16 n=3 k=1 a=f32", {16, 1, 1}}}) {
    SCOPED_TRACE(c.line);
    const auto p = parse_problem(c.line);
    ASSERT_TRUE(p.ok()) << p.error().message;
    const test::OwnedWeights w = test::random_weights(*p, rng);
    ASSERT_TRUE(check_match(*p, w.view).ok()) << check_match(*p, w.view).error().message;
    const auto packed = pack(w.view, *p, c.layout, {.max_threads = 2, .parallel_for = {}});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    expect_dense(*p, w.view, c.layout, *packed);
  }
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
        Row{"w16a16 n=64 k=128 a=f32 epilogue=bias", "bits=16 but the weights have 4"},
        Row{"w4a16 n=64 k=128 a=f32 g=32 s=f16 zp=int perm=1 epilogue=bias", "perm=true but the weights have false"}}) {
    const auto result = check_match(problem(row.line), w.view);
    ASSERT_FALSE(result.ok()) << row.line;
    EXPECT_EQ(result.error().kind, ErrorKind::invalid);
    EXPECT_NE(result.error().message.find(row.message), std::string::npos) << result.error().message;
  }
}

TEST(Pack, DenseWeightsHaveTheTypeOfTheActivations) {
  Rng rng(1);
  const test::OwnedWeights w = test::random_weights(*parse_problem("w16a16 n=4 k=8 a=f16"), rng);
  EXPECT_EQ(describe(w.view, Type::f16), "w16a16 m=* n=4 k=8 a=f16");
  const auto match = check_match(*parse_problem(describe(w.view, Type::bf16)), w.view);
  ASSERT_FALSE(match.ok());
  EXPECT_NE(match.error().message.find("a=bf16 but the weights have f16"), std::string::npos) << match.error().message;
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

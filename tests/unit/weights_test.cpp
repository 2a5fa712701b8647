// The readers of weights.h against one-element-at-a-time definitions of each packing, and validate's refusals.
#include <gtest/gtest.h>
#include <tilejit/linear.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>

#include "ir/quant.h"
#include "runtime/weights_layout.h"

namespace tilejit::test {
namespace {

using Random = std::mt19937_64;

struct Sample {
  Weights view;
  std::vector<std::byte> data, zeros, scales;
  std::vector<int32_t> perm;
};

uint32_t word_at(std::span<const std::byte> bytes, int64_t index) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + 4 * index, 4);
  return word;
}

/// u of stored position k, written from the comments of packing.h and ggml's dequantizers.
uint32_t naive(const Weights& w, int64_t k, int64_t n) {
  constexpr int awq_order[] = {0, 2, 4, 6, 1, 3, 5, 7};
  const int64_t per_word = 32 / w.bits;
  const uint32_t mask = (1u << w.bits) - 1;
  const auto byte = [&](int64_t at) { return std::to_integer<uint32_t>(w.data[static_cast<size_t>(at)]); };
  switch (w.packing) {
    case Packing::k_words: return word_at(w.data, k / per_word * w.n + n) >> k % per_word * w.bits & mask;
    case Packing::row_words:
      return word_at(w.data, n * ((w.k + per_word - 1) / per_word) + k / per_word) >> k % per_word * w.bits & mask;
    case Packing::row_bytes: return (byte(n * w.k + k) + (1u << (w.bits - 1))) & mask;
    case Packing::n_words_awq:
      for (int nibble = 0; nibble < 8; ++nibble)
        if (awq_order[nibble] == n % 8) return word_at(w.data, k * (w.n / 8) + n / 8) >> 4 * nibble & 15;
      return 0;
    case Packing::q4_0: return byte((n * (w.k / 32) + k / 32) * 18 + 2 + k % 16) >> (k % 32 < 16 ? 0 : 4) & 15;
    case Packing::q4_1: return byte((n * (w.k / 32) + k / 32) * 20 + 4 + k % 16) >> (k % 32 < 16 ? 0 : 4) & 15;
    case Packing::q8_0: return (byte((n * (w.k / 32) + k / 32) * 34 + 2 + k % 32) + 128) & 255;
    case Packing::q4_k:
      return byte((n * (w.k / 256) + k / 256) * 144 + 16 + k % 256 / 64 * 32 + k % 32) >> (k % 64 < 32 ? 0 : 4) & 15;
    case Packing::row_floats: break;
  }
  return 0;
}

/// Random integers of one format and size; scales of one.
Sample make_sample(const QuantFormat& format, int bits, int64_t n, int64_t k, bool has_perm, Random& random) {
  Sample s;
  Weights& w = s.view;
  w.n = n;
  w.k = k;
  w.bits = bits;
  w.packing = format.packing;
  w.group = format.group != 0 ? format.group : 8;
  w.zero = format.constant_zero(bits);
  w.name = "sample";
  s.data.resize(static_cast<size_t>(data_bytes(w)));
  for (std::byte& b : s.data)
    b = static_cast<std::byte>(bits == 4 && w.packing == Packing::row_bytes ? random() % 16 - 8 : random());
  w.data = s.data;
  if (format.scales != ScaleLayout::in_blocks) {
    s.scales.assign(static_cast<size_t>(w.groups() * n * 2), std::byte{0x3c});
    w.scales = {.data = s.scales.data(), .type = Type::f16, .group_stride = n, .channel_stride = 1};
  }
  if (has_perm) {
    s.perm.resize(static_cast<size_t>(k));
    std::iota(s.perm.begin(), s.perm.end(), 0);
    for (size_t i = s.perm.size() / 2; i > 1; --i)
      std::swap(s.perm[i - 1], s.perm[random() % i]);  // the second half stays in order
    w.perm = s.perm;
  }
  return s;
}

void expect_tiles(const Sample& s, Random& random) {
  const Weights& w = s.view;
  constexpr uint8_t untouched = 0xee;
  for (int i = 0; i < 20; ++i) {
    const auto pick = [&](int64_t size) { return static_cast<int64_t>(random() % static_cast<uint64_t>(size)); };
    const int64_t k0 = i == 0 ? 0 : pick(w.k), n0 = i == 0 ? 0 : pick(w.n);
    const int64_t k_count = i == 0 ? w.k : 1 + pick(w.k - k0), n_count = i == 0 ? w.n : 1 + pick(w.n - n0);
    const int64_t stride = n_count + pick(3);
    std::vector<uint8_t> u(static_cast<size_t>(k_count * stride), untouched);
    read_tile(w, k0, k_count, n0, n_count, u.data(), stride);
    for (int64_t kk = 0; kk < k_count; ++kk)
      for (int64_t nn = 0; nn < stride; ++nn) {
        const int64_t k = w.perm.empty() ? k0 + kk : w.perm[static_cast<size_t>(k0 + kk)];
        ASSERT_EQ(u[static_cast<size_t>(kk * stride + nn)], nn < n_count ? naive(w, k, n0 + nn) : untouched)
            << "k0=" << k0 << " kk=" << kk << " n0=" << n0 << " nn=" << nn << " of " << n_count;
      }
  }
}

TEST(Weights, ReadTileIsTheDefinitionOfEachPacking) {
  Random random(1);
  for (const QuantFormat& format : quant_formats())
    for (const int bits : {4, 8})
      for (const bool has_perm : {false, true})
        for (const auto& [n, k] : {std::pair<int64_t, int64_t>{8, 256}, {200, 512}, {72, 768}, {5, 21}, {130, 67}}) {
          if (!format.has_bits(bits)) continue;
          Weights shape;
          shape.n = n;
          shape.k = k;
          shape.bits = bits;
          shape.packing = format.packing;
          if (data_bytes(shape) < 0) continue;  // this packing has no such size
          SCOPED_TRACE(testing::Message()
                       << format.name << " bits=" << bits << " n=" << n << " k=" << k << " perm=" << has_perm);
          expect_tiles(make_sample(format, bits, n, k, has_perm, random), random);
        }
}

Weights with_zeros(ZeroPacking packing, int bits, std::span<const uint32_t> words) {
  Weights w;
  w.n = 16;
  w.k = 16;
  w.bits = bits;
  w.group = 8;
  w.packing = Packing::k_words;
  w.zero_packing = packing;
  w.zeros = std::as_bytes(words);
  return w;
}

TEST(Weights, ReadsZeroPoints) {
  const std::vector<uint32_t> words = {0x76543210, 0xfedcba98, 0x0000000f, 0xf7777777};
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words, 4, words), 0, 11), 11);
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words, 4, words), 1, 1), 0);
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words_transposed, 4, words), 1, 3), 0xb);
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words_awq, 4, words), 0, 1), 4);
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words_awq, 4, words), 0, 15), 15);
  // z - 1 = 15 is z = 16 and stays in its nibble.
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words_minus_one, 4, words), 1, 0), 16);
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words_minus_one, 4, words), 1, 1), 1);
  EXPECT_EQ(read_zero(with_zeros(ZeroPacking::n_words_minus_one, 8, words), 0, 7), 0xfe + 1);
}

TEST(Weights, ScalesOfQ4KAreProducts) {
  std::vector<std::byte> block(144);
  const uint16_t d = 0x3800, dmin = 0xb400;  // 0.5 and -0.25
  std::memcpy(block.data(), &d, 2);
  std::memcpy(block.data() + 2, &dmin, 2);
  block[4 + 1] = std::byte{0xc5};  // sub-block 1: scale 5; bits 4 and 5 of sub-block 5's scale
  block[4 + 5] = std::byte{0x83};  // sub-block 1: minimum 3; bits 4 and 5 of sub-block 5's minimum are 2
  block[4 + 9] = std::byte{0x7a};  // sub-block 5: low bits of scale 10, of minimum 7
  Weights w;
  w.n = 1;
  w.k = 256;
  w.group = 32;
  w.packing = Packing::q4_k;
  w.data = block;
  EXPECT_EQ(w.scale_type(), Type::f32);
  EXPECT_EQ(std::bit_cast<float>(read_scale(w, 1, 0)), 0.5f * 5);
  EXPECT_EQ(std::bit_cast<float>(read_offset(w, 1, 0)), 0.25f * 3);
  EXPECT_EQ(std::bit_cast<float>(read_scale(w, 5, 0)), 0.5f * (10 + 3 * 16));
  EXPECT_EQ(std::bit_cast<float>(read_offset(w, 5, 0)), 0.25f * (7 + 2 * 16));
}

TEST(Weights, ValidateNamesWhatIsWrong) {
  struct Case {
    std::function<void(Sample&)> change;
    const char* message;
  };
  const Case cases[] = {
      {[](Sample& s) { s.view.n = 0; }, "n=0 k=16"},
      {[](Sample& s) { s.view.bits = 3; }, "bits=3"},
      {[](Sample& s) { s.view.activation_bits = 4; }, "activation_bits=4"},
      {[](Sample& s) { s.view.group = 0; }, "group=0"},
      {[](Sample& s) { s.view.data = s.view.data.first(60); }, "data has 60 bytes; n=8 k=16 bits=4 group=8 need 64"},
      {[](Sample& s) { s.view.k = 15; }, "do not fill whole words"},
      {[](Sample& s) { s.view.zeros = s.view.data; }, "zeros has 64 bytes"},
      {[](Sample& s) { s.view.zero = 17; }, "zero=17"},
      {[](Sample& s) { s.view.scales.data = nullptr; }, "scales are missing"},
      {[](Sample& s) { s.view.scales.type = Type::i32; }, "scales have type i32"},
      {[](Sample& s) { s.view.bias = s.view.data.first(6); }, "bias has 6 bytes"},
      {[](Sample& s) { s.scales[2 * (8 + 3) + 1] = std::byte{0x7c}; }, "the scale of group 1, channel 3 is not finite"},
      {[](Sample& s) { s.perm.assign(16, 0), s.view.perm = s.perm; }, "perm[1]=0 occurs twice"},
      {[](Sample& s) { s.perm.assign(15, 0), s.view.perm = s.perm; }, "perm has 15 entries"},
      {[](Sample& s) { s.perm.assign(16, 99), s.view.perm = s.perm; }, "perm[0]=99"},
  };
  for (const Case& c : cases) {
    Random random(1);
    Sample s = make_sample(*find_quant_format("gptq"), 4, 8, 16, false, random);
    ASSERT_TRUE(validate(s.view).ok());
    c.change(s);
    const auto valid = validate(s.view);
    ASSERT_FALSE(valid.ok()) << c.message;
    EXPECT_EQ(valid.error().kind, ErrorKind::invalid);
    EXPECT_NE(valid.error().message.find(c.message), std::string::npos) << valid.error().message;
    EXPECT_NE(valid.error().message.find("layer 'sample'"), std::string::npos) << valid.error().message;
  }
}

TEST(Weights, ValidateReadsBlocksBytesAndBias) {
  Random random(1);
  Sample blocks = make_sample(*find_quant_format("gguf q4_1"), 4, 2, 64, false, random);
  for (size_t at = 0; at < blocks.data.size(); at += 20)
    std::fill_n(blocks.data.begin() + static_cast<int64_t>(at), 4, std::byte{0x3c});
  ASSERT_TRUE(validate(blocks.view).ok());
  blocks.data[3 * 20 + 3] = std::byte{0x7e};
  EXPECT_EQ(validate(blocks.view).error().message, "layer 'sample': the offset of group 1, channel 1 is not finite");

  Sample bytes = make_sample(*find_quant_format("ct-int"), 4, 3, 5, false, random);
  ASSERT_TRUE(validate(bytes.view).ok());
  bytes.data[7] = std::byte{0xf7};
  EXPECT_EQ(validate(bytes.view).error().message,
            "layer 'sample': the weight of channel 1, k 2 is -9; 4-bit weights are from -8 to 7");

  std::vector<uint16_t> bias = {0, 0x7f80, 0};
  bytes.data[7] = std::byte{0};
  bytes.view.bias = std::as_bytes(std::span(bias));
  bytes.view.bias_type = Type::bf16;
  EXPECT_EQ(validate(bytes.view).error().message, "layer 'sample': the bias of channel 1 is not finite");
}

TEST(Weights, ValidateReadsZeroPointsOf8Bits) {
  Random random(1);
  Sample s = make_sample(*find_quant_format("gptq"), 8, 8, 16, false, random);
  std::vector<std::byte> zeros(16, std::byte{254});
  s.view.zeros = zeros;
  s.view.zero_packing = ZeroPacking::n_words_minus_one;
  ASSERT_TRUE(validate(s.view).ok()) << validate(s.view).error().message;
  zeros[8 + 5] = std::byte{255};
  EXPECT_EQ(validate(s.view).error().message,
            "layer 'sample': the zero point of group 1, channel 5 is 256; those of 8-bit weights are at most 255");
  s.view.zero_packing = ZeroPacking::n_words;
  EXPECT_TRUE(validate(s.view).ok());
}

TEST(Weights, ValidateReadsDenseWeights) {
  std::vector<uint16_t> values(3 * 2000, 0x3f80);
  const auto dense = [&] {
    Weights w;
    w.n = 3;
    w.k = 2000;
    w.bits = 16;
    w.packing = Packing::row_floats;
    w.data = std::as_bytes(std::span(values));
    return w;
  };
  ASSERT_TRUE(validate(dense()).ok()) << validate(dense()).error().message;
  struct Change {
    std::function<void(Weights&)> change;
    const char* message;
  };
  const std::vector<int32_t> perm(2000);
  for (const Change& c : {Change{[](Weights& w) { w.bits = 8; }, "bits=8 does not fit the packing of dense; it has 16"},
                          Change{[](Weights& w) { w.data_type = Type::f32; }, "data has 12000 bytes"},
                          Change{[](Weights& w) { w.data_type = Type::i16; }, "dense weights have type i16"},
                          Change{[](Weights& w) { w.scales.data = w.data.data(); }, "dense weights have no scales"},
                          Change{[](Weights& w) { w.group = 32; }, "group=32"},
                          Change{[](Weights& w) { w.activation_bits = 8; }, "activation_bits=8"},
                          Change{[&](Weights& w) { w.perm = perm; }, "dense weights have no perm"}}) {
    Weights w = dense();
    c.change(w);
    const auto valid = validate(w);
    ASSERT_FALSE(valid.ok()) << c.message;
    EXPECT_NE(valid.error().message.find(c.message), std::string::npos) << valid.error().message;
  }
  // In the runs that are checked as a whole, and behind the last of them.
  for (const size_t at : {size_t{0}, size_t{2047}, size_t{2048}, size_t{5999}}) {
    for (const uint16_t bits : std::initializer_list<uint16_t>{0x7f80, 0xff80, 0x7fc0}) {
      values[at] = bits;
      EXPECT_EQ(validate(dense()).error().message, "layer '': the weight of channel " + std::to_string(at / 2000) +
                                                       ", k " + std::to_string(at % 2000) + " is not finite");
    }
    values[at] = 0x3f80;
  }
}

TEST(Weights, DescribeIsAProblemLine) {
  Random random(1);
  Sample s = make_sample(*find_quant_format("gptq"), 4, 8, 16, true, random);
  EXPECT_EQ(describe(s.view, Type::bf16), "w4a16 m=* n=8 k=16 a=bf16 g=8 s=f16 perm=1");
  s.view.zero_packing = ZeroPacking::n_words;
  s.view.bias_type = Type::f16;
  s.view.bias = s.view.data.first(16);
  s.view.perm = {};
  EXPECT_EQ(describe(s.view, Type::f32), "w4a16 m=* n=8 k=16 a=f32 g=8 zp=int s=f16 epilogue=bias.f16");
  const Sample k = make_sample(*find_quant_format("gguf q4_k"), 4, 2, 256, false, random);
  EXPECT_EQ(describe(k.view, Type::bf16), "w4a16 m=* n=2 k=256 a=bf16 g=32 zp=float z=0");
  Sample bytes = make_sample(*find_quant_format("ct-int"), 8, 3, 5, false, random);
  bytes.view.activation_bits = 8;
  bytes.view.group = -1;
  EXPECT_EQ(describe(bytes.view, Type::bf16), "w8a8 m=* n=3 k=5 a=bf16 s=f16");
}

}  // namespace
}  // namespace tilejit::test

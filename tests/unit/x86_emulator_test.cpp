// The emulator's AVX-512 instructions against formulas, and what it refuses and reports.
#include <gtest/gtest.h>
#include <tilejit/types.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "ir/interpret.h"
#include "tests/support/emulator_run.h"

namespace tilejit {
namespace {

using test::EmulatorMemory;
using Vector = std::array<uint32_t, 16>;

/// zmm0, zmm1, zmm2 and k1 before, and what zmm0 and k2 are expected to be.
struct Expected {
  Vector d, a, b;
  uint64_t k1 = 0;
  Vector result{};
  uint64_t k2 = 0;
  bool bit(size_t l) const { return (k1 >> l & 1) != 0; }
};

float f32(uint32_t bits) { return std::bit_cast<float>(bits); }
int32_t i32(uint32_t bits) { return static_cast<int32_t>(bits); }

template <typename T>
T lane(const Vector& v, size_t l) {
  T value;
  std::memcpy(&value, reinterpret_cast<const std::byte*>(v.data()) + l * sizeof(T), sizeof(T));
  return value;
}
uint16_t a16(const Expected& c, size_t l) { return lane<uint16_t>(c.a, l); }
uint16_t b16(const Expected& c, size_t l) { return lane<uint16_t>(c.b, l); }

template <typename T, typename F>
void each(Expected& c, F f) {
  for (size_t l = 0; l < 64 / sizeof(T); ++l) {
    const T value = static_cast<T>(f(l));
    std::memcpy(reinterpret_cast<std::byte*>(c.result.data()) + l * sizeof(T), &value, sizeof(T));
  }
}
template <typename F>
void mask(Expected& c, F f) {
  for (size_t l = 0; l < 16; ++l) c.k2 |= uint64_t{f(l)} << l;
}

struct Row {
  const char* hex;
  const char* text;
  void (*expect)(Expected& c);
};

const Row rows[] = {
    {"62f2f5488dc2", "vpermw zmm0, zmm1, zmm2",
     [](Expected& c) { each<uint16_t>(c, [&](size_t l) { return b16(c, a16(c, l) & 31); }); }},
    {"62f275488dc2", "vpermb zmm0, zmm1, zmm2",
     [](Expected& c) { each<uint8_t>(c, [&](size_t l) { return lane<uint8_t>(c.b, lane<uint8_t>(c.a, l) & 63); }); }},
    {"62f2754816c2", "vpermps zmm0, zmm1, zmm2",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return c.b[c.a[l] & 15]; }); }},
    {"62f2f54875c2", "vpermi2w zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<uint16_t>(c, [&](size_t l) {
         const size_t n = lane<uint16_t>(c.d, l) & 63;
         return n < 32 ? a16(c, n) : b16(c, n - 32);
       });
     }},
    {"62f2f5487dc2", "vpermt2w zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<uint16_t>(c, [&](size_t l) {
         const size_t n = a16(c, l) & 63;
         return n < 32 ? lane<uint16_t>(c.d, n) : b16(c, n - 32);
       });
     }},
    {"62f2754877c2", "vpermi2ps zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<uint32_t>(c, [&](size_t l) {
         const size_t n = c.d[l] & 31;
         return n < 16 ? c.a[n] : c.b[n - 16];
       });
     }},
    {"62f275487fc2", "vpermt2ps zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<uint32_t>(c, [&](size_t l) {
         const size_t n = c.a[l] & 31;
         return n < 16 ? c.d[n] : c.b[n - 16];
       });
     }},
    {"62f3754825c2ca", "vpternlogd zmm0, zmm1, zmm2, 0xca",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return (c.d[l] & c.a[l]) | (~c.d[l] & c.b[l]); }); }},
    {"62f3754823c24e", "vshuff32x4 zmm0, zmm1, zmm2, 0x4e",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return l < 8 ? c.a[l + 8] : c.b[l - 8]; }); }},
    {"62f27e4833d0", "vpmovdw ymm0, zmm2",
     [](Expected& c) { each<uint16_t>(c, [&](size_t l) { return l < 16 ? c.b[l] & 0xffff : 0; }); }},
    {"62f27e4823d0", "vpmovsdw ymm0, zmm2",
     [](Expected& c) {
       each<int16_t>(c, [&](size_t l) { return l < 16 ? std::clamp(i32(c.b[l]), -32768, 32767) : 0; });
     }},
    {"62f27e4831d0", "vpmovdb xmm0, zmm2",
     [](Expected& c) { each<uint8_t>(c, [&](size_t l) { return l < 16 ? c.b[l] & 0xff : 0; }); }},
    {"62f27e4821d0", "vpmovsdb xmm0, zmm2",
     [](Expected& c) { each<int8_t>(c, [&](size_t l) { return l < 16 ? std::clamp(i32(c.b[l]), -128, 127) : 0; }); }},
    {"62f27e4811d0", "vpmovusdb xmm0, zmm2",
     [](Expected& c) { each<uint8_t>(c, [&](size_t l) { return l < 16 ? std::min(c.b[l], 255u) : 0; }); }},
    {"62f37d4819d003", "vextractf32x4 xmm0, zmm2, 3",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return l < 4 ? c.b[12 + l] : 0; }); }},
    {"62f37d483bd001", "vextracti32x8 ymm0, zmm2, 1",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return l < 8 ? c.b[8 + l] : 0; }); }},
    {"62f27d485a4708", "vbroadcasti32x4 zmm0, xmmword ptr [rdi + 0x80]",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return c.b[l % 4]; }); }},
    {"62f2754964c2", "vpblendmd zmm0 {k1}, zmm1, zmm2",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return c.bit(l) ? c.b[l] : c.a[l]; }); }},
    {"62f17549fec2", "vpaddd zmm0 {k1}, zmm1, zmm2",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return c.bit(l) ? c.a[l] + c.b[l] : c.d[l]; }); }},
    {"62f175c9fec2", "vpaddd zmm0 {k1} {z}, zmm1, zmm2",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return c.bit(l) ? c.a[l] + c.b[l] : 0; }); }},
    {"62f17558fe4720", "vpaddd zmm0, zmm1, dword ptr [rdi + 0x80]{1to16}",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return c.a[l] + c.b[0]; }); }},
    {"62f17fc96f4702", "vmovdqu8 zmm0 {k1} {z}, zmmword ptr [rdi + 0x80]",
     [](Expected& c) { each<uint8_t>(c, [&](size_t l) { return c.bit(l) ? lane<uint8_t>(c.b, l) : 0; }); }},
    {"62f1ff497f570462f1fe486f4704", "vmovdqu16 zmmword ptr [rdi + 0x100] {k1}, zmm2; vmovdqu64 zmm0, [rdi + 0x100]",
     [](Expected& c) { each<uint16_t>(c, [&](size_t l) { return c.bit(l) ? b16(c, l) : 0; }); }},
    {"62f2764852c2", "vdpbf16ps zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<float>(c, [&](size_t l) {
         return ir::dot_bf16(a16(c, 2 * l), a16(c, 2 * l + 1), b16(c, 2 * l), b16(c, 2 * l + 1), f32(c.d[l]));
       });
     }},
    {"62f27e4872c2", "vcvtneps2bf16 ymm0, zmm2",
     [](Expected& c) { each<uint16_t>(c, [&](size_t l) { return l < 16 ? f32_to_bf16(f32(c.b[l])) : 0; }); }},
    {"62f2774872c2", "vcvtne2ps2bf16 zmm0, zmm1, zmm2",
     [](Expected& c) { each<uint16_t>(c, [&](size_t l) { return f32_to_bf16(f32(l < 16 ? c.b[l] : c.a[l - 16])); }); }},
    {"62f37d481dd000", "vcvtps2ph ymm0, zmm2, 0",
     [](Expected& c) { each<uint16_t>(c, [&](size_t l) { return l < 16 ? f32_to_f16(f32(c.b[l])) : 0; }); }},
    {"62f2754850c2", "vpdpbusd zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<uint32_t>(c, [&](size_t l) {
         uint32_t s = c.d[l];
         for (size_t e = 4 * l; e < 4 * l + 4; ++e)
           s += static_cast<uint32_t>(lane<uint8_t>(c.a, e) * lane<int8_t>(c.b, e));
         return s;
       });
     }},
    {"62f2754852c2", "vpdpwssd zmm0, zmm1, zmm2",
     [](Expected& c) {
       each<uint32_t>(c, [&](size_t l) {
         uint32_t s = c.d[l];
         for (size_t e = 2 * l; e < 2 * l + 2; ++e)
           s += static_cast<uint32_t>(lane<int16_t>(c.a, e) * lane<int16_t>(c.b, e));
         return s;
       });
     }},
    {"62f37d4808c210", "vrndscaleps zmm0, zmm2, 0x10",
     [](Expected& c) {
       each<float>(c, [&](size_t l) { return static_cast<float>(std::nearbyint(2.0 * f32(c.b[l])) / 2); });
     }},
    {"62f37d4808c201", "vrndscaleps zmm0, zmm2, 0x01",
     [](Expected& c) { each<float>(c, [&](size_t l) { return std::floor(f32(c.b[l])); }); }},
    {"c5fc28c2", "vmovaps ymm0, ymm2",
     [](Expected& c) { each<uint32_t>(c, [&](size_t l) { return l < 8 ? c.b[l] : 0; }); }},
    {"62f17448c2d201", "vcmpltps k2, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return f32(c.a[l]) < f32(c.b[l]); }); }},
    {"62f17448c2d203", "vcmpunordps k2, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return std::isunordered(f32(c.a[l]), f32(c.b[l])); }); }},
    {"62f17449c2d209", "vcmpngeps k2 {k1}, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return c.bit(l) && !(f32(c.a[l]) >= f32(c.b[l])); }); }},
    {"62f1754866d2", "vpcmpgtd k2, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return i32(c.a[l]) > i32(c.b[l]); }); }},
    {"62f375481ed206", "vpcmpnleud k2, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return c.a[l] > c.b[l]; }); }},
    {"62f375491ed201", "vpcmpltud k2 {k1}, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return c.bit(l) && c.a[l] < c.b[l]; }); }},
    {"62f2764827d2", "vptestnmd k2, zmm1, zmm2",
     [](Expected& c) { mask(c, [&](size_t l) { return (c.a[l] & c.b[l]) == 0; }); }},
    {"c5f844d1", "knotw k2, k1", [](Expected& c) { c.k2 = ~c.k1 & 0xffff; }},
    {"c5f446d1", "kxnorw k2, k1, k1", [](Expected& c) { c.k2 = 0xffff; }},
    {"c5f54bd1", "kunpckbw k2, k1, k1", [](Expected& c) { c.k2 = (c.k1 & 0xff) * 0x101; }},
    {"c4e3f930d103", "kshiftrw k2, k1, 3", [](Expected& c) { c.k2 = (c.k1 & 0xffff) >> 3; }},
    {"b834120000c5f892d0c5ec41d1", "mov eax, 0x1234; kmovw k2, eax; kandw k2, k2, k1",
     [](Expected& c) { c.k2 = c.k1 & 0x1234; }},
};

/// zmm0, zmm1 and zmm2 from 0, 64 and 128, k1 from 192, k2 = k1.
constexpr const char* load = "62f17c48100762f17c48104f0162f17c48105702c4e1f8908fc0000000c4e1f890d1";
/// zmm0 to 256, k2 to 320.
constexpr const char* store = "62f17c48114704c4e1f8919740010000c5f877c3";

class X86Emulator : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto can = test::emulator_here(); !can) GTEST_SKIP() << can.error().message;
  }
};

void check(const Row& row, uint64_t seed) {
  EmulatorMemory memory = test::random_memory(seed);
  Expected c;
  std::memcpy(c.d.data(), memory.words.data(), 64);
  std::memcpy(c.a.data(), memory.words.data() + 16, 64);
  std::memcpy(c.b.data(), memory.words.data() + 32, 64);
  std::memcpy(&c.k1, memory.words.data() + 48, 8);
  row.expect(c);
  const bool is_mask = std::strstr(row.text, " k2") != nullptr;
  if (is_mask)
    c.result = c.d;
  else
    c.k2 = c.k1;
  const auto done = test::emulate(test::bytes_of_hex(std::string(load) + row.hex + store), memory);
  ASSERT_TRUE(done.ok()) << row.text << ": " << done.error().message;
  uint64_t k2 = 0;
  std::memcpy(&k2, memory.words.data() + 80, 8);
  EXPECT_EQ(k2, c.k2) << row.text << " seed=" << seed;
  for (size_t l = 0; l < 16; ++l)
    ASSERT_TRUE(test::same_word(memory.words[64 + l], c.result[l]))
        << row.text << " seed=" << seed << " lane=" << l << std::hex << ": " << memory.words[64 + l] << ", expected "
        << c.result[l];
}

TEST_F(X86Emulator, ComputesWhatTheFormulasSay) {
  for (const Row& row : rows)
    for (uint64_t seed = 0; seed < 200 && !HasFailure(); ++seed) check(row, seed);
}

TEST_F(X86Emulator, JudgesTinyDotsAfterRounding) {
  // Lanes whose sum is 2^-126 less a little, in the even or in the odd step, and their negatives.
  EmulatorMemory memory;
  for (uint32_t l = 0; l < 16; ++l) {
    const uint32_t shift = l % 2 * 16;
    const uint32_t negative = l / 2 % 2 << 15;
    memory.words[l] = 0x00800000 | negative << 16;
    memory.words[16 + l] = (((127 - 75) << 7 | l / 4) ^ negative) << shift;
    memory.words[32 + l] = uint32_t{0x8000 | (127 - 76) << 7} << shift;
  }
  const EmulatorMemory before = memory;
  const auto done = test::emulate(test::bytes_of_hex(std::string(load) + "62f2764852c2" + store), memory);
  ASSERT_TRUE(done.ok()) << done.error().message;
  const auto half = [&](size_t word, int n) { return static_cast<uint16_t>(before.words[word] >> 16 * n); };
  size_t zeros = 0;
  for (size_t l = 0; l < 16; ++l) {
    const float expected =
        ir::dot_bf16(half(16 + l, 0), half(16 + l, 1), half(32 + l, 0), half(32 + l, 1), f32(before.words[l]));
    EXPECT_EQ(memory.words[64 + l], std::bit_cast<uint32_t>(expected)) << l;
    zeros += (memory.words[64 + l] & 0x7fffffff) == 0;
  }
  EXPECT_TRUE(zeros > 0 && zeros < 16) << zeros;
}

struct Wrong {
  const char* hex;
  const char* text;
  const char* words;
};

constexpr Wrong wrongs[] = {
    {"f30f1efa0fa2c3", "endbr64; cpuid; ret", "cpuid: the emulator does not know this instruction"},
    {"f30f1efac5fc5807c3", "endbr64; vaddps ymm0, ymm0, [rdi]; ret", "needs zmm0, never written"},
    {"f30f1efac5f893c3c3", "endbr64; kmovw eax, k3; ret", "needs k3"},
    {"f30f1efa7c00c3", "endbr64; jl 1f; 1: ret", "needs the sign flag, the overflow flag"},
    {"f30f1efa480faffe7c00c3", "endbr64; imul rdi, rsi; jl 1f; 1: ret", "needs the sign flag"},
    {"f30f1efa31dbc3", "endbr64; xor ebx, ebx; ret", "rbx changed"},
    {"f30f1efa53c3", "endbr64; push rbx; ret", "unbalanced stack"},
    {"f30f1efa488b442408c3", "endbr64; mov rax, [rsp + 8]; ret", "outside of the stack"},
    {"f30f1efa488b4424f8c3", "endbr64; mov rax, [rsp - 8]; ret", "never written"},
    {"f30f1efa4889bc2400ffffffc3", "endbr64; mov [rsp - 0x100], rdi; ret", "outside of the stack"},
    {"f30f1efa62f17c48288701000000c3", "endbr64; vmovaps zmm0, [rdi + 1]; ret", "not 64-byte aligned"},
    {"f30f1efa90", "endbr64; nop", "the end of the code"},
    {"c3", "ret", "does not start with endbr64"},
    {"f30f1efab8803f0000894424fc0fae5424fcc3", "endbr64; mov eax, 0x3f80; mov [rsp - 4], eax; ldmxcsr [rsp - 4]; ret",
     "returns with MXCSR 0x3f80"},
    {"f30f1efab8803f0000894424fc0fae5424fc62f17c48100762f17c4858c0c3",
     "endbr64; mov eax, 0x3f80; mov [rsp - 4], eax; ldmxcsr [rsp - 4]; vmovups zmm0, [rdi]; vaddps zmm0, zmm0, zmm0; "
     "ret",
     "needs MXCSR 0x1f80"},
    {"f30f1efa62f17c1858c1c3", "endbr64; vaddps zmm0 , zmm0, zmm1, {rn-sae}; ret", "{rn-sae}"},
    {"f30f1efa62f17c48100500100000c3", "endbr64; vmovups zmm0, [rip + 0x1000]; ret", "outside of the code"},
    {"f30f1efaebfdc3", "jmp 3", "no instruction"},
};

TEST_F(X86Emulator, SaysWhatIsWrongWithTheCode) {
  for (const Wrong& wrong : wrongs) {
    EmulatorMemory memory = test::random_memory(1);
    const auto done = test::emulate_whole(test::bytes_of_hex(wrong.hex), memory);
    ASSERT_FALSE(done.ok()) << wrong.text;
    EXPECT_EQ(done.error().kind, ErrorKind::invalid);
    EXPECT_NE(done.error().message.find(wrong.words), std::string::npos) << wrong.text << "\n" << done.error().message;
  }
}

TEST_F(X86Emulator, ReadsNoMemoryWhereTheMaskIsZero) {
  // endbr64; kxorw k1, k1, k1; vmovdqu32 zmm0{k1}{z}, [rsi]; vmovdqu32 [rsi]{k1}, zmm0; ret: rsi, the number m, is no address.
  EmulatorMemory memory = test::random_memory(1);
  const auto done = test::emulate_whole(test::bytes_of_hex("f30f1efac5f447c962f17ec96f0662f17e497f06c3"), memory);
  EXPECT_TRUE(done.ok()) << done.error().message;
}

}  // namespace
}  // namespace tilejit

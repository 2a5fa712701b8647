// The emulator against this CPU: instructions that AVX2, FMA and F16C have too, from the same bytes and the same operands.
#include <gtest/gtest.h>

#include "runtime/exec_memory.h"
#include "tests/support/emulator_run.h"

namespace tilejit {
namespace {

using test::EmulatorMemory;

struct Row {
  const char* hex;
  const char* text;
};

constexpr Row vector_rows[] = {
    {"c5f458c2", "vaddps ymm0, ymm1, ymm2"},
    {"c5f45cc2", "vsubps ymm0, ymm1, ymm2"},
    {"c5f4598780000000", "vmulps ymm0, ymm1, ymmword ptr [rdi + 0x80]"},
    {"c5f45ec2", "vdivps ymm0, ymm1, ymm2"},
    {"c5f45fc2", "vmaxps ymm0, ymm1, ymm2"},
    {"c5f05dc2", "vminps xmm0, xmm1, xmm2"},
    {"c4e27598c2", "vfmadd132ps ymm0, ymm1, ymm2"},
    {"c4e275a8c2", "vfmadd213ps ymm0, ymm1, ymm2"},
    {"c4e275b8c2", "vfmadd231ps ymm0, ymm1, ymm2"},
    {"c5fc5bc2", "vcvtdq2ps ymm0, ymm2"},
    {"c5fd5bc2", "vcvtps2dq ymm0, ymm2"},
    {"c4e27d13c2", "vcvtph2ps ymm0, xmm2"},
    {"c4e37d1dd000", "vcvtps2ph xmm0, ymm2, 0"},
    {"c4e37d1dd001", "vcvtps2ph xmm0, ymm2, 1"},
    {"c4e37d1dd002", "vcvtps2ph xmm0, ymm2, 2"},
    {"c4e37d1dd003", "vcvtps2ph xmm0, ymm2, 3"},
    {"c4e37d1dd004", "vcvtps2ph xmm0, ymm2, 4"},
    {"c4e27d30c2", "vpmovzxbw ymm0, xmm2"},
    {"c4e27d31c2", "vpmovzxbd ymm0, xmm2"},
    {"c4e27d33c2", "vpmovzxwd ymm0, xmm2"},
    {"c4e27d20c2", "vpmovsxbw ymm0, xmm2"},
    {"c4e27d218780000000", "vpmovsxbd ymm0, qword ptr [rdi + 0x80]"},
    {"c4e27d23c2", "vpmovsxwd ymm0, xmm2"},
    {"c5f5fcc2", "vpaddb ymm0, ymm1, ymm2"},
    {"c5f5fdc2", "vpaddw ymm0, ymm1, ymm2"},
    {"c5f1fec2", "vpaddd xmm0, xmm1, xmm2"},
    {"c5f5f8c2", "vpsubb ymm0, ymm1, ymm2"},
    {"c5f5fac2", "vpsubd ymm0, ymm1, ymm2"},
    {"c5f5d5c2", "vpmullw ymm0, ymm1, ymm2"},
    {"c4e27540c2", "vpmulld ymm0, ymm1, ymm2"},
    {"c4e2753dc2", "vpmaxsd ymm0, ymm1, ymm2"},
    {"c4e2753fc2", "vpmaxud ymm0, ymm1, ymm2"},
    {"c4e27539c2", "vpminsd ymm0, ymm1, ymm2"},
    {"c4e2753bc2", "vpminud ymm0, ymm1, ymm2"},
    {"c4e27d1cc2", "vpabsb ymm0, ymm2"},
    {"c4e27d1ec2", "vpabsd ymm0, ymm2"},
    {"c5fd71f203", "vpsllw ymm0, ymm2, 3"},
    {"c5fd72f21f", "vpslld ymm0, ymm2, 31"},
    {"c5fd72f220", "vpslld ymm0, ymm2, 32"},
    {"c5fd71d20c", "vpsrlw ymm0, ymm2, 12"},
    {"c5fd72d207", "vpsrld ymm0, ymm2, 7"},
    {"c5fd71e2c8", "vpsraw ymm0, ymm2, 200"},
    {"c5fd72e209", "vpsrad ymm0, ymm2, 9"},
    {"c5f5dbc2", "vpand ymm0, ymm1, ymm2"},
    {"c5f5dfc2", "vpandn ymm0, ymm1, ymm2"},
    {"c5f5ebc2", "vpor ymm0, ymm1, ymm2"},
    {"c5f5efc2", "vpxor ymm0, ymm1, ymm2"},
    {"c5f5f5c2", "vpmaddwd ymm0, ymm1, ymm2"},
    {"c4e27504c2", "vpmaddubsw ymm0, ymm1, ymm2"},
    {"c4e27516c2", "vpermps ymm0, ymm1, ymm2"},
    {"c4e27536c2", "vpermd ymm0, ymm1, ymm2"},
    {"c5fd70c21b", "vpshufd ymm0, ymm2, 0x1b"},
    {"c4e27500c2", "vpshufb ymm0, ymm1, ymm2"},
    {"c5f560c2", "vpunpcklbw ymm0, ymm1, ymm2"},
    {"c5f569c2", "vpunpckhwd ymm0, ymm1, ymm2"},
    {"c5f562c2", "vpunpckldq ymm0, ymm1, ymm2"},
    {"c5f56dc2", "vpunpckhqdq ymm0, ymm1, ymm2"},
    {"c5f415c2", "vunpckhps ymm0, ymm1, ymm2"},
    {"c4e37d39d001", "vextracti128 xmm0, ymm2, 1"},
    {"c4e27d78c2", "vpbroadcastb ymm0, xmm2"},
    {"c4e27d798780000000", "vpbroadcastw ymm0, word ptr [rdi + 0x80]"},
    {"c4e27d588780000000", "vpbroadcastd ymm0, dword ptr [rdi + 0x80]"},
    {"c5fa108780000000", "vmovss xmm0, dword ptr [rdi + 0x80]"},
    {"c5f96e8780000000", "vmovd xmm0, dword ptr [rdi + 0x80]"},
};

// rax, rcx and rdx are loaded before; rax is stored.
constexpr Row general_rows[] = {
    {"4801c8", "add rax, rcx"},
    {"4829c8480f4cc2", "sub rax, rcx; cmovl rax, rdx"},
    {"01c8", "add eax, ecx"},
    {"480fafc1", "imul rax, rcx"},
    {"6bc1f9", "imul eax, ecx, -7"},
    {"48c1e005", "shl rax, 5"},
    {"48d1e8", "shr rax, 1"},
    {"c1f81f", "sar eax, 31"},
    {"4883e0c0", "and rax, -64"},
    {"c4e2e8f5c1", "bzhi rax, rcx, rdx"},
    {"c4e2f0f2c2", "andn rax, rcx, rdx"},
    {"c4e2e9f7c1", "shlx rax, rcx, rdx"},
    {"c4e2eaf7c1", "sarx rax, rcx, rdx"},
    {"4863c1", "movsxd rax, ecx"},
    {"48634708", "movsxd rax, dword ptr [rdi + 8]"},
    {"0fb64708", "movzx eax, byte ptr [rdi + 8]"},
    {"488d44d1fb", "lea rax, [rcx + 8*rdx - 5]"},
    {"4839c8480f4fc1", "cmp rax, rcx; cmovg rax, rcx"},
    {"4839c8480f43c2", "cmp rax, rcx; cmovae rax, rdx"},
    {"39c80f4ec2", "cmp eax, ecx; cmovle eax, edx"},
    {"6639c80f4cc2", "cmp ax, cx; cmovl eax, edx"},
    {"48ffc8480f45c1", "dec rax; cmovne rax, rcx"},
    {"48f7d8", "neg rax"},
    {"f7d0", "not eax"},
    {"4885c8480f44c2", "test rax, rcx; cmove rax, rdx"},
    {"31c0", "xor eax, eax"},
    {"50515859", "push rax; push rcx; pop rax; pop rcx"},
    {"4839c87c034889d090", "cmp rax, rcx; jl 1f; mov rax, rdx; 1: nop"},
    {"88c8", "mov al, cl"},
};

/// Loads of the three operands, the instruction, the store of the first, ret.
constexpr const char* load_vectors = "c5fc1007c5fc104f40c5fc109780000000";
constexpr const char* store_vector = "c5fc118700010000c5f877c3";
constexpr const char* load_general = "488b07488b4f08488b5710";
constexpr const char* store_general = "48898700010000c3";

void compare(const char* before, const Row& row, const char* after) {
  const auto bytes = test::bytes_of_hex(std::string(before) + row.hex + after);
  const auto code = ExecMemory::create(bytes);
  ASSERT_TRUE(code.ok());
  const auto entry = reinterpret_cast<Entry>(reinterpret_cast<uintptr_t>(code->data()));
  for (uint64_t seed = 0; seed < 300; ++seed) {
    EmulatorMemory expected = test::random_memory(seed);
    EmulatorMemory actual = expected;
    entry(reinterpret_cast<const BufferArg*>(expected.words.data()), 0, nullptr, nullptr);
    const auto done = test::emulate(bytes, actual);
    ASSERT_TRUE(done.ok()) << row.text << ": " << done.error().message;
    for (size_t word = 0; word < expected.words.size(); ++word)
      ASSERT_TRUE(test::same_word(expected.words[word], actual.words[word]))
          << row.text << " seed=" << seed << " word=" << word << std::hex << ": CPU " << expected.words[word]
          << ", emulator " << actual.words[word];
  }
}

class X86EmulatorNative : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto can = test::emulator_here(); !can) GTEST_SKIP() << can.error().message;
    // Every CPU with AVX2 has F16C, of which clang's builtin knows nothing.
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
      GTEST_SKIP() << "NOT COMPARED: this CPU lacks AVX2, FMA or BMI2";
  }
};

TEST_F(X86EmulatorNative, VectorInstructions) {
  for (const Row& row : vector_rows) compare(load_vectors, row, store_vector);
}

TEST_F(X86EmulatorNative, GeneralInstructions) {
  for (const Row& row : general_rows) compare(load_general, row, store_general);
}

}  // namespace
}  // namespace tilejit

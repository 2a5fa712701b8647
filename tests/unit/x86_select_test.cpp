// Instruction choice, seen in the text of the vcode: what the inner loops hold, what is folded, and what is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "targets/targets.h"
#include "tests/support/kernel_text.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

std::string vcode(std::string_view text, const char* target = "zen4") {
  std::string result;
  const StageSink sink = [&](std::string_view stage, const std::string& stage_text) {
    if (stage == "vcode") result = stage_text;
  };
  const Result<Code> code =
      (*find_target(target))->lower(test::lowered_kernel(test::legal_kernel(text)), {.stages = sink});
  return code.ok() ? result : code.error().message;
}

int count(std::string_view text, std::string_view word) {
  int n = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

/// The text between the markers of a loop.
std::string body_of(const std::string& text, const std::string& loop) {
  const size_t begin = text.find("loop_begin " + loop);
  const size_t end = text.find("loop_end " + loop);
  return begin == std::string::npos ? "" : text.substr(begin, end - begin);
}

constexpr std::string_view w4a16 =
    R"(kernel t(%a: workspace bf16[m,1024], %w: global u4[8,128,128,8], %o: global f32[m,1024]) {
  for tasks %p = 0..8 {
    %acc = fill 0 : f32[1,128]
    for serial %k = 0..128 {
      %q = load %w[%p, %k, 0:128, 0:8] : u4[1,128,8]
      for unrolled %j = 0..4 {
        %x = load %a[0, %k*8+%j*2:2] : bf16[1,1,2]
        %u = unpack %q lane %j zero 8 : bf16[1,128,2]
        %acc = dot_bf16 %x, %u, %acc : f32[1,128]
      }
    }
    store %o[0, %p*128:128], %acc
  }
})";

TEST(X86Select, OneRowOfNibblesHoldsNoMovesAndNoSpills) {
  const std::string inner = body_of(vcode(w4a16), "k");
  EXPECT_EQ(count(inner, "load16x4"), 8);
  EXPECT_EQ(count(inner, "vpsrlw"), 24) << "the first nibble needs no shift";
  EXPECT_EQ(count(inner, "vpermw"), 32);
  EXPECT_EQ(count(inner, "dpbf16"), 32);
  EXPECT_EQ(count(inner, "vpbroadcastd"), 4);
  EXPECT_EQ(count(inner, "add_imm"), 2) << "one increment for each stream";
  EXPECT_EQ(count(inner, "count_down"), 1);
  EXPECT_EQ(count(inner, "\n"), 8 + 24 + 32 + 32 + 4 + 2 + 1 + 2) << inner;
  EXPECT_EQ((*find_target("zen4"))->lower(test::lowered_kernel(test::legal_kernel(w4a16)), {})->resources.spill_slots,
            0);
}

TEST(X86Select, ALoadUsedOnceIsAnOperand) {
  const std::string text =
      vcode(R"(kernel t(%a: global f32[16], %x: global f32[2], %b: global bf16[16], %o: global f32[16]) {
    %v = load %a[0:16] : f32[1,16]
    %s = load %x[1] : f32[1,1]
    %w = load %b[0:16] : bf16[1,16]
    %w32 = convert %w : f32[1,16]
    %y = fma %s, %w32, %v : f32[1,16]
    store %o[0:16], %y
  })");
  EXPECT_EQ(count(text, "vpmovzxwd ["), 1) << text;
  EXPECT_EQ(count(text, "{1to16}"), 1) << text;
  EXPECT_EQ(count(text, "load16x4"), 1) << text;
}

TEST(X86Select, AStoreBetweenKeepsALoad) {
  const std::string text = vcode(R"(kernel t(%a: global f32[16], %o: global f32[16]) {
    %v = load %a[0:16] : f32[1,16]
    %w = load %o[0:16] : f32[1,16]
    store %o[0:16], %v
    %y = add %w, %v : f32[1,16]
    store %o[0:16], %y
  })");
  EXPECT_EQ(count(text, "load16x4"), 2) << text;
}

TEST(X86Select, ConstantDifferencesShareAPointer) {
  const std::string text = vcode(R"(kernel t(%a: global f32[4,8,16], %o: global f32[16]) {
    %acc = fill 0 : f32[1,16]
    for serial %k = 0..7 {
      %v = load %a[0, %k, 0:16] : f32[1,16]
      %w = load %a[3, %k+1, 0:16] : f32[1,16]
      %acc = fma %v, %w, %acc : f32[1,16]
    }
    store %o[0:16], %acc
  })");
  EXPECT_EQ(count(body_of(text, "k"), "add_imm"), 1) << text;
}

constexpr std::string_view w4a8 =
    R"(kernel t(%a: workspace i8[m,1024], %w: global u4[8,128,64,8], %o: workspace i32[ceil(m,4)*4,512]) {
  for tasks %p = 0..8 {
    %acc = fill 0 : i32[4,64]
    for serial %k = 0..128 {
      %q = load %w[%p, %k, 0:64, 0:8] : u4[1,64,8]
      for unrolled %j = 0..2 {
        %x = load.clip %a[0:4, %k*8+%j*4:4] : i8[4,1,4]
        %u = unpack %q lane %j zero 0 : u8[1,64,4]
        %acc = dot_i8 %x, %u, %acc : i32[4,64]
      }
    }
    store.clip %o[0:4, %p*64:64], %acc
  }
})";

TEST(X86Select, AnIntegerDotOfNibblesIsOneInstructionWithVnni) {
  const std::string inner = body_of(vcode(w4a8, "avx512_vnni"), "k");
  EXPECT_EQ(count(inner, "dpbusd"), 2 * 4 * 4) << inner;
  EXPECT_EQ(count(inner, "vpandd"), 2 * 4) << inner;
  EXPECT_EQ(count(inner, "vpsrlw"), 4) << "the first nibbles need no shift\n" << inner;
  EXPECT_EQ(count(inner, "load16x4"), 4) << inner;
}

TEST(X86Select, WithoutVnniNibblesNeedNoWordSplit) {
  const std::string inner = body_of(vcode(w4a8, "avx512"), "k");
  EXPECT_EQ(count(inner, "vpmaddubsw"), 2 * 4 * 4) << inner;
  EXPECT_EQ(count(inner, "vpmaddwd"), 2 * 4 * 4) << inner;
  EXPECT_EQ(count(inner, "vpaddd"), 2 * 4 * 4) << inner;
  EXPECT_EQ(count(inner, "vpsraw"), 0) << inner;
}

/// Weights go through a scratch panel; %wide is stored there as well when `others` is.
std::string dot_of_panel(std::string_view others) {
  return vcode(
      fmt::format(R"(kernel t(%a: global i8[4], %w: global u4[16,8], %b: global u8[16,4], %o: global i32[16]) {{
    scratch %s: u8[2,16,4]
    %q = load %w[0:16, 0:8] : u4[1,16,8]
    %u = unpack %q lane 1 zero 0 : u8[1,16,4]
    store %s[0, 0:16, 0:4], %u
    %wide = load %b[0:16, 0:4] : u8[1,16,4]
    store %s[1, 0:16, 0:4], %{}
    %x = load %a[0:4] : i8[1,1,4]
    %p = load %s[0, 0:16, 0:4] : u8[1,16,4]
    %acc = fill 0 : i32[1,16]
    %acc = dot_i8 %x, %p, %acc : i32[1,16]
    store %o[0:16], %acc
  }})",
                  others),
      "avx512");
}

TEST(X86Select, ScratchMemoryKeepsNibblesNibbles) {
  EXPECT_EQ(count(dot_of_panel("u"), "vpmaddubsw"), 1) << dot_of_panel("u");
  EXPECT_EQ(count(dot_of_panel("wide"), "vpmaddubsw"), 0) << dot_of_panel("wide");
  EXPECT_EQ(count(dot_of_panel("wide"), "vpmaddwd"), 2) << dot_of_panel("wide");
}

constexpr std::string_view w8a8 =
    R"(kernel t(%a: global i8[2,1024], %w: global u8[256,64,4], %o: global i32[2,64]) {
  %acc = fill 0 : i32[2,64]
  for serial %k = 0..256 {
    %q = load %w[%k, 0:64, 0:4] : u8[1,64,4]
    %x = load %a[0:2, %k*4:4] : i8[2,1,4]
    %u = unpack %q lane 0 zero 0 : u8[1,64,4]
    %acc = dot_i8 %x, %u, %acc : i32[2,64]
  }
  store %o[0:2, 0:64], %acc
})";

TEST(X86Select, PackedBytesAreUsedAsLoaded) {
  const std::string inner = body_of(vcode(w8a8), "k");
  EXPECT_EQ(count(inner, "load16x4"), 4) << inner;
  EXPECT_EQ(count(inner, "vpbroadcastd"), 2) << inner;
  EXPECT_EQ(count(inner, "dpbusd"), 8) << inner;
  EXPECT_EQ(count(inner, "vmov"), 0) << inner;
}

TEST(X86Select, WithoutVnniBytesAreSplitOnceForEachVectorAndRow) {
  const std::string inner = body_of(vcode(w8a8, "avx512"), "k");
  EXPECT_EQ(count(inner, "vpsraw"), 2 * 2) << inner;
  EXPECT_EQ(count(inner, "vpsrlw"), 4) << inner;
  EXPECT_EQ(count(inner, "vpmaddwd"), 2 * 8) << inner;
}

TEST(X86Select, OnlyTheSignedFactorOfAnIntegerDotIsMemory) {
  const std::string text = vcode(R"(kernel t(%a: global i8[4], %w: global u8[16,4], %o: global i32[16]) {
    %x = load %a[0:4] : i8[1,1,4]
    %q = load %w[0:16, 0:4] : u8[1,16,4]
    %acc = fill 7 : i32[1,16]
    %acc = dot_i8 %x, %q, %acc : i32[1,16]
    store %o[0:16], %acc
  })");
  EXPECT_EQ(count(text, "load16x4"), 1) << text;
  EXPECT_EQ(count(text, "]{1to16}"), 1) << text;
}

TEST(X86Select, BytesBecomeFloatsByABlendAndASubtraction) {
  const std::string text = vcode(R"(kernel t(%w: global u8[16,4], %o: global f32[4,16]) {
    %q = load %w[0:16, 0:4] : u8[1,16,4]
    for unrolled %j = 0..4 {
      %u = unpack %q lane %j zero 128 : f32[1,16]
      store %o[%j, 0:16], %u
    }
  })");
  EXPECT_EQ(count(text, "vpblendmb"), 4) << text;
  EXPECT_EQ(count(text, "vsubps"), 4) << text;
  EXPECT_EQ(count(text, "vpsrld"), 1) << "bytes 2 and 3 share it\n" << text;
}

TEST(X86Select, CopiesVanishUnlessTheirSourceChanges) {
  const auto text = [](const char* change) {
    return vcode(fmt::format(R"(kernel t(%a: global f32[16], %s: global f32[2], %o: global f32[2,16]) {{
      %x = load %a[0:16] : f32[1,16]
      %i = bitcast %x : i32[1,16]
      %y = bitcast %i : f32[1,16]
      %r = load %s[1] : f32[1,1]
      %wide = convert %r : f32[1,16]
      %x = add %{}, %wide : f32[1,16]
      store %o[0, 0:16], %x
      store %o[1, 0:16], %y
    }})",
                             change));
  };
  EXPECT_EQ(count(text("y"), "vmov"), 0) << text("y");
  EXPECT_EQ(count(text("y"), "{1to16}"), 1) << text("y");
  EXPECT_EQ(count(text("x"), "vmov"), 1) << "the copy of a copy is one of %x\n" << text("x");
}

struct Refusal {
  const char* name;
  const char* text;
  const char* words;
  const char* target = "zen4";
};

const Refusal refusals[] = {
    {"columns", "kernel t(%a: global f32[24]) {\n%x = load %a[0:24] : f32[1,24]\n}",
     "cols=24 is not a multiple of 16 (lanes of a zmm)"},
    {"shared", "kernel t(%a: global f32[16]) {\nshared %s: f32[16]\n}", "shared memory"},
    {"dot", R"(kernel t(%a: global bf16[2], %w: global bf16[16,2]) {
      %x = load %a[0:2] : bf16[1,1,2]
      %u = load %w[0:16, 0:2] : bf16[1,16,2]
      %c = fill 0 : f32[1,16]
      %c = dot_bf16 %x, %u, %c : f32[1,16]
    })",
     "no BF16 dot", "avx512_vnni"},
    {"lane", R"(kernel t(%w: global u4[16,8], %o: global f32[8,16]) {
      %q = load %w[0:16, 0:8] : u4[1,16,8]
      for serial %j = 0..8 {
        %u = unpack %q lane %j zero 8 : f32[1,16]
        store %o[%j, 0:16], %u
      }
    })",
     "the lane is a variable; unroll its loop"},
    {"scattered_columns", "kernel t(%a: global f32[16,2]) {\n%x = load %a[0:16, 1] : f32[1,16]\n}",
     "columns of a tile are not contiguous"},
    {"function", "kernel t(%a: global f32[16]) {\n%x = load %a[0:16] : f32[1,16]\n%x = exp %x : f32[1,16]\n}",
     "the expand_functions pass comes first"},
    {"narrow", "kernel t(%a: global u4[16]) {\n%x = load %a[0:16] : u4[1,16]\n}", "a column of u4[1,16] is 4 bits"},
};

TEST(X86Select, WhatIsLackingIsNamed) {
  for (const Refusal& r : refusals) {
    const Result<Code> code = (*find_target(r.target))->lower(test::legal_kernel(r.text), {});
    ASSERT_FALSE(code.ok()) << r.name;
    EXPECT_EQ(code.error().kind, ErrorKind::unsupported) << r.name;
    EXPECT_NE(code.error().message.find(r.words), std::string::npos) << code.error().message;
  }
}

}  // namespace
}  // namespace tilejit

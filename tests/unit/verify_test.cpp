#include "ir/verify.h"

#include <gtest/gtest.h>

#include "ir/builder.h"
#include "ir/parse.h"
#include "ir/print.h"

namespace tilejit::ir {
namespace {

/// A rule, broken on one line of a kernel whose header is line 1: the line reported, and a part of the message.
struct Row {
  std::string body;
  int32_t line;
  std::string message;
};

constexpr const char* header =
    "kernel k(%f: global f32[8,64], %m: global f32[m,64] strided, %b: global bf16[8,64], %i: global i32[16], "
    "%q: global u4[8,64,8], %p: global bf16[8,64,2], %h: global u8[8,64,4]) {\n";

std::string listed(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& v : violations) text += std::to_string(v.line) + ": " + v.message + "\n";
  return text;
}

Program parsed(const std::string& text) {
  Result<Program> program = parse(text, "t");
  EXPECT_TRUE(program.ok()) << program.error().message;
  return program.ok() ? std::move(*program) : Program{};
}

void expect_violations(const std::string& text, int32_t line, const std::string& message) {
  const std::vector<Violation> violations = verify(parsed(text));
  ASSERT_EQ(violations.size(), 1u) << text << listed(violations);
  EXPECT_EQ(violations[0].line, line) << text << listed(violations);
  EXPECT_NE(violations[0].message.find(message), std::string::npos) << text << listed(violations) << message;
}

void expect_each(const std::vector<Row>& rows) {
  for (const Row& row : rows) expect_violations(header + row.body + "\n}\n", row.line, row.message);
}

void expect_legal(const std::vector<std::string>& bodies) {
  for (const std::string& body : bodies) {
    const std::string text = header + body + "\n}\n";
    EXPECT_EQ(listed(verify(parsed(text))), "") << text;
  }
}

TEST(Verify, TypesAndShapes) {
  expect_each({
      {"%x = fill 0 : bf16[1,16]", 2, "`%x = fill 0 : bf16[1,16]`: fill makes f32 or i32, not bf16"},
      {"%x = fill 4294967296 : i32[1,16]", 2, "4294967296 does not fit i32"},
      {"%x = fill 0 : f32[0,16]", 2, "a tile's extents are positive, f32[0,16] is not"},
      {"%x = fill 0 : f32[1,16,17]", 2, "a depth of 17 f32 is 544 bits, more than 512"},
      {"%x = fill 0 : f32[1024,1025]", 2, "a tile has at most 1048576 elements"},
      {"%x = fill 0 : f32[1,16]\n%y = add %x : f32[1,16]", 3, "add takes 2 operands, 1 are given"},
      {"%x = fill 0 : f32[1,16]\n%y = convert %x, %x : bf16[1,16]", 3, "convert takes 1 operands, 2 are given"},
      {"for serial %j = 0..2 {\n%y = convert %j : bf16[1,16]\n}", 3, "operand 1 is not a tile"},
      {"%x = fill 0 : i32[1,16]\n%z = fill 0 : f32[1,16]\n%y = add %x, %z : f32[1,16]", 4,
       "operand 1 is i32, the result f32: convert first"},
      {"%x = fill 0 : i32[1,16]\n%y = fma %x, %x, %x : i32[1,16]", 3, "fma is in f32, not i32"},
      {"%x = fill 0 : i32[1,16]\n%y = tanh %x : i32[1,16]", 3, "tanh is in f32, not i32"},
      {"%x = load %b[0, 0:16] : bf16[1,16]\n%y = add %x, %x : bf16[1,16]", 3, "add is in f32 or i32, not bf16"},
      {"%x = fill 0 : f32[2,16]\n%z = fill 0 : f32[1,1]\n%y = add %x, %z : f32[1,16]", 4,
       "operand 1 of shape f32[2,16] does not broadcast to f32[1,16]"},
      {"%x = fill 0 : f32[1,8]\n%y = convert %x : bf16[1,16]", 3, "operand 1 of shape f32[1,8] does not broadcast"},
      {"%x = load %b[0, 0:16] : bf16[1,16]\n%y = convert %x : f16[1,16]", 3, "there is no conversion from bf16 to f16"},
      {"%x = fill 0 : f32[1,16]\n%y = bitcast %x : f32[1,16]", 3, "bitcast goes between f32 and i32"},
      {"%x = fill 0 : f32[1,16]\n%y = bit_and %x, %x : f32[1,16]", 3, "bit_and is in i32, not f32"},
      {"%x = fill 0 : i32[1,16]\n%y = shift_left %x by 32 : i32[1,16]", 3, "a shift by 32 lies outside 0..31"},
      {"%x = fill 0 : i32[1,16]\n%y = div %x, %x : i32[1,16]", 3, "div is in f32, not i32"},
      {"%x = fill 0 : i32[2,16]\n%y = reduce_add %x : i32[2,2]", 3, "the result is i32[2,2], the op takes i32[2,1]"},
  });
}

TEST(Verify, Unpack) {
  const std::string q = "%x = load %q[0, 0:16, 0:8] : u4[1,16,8]\n";
  expect_each({
      {q + "%u = unpack %x lane 8 zero 8 : f32[1,16]", 3,
       "lane 8..8 lies outside the 8 lanes of f32[1,16] in u4[1,16,8]"},
      {q + "%u = unpack %x lane -1 zero 8 : f32[1,16]", 3, "lane -1..-1 lies outside the 8 lanes"},
      {q + "%u = unpack %x lane 4 zero 8 : bf16[1,16,2]", 3, "lane 4..4 lies outside the 4 lanes"},
      {q + "for unrolled %j = 0..8 {\n%u = unpack %x lane %j+1 zero 8 : f32[1,16]\n}", 4, "lane 1..8 lies outside"},
      {q + "for unrolled %j = 0..9 step 4 {\n%u = unpack %x lane %j zero 8 : f32[1,16]\n}", 4,
       "lane 0..8 lies outside"},
      {q + "%c = load_index %i[0]\n%u = unpack %x lane %c zero 8 : f32[1,16]", 4, "the lane %c is not a loop variable"},
      {q + "%u = unpack %x lane m zero 8 : f32[1,16]", 3, "the lane m is not a loop variable"},
      {q + "%u = unpack %x lane 0 zero 0 : u8[1,16,8]", 3,
       "unpack makes f32[1,C], bf16, f16 or i8[1,C,K] or u8[1,C,4], not u8[1,16,8]"},
      {q + "%u = unpack %x lane 0 zero 8 : i32[1,16]", 3,
       "unpack makes f32[1,C], bf16, f16 or i8[1,C,K] or u8[1,C,4], not i32[1,16]"},
      {q + "%u = unpack %x lane 0 zero 129 : i8[1,16,2]", 3, "zero 129 lies outside -112..128"},
      {q + "%u = unpack %x lane 0 zero 2049 : f16[1,16,4]", 3, "zero 2049 lies outside -2033..2048"},
      {"%x = load %h[0, 0:16, 0:4] : u8[1,16,4]\n%z = fill 0 : i32[1,16]\n%u = unpack_zero %x, %z lane 0 : i8[1,16,4]",
       4, "i8 cannot hold u8 - z"},
      {"%x = load %q[0:2, 0:16, 0:8] : u4[2,16,8]\n%u = unpack %x lane 4 zero 8 : bf16[1,16,4]", 3,
       "lane 4..4 lies outside the 4 lanes of bf16[1,16,4] in u4[2,16,8]"},
      {q + "%u = unpack %x lane 0 zero 8 : f32[1,8]", 3, "16 packed columns do not make 8 columns"},
      {q + "%u = unpack %x lane 0 zero 8 : f32[2,16]", 3, "an unpacked tile has one row"},
      {q + "%u = unpack %x lane 0 zero 257 : bf16[1,16,2]", 3, "zero 257 lies outside -241..256"},
      {q + "%u = unpack %x lane 0 zero 8 : u8[1,16,4]", 3, "zero 8: unpack from u4 to u8 subtracts nothing"},
      {"%x = fill 0 : i32[1,16]\n%u = unpack %x lane 0 zero 8 : f32[1,16]", 3,
       "unpack takes u4 or u8 (unpack also bf16 to bf16 or f32, and f16 to f16), not i32"},
      {"%x = load %q[0, 0:16, 0:6] : u4[1,16,6]\n%u = unpack %x lane 0 zero 8 : bf16[1,16,2]\n"
       "%y = load %h[0, 0:16, 0:3] : u8[1,16,3]\n%v = unpack %y lane 0 zero 8 : bf16[1,16,2]",
       5, "a depth of 2 in each of 1 rows does not divide the packed depth 3"},
      {q + "%z = fill 0 : f32[1,16]\n%u = unpack_zero %x, %z lane 0 : f32[1,16]", 4,
       "the zeros are f32[1,16], the op takes i32[1,16]"},
      {q + "%z = fill 0 : i32[1,8]\n%u = unpack_zero %x, %z lane 0 : f32[1,16]", 4, "the zeros are i32[1,8]"},
      {"%x = load %q[0, 0:16, 0:8] : u4[1,16,8]\n%y = load %q[0:2, 0:16, 0:8] : u4[2,16,8]\n"
       "%u = unpack %y lane 0 zero 0 : f32[1,16]",
       4, "2 packed rows do not divide the depth 1"},
      {"%x = load %h[0, 0:16, 0:4] : u8[1,16,4]\n%y = load %q[0, 0:16, 0:8] : u4[1,16,8]\n"
       "%u = unpack %x lane 3 zero 8 : f32[1,16]\n%u = unpack %x lane 4 zero 8 : f32[1,16]",
       5, "lane 4..4 lies outside the 4 lanes"},
  });
}

TEST(Verify, Dot) {
  const std::string tiles =
      "%x = load %p[0:4, 0, 0:2] : bf16[4,1,2]\n%w = load %p[0, 0:16, 0:2] : bf16[1,16,2]\n%acc = fill 0 : f32[4,16]\n";
  expect_legal({tiles + "%acc = dot_bf16 %x, %w, %acc : f32[4,16]"});
  expect_each({
      {tiles + "%acc = dot_bf16 %w, %w, %acc : f32[4,16]", 5, "operand 1 is bf16[1,16,2], the op takes bf16[4,1,2]"},
      {tiles + "%acc = dot_bf16 %x, %x, %acc : f32[4,16]", 5, "operand 2 is bf16[4,1,2], the op takes bf16[1,16,2]"},
      {tiles + "%c = fill 0 : f32[1,16]\n%acc = dot_bf16 %x, %w, %c : f32[4,16]", 6,
       "operand 3 is f32[1,16], the op takes f32[4,16]"},
      {tiles + "%c = dot_bf16 %x, %w, %acc : i32[4,16]", 5, "the result is i32[4,16], the op takes f32[4,16]"},
  });
}

TEST(Verify, MatrixSteps) {
  const std::string tiles =
      "%x = load %b[0:4, 0:8] : bf16[4,1,8]\n%w = load %b[0:2, 0:8] : bf16[1,2,8]\n%acc = fill 0 : f32[4,2]\n";
  expect_legal({tiles + "%acc = mma.cdna3_bf16 %x, %w, %acc : f32[4,2]"});
  expect_each({
      {tiles + "%acc = mma.cdna3_bf16 %x, %x, %acc : f32[4,2]", 5,
       "operand 2 is bf16[4,1,8], the op takes bf16[1,2,8]"},
      {tiles + "%y = load %b[0:4, 0:4] : bf16[4,1,4]\n%v = load %b[0:2, 0:4] : bf16[1,2,4]\n"
               "%acc = mma.cdna3_bf16 %y, %v, %acc : f32[4,2]",
       7, "a depth of 4 is not a multiple of 8, the k of a step of cdna3_bf16"},
      {tiles + "%n = fill 0 : f32[4,4]\n%acc = mma.cdna2_bf16 %x, %w, %n : f32[4,2]", 6,
       "operand 3 is f32[4,4], the op takes f32[4,2]"},
  });
}

TEST(Verify, AGridOfWavesIsTwoLoopsAlone) {
  const auto grid = [](const std::string& before, const std::string& inside, const std::string& after) {
    return "for tasks %t = 0..1 {\nfor waves %y = 0..2 {\n" + before + "for waves %x = 0..2 {\n" + inside + "}\n" +
           after + "}\n}";
  };
  expect_legal({grid("", "barrier\n", "")});
  expect_each({
      {grid("barrier\n", "", ""), 5, "or alone inside another waves loop"},
      {grid("", "", "barrier\n"), 6, "an instruction beside the inner loop of a grid of waves"},
      {grid("", "for waves %z = 0..2 {\n}\n", ""), 5, "or alone inside another waves loop"},
  });
}

TEST(Verify, Slices) {
  expect_each({
      {"%x = load %f[0] : f32[1,1]", 2, "1 slices for the 2 dimensions of %f"},
      {"prefetch %f[0, 0:0]", 2, "the extent of slice 1 is 0, not positive"},
      {"%x = load %f[0:2, 0:16] : f32[1,16]", 2, "the slice's extents above 1 are [2,16], the tile's are [16]"},
      {"%x = load %f[0:2, 0:4] : f32[4,2]", 2, "above 1 are [2,4], the tile's are [4,2]"},
      {"%x = load %f[0, 0:16] : bf16[1,16]", 2, "the tile is bf16, %f is f32: convert first"},
      {"%x = fill 0 : i32[1,16]\nstore %f[0, 0:16], %x", 3, "the tile is i32, %f is f32: convert first"},
      {"%x = fill 0 : f32[1,16]\nstore %f[0, 0:8], %x", 3, "above 1 are [8], the tile's are [16]"},
      {"%x = load %q[0, 0:16, 1:2] : u4[1,16,2]", 2, "a u4 slice starts and ends on whole bytes"},
      {"%x = load %q[0, 0:16, 0:3] : u4[1,16,3]", 2, "a u4 slice starts and ends on whole bytes"},
      {"for serial %j = 0..4 {\n%x = load %q[0, 0:16, %j:2] : u4[1,16,2]\n}", 3, "whole bytes"},
      {"%c = load_index %f[0, 0]", 2, "an index is loaded from i32, %f is f32"},
      {"%c = load_index %i[0:2]", 2, "an index is one element"},
  });
}

TEST(Verify, Ranges) {
  expect_each({
      {"%x = load %f[8, 0:16] : f32[1,16]", 2, "elements 8..8 of dimension 0 are not all inside 0..7"},
      {"%x = load %f[-1, 0:16] : f32[1,16]", 2, "elements -1..-1 of dimension 0"},
      {"%x = load %f[0, 49:16] : f32[1,16]", 2, "elements 49..64 of dimension 1 are not all inside 0..63"},
      {"%x = load %m[-1, 0:16] : f32[1,16]", 2, "elements -1..-1 of dimension 0 are not all inside 0..m-1"},
      {"for serial %j = 0..5 {\n%x = load %f[0, %j*16:16] : f32[1,16]\n}", 3, "elements 0..79 of dimension 1"},
      {"for serial %j = 0..3 {\n%x = load %f[%j-1, 0:16] : f32[1,16]\n}", 3, "elements -1..1 of dimension 0"},
      {"for serial %j = 0..13 step 4 {\n%x = load %f[0:4, %j*4:16] : f32[4,16]\n%y = load %f[%j, 0] : f32[1,1]\n}", 4,
       "elements 0..12 of dimension 0"},
      {"for serial %j = 0..m {\n%x = load %f[0, %j+64] : f32[1,1]\n}", 3, "elements 64..64 of dimension 1"},
      {"for serial %j = 0..3 {\nfor serial %k = 0..min(4,11-%j*4) {\n%x = load %f[%j*4+%k, 0:16] : f32[1,16]\n}\n}", 4,
       "elements 0..10 of dimension 0"},
      {"for serial %j = 0..m {\n%x = load.clip %f[%j*4611686018427387904, 0:16] : f32[1,16]\n}", 3,
       "the start of slice 0 may leave 64 bits"},
  });
  expect_legal({
      "%x = load.clip %f[-1, 60:16] : f32[1,16]",
      "prefetch %f[0, 64]",
      "%x = load %m[1000, 0:16] : f32[1,16]",
      "for serial %j = 0..16 step 4 {\n%x = load %f[0, %j*4:16] : f32[1,16]\n}",
      "for serial %j = 0..m {\n%x = load %f[%j, 0:16] : f32[1,16]\n}",
      "for serial %j = 0..min(4,m) {\n%x = load %f[0, %j*16:16] : f32[1,16]\n}",
      "%c = load_index %i[3]\n%x = load %f[%c, 0:16] : f32[1,16]",
      "for serial %j = 8..8 {\n%x = load %f[%j, 0:16] : f32[1,16]\n}",
      // Tails and segments: the inner bound depends on the outer variable.
      "for serial %j = 0..3 {\nfor serial %k = 0..min(3,8-%j*3) {\n%x = load %f[%j*3+%k, 0:16] : f32[1,16]\n}\n}",
      "for serial %j = 0..3 {\nfor serial %k = 0..ceil(16-%j*6,2) {\n%x = load %f[0, %j*24+%k*8] : f32[1,1]\n}\n}",
      "for serial %j = 0..3 {\nfor serial %k = floor(%j*8,3)..floor(%j*8+8,3) {\n%x = load %f[%k, 0] : f32[1,1]\n}\n}",
  });
}

TEST(Verify, Loops) {
  expect_each({
      {"for serial %j = 0..4 step 0 {\n}", 2, "the step 0 is not between 1 and"},
      {"for serial %j = 0..4 step -1 {\n}", 2, "the step -1 is not between 1 and"},
      {"for serial %j = 0..ceil(m,9223372036854775807) {\n}", 2, "the divisor 9223372036854775807 is not between"},
      {"for serial %j = 0..m*9223372036854775807 {\n}", 2, "a bound may leave 64 bits"},
      {"for unrolled %j = 0..m {\n}", 2, "an unrolled loop has constant bounds"},
      {"for serial %j = 0..4 {\nfor tasks %t = 0..4 {\n}\n}", 3, "tasks loops are the outermost ones"},
      {"%x = fill 0 : f32[1,1]\nfor tasks %t = 0..4 {\n}", 3, "tasks loops are the outermost ones"},
      {"for tasks %t = 0..4 {\nbarrier\n}\n", 3, "barrier stands inside a waves loop"},
      {"for tasks %t = 0..4 {\n%x = fill 0 : f32[1,1]\nfor tasks %s = 0..4 {\n}\n}", 4, "with nothing between them"},
      {"for tasks %t = 0..4 {\n}\n%x = fill 0 : f32[1,1]", 4, "an instruction after a tasks loop"},
      {"for tasks %t = 0..4 {\nfor tasks %s = 0..4 {\n}\n%x = fill 0 : f32[1,1]\n}", 5,
       "an instruction after a tasks loop"},
      {"for tasks %a = 0..1 {\nfor tasks %b = 0..1 {\nfor tasks %c = 0..1 {\nfor tasks %d = 0..1 {\n}\n}\n}\n}", 5,
       "more than 3 tasks loops"},
      {"for tasks %t = 0..4 {\nfor tasks %s = 0..%t {\n}\n}", 3, "the bounds of a tasks loop are of constants and m"},
      {"for waves %w = 0..4 {\n}", 2, "a waves loop stands directly inside a tasks loop"},
      {"for tasks %t = 0..4 {\nfor serial %j = 0..2 {\nfor waves %w = 0..4 {\n}\n}\n}", 4,
       "directly inside a tasks loop"},
      {"for tasks %t = 0..4 {\nfor waves %w = 0..m {\n}\n}", 3, "a waves loop has constant bounds"},
      {"wait 0", 2, "wait stands inside a waves loop"},
  });
}

TEST(Verify, Shared) {
  const auto in_waves = [](const std::string& body) {
    return "shared %s: f32[8,64]\nscratch %t: f32[8,64]\nfor tasks %p = 0..1 {\nfor waves %w = 0..2 {\n" + body +
           "\n}\n}";
  };
  expect_legal({in_waves("async_copy %s[%w, 0:16], %f[%w, 16:16]\nwait 0\nbarrier")});
  expect_each({
      {in_waves("async_copy %t[0, 0:16], %f[0, 0:16]"), 6, "async_copy writes shared memory, %t is scratch"},
      {in_waves("async_copy %s[0, 0:16], %t[0, 0:16]"), 6,
       "async_copy reads global or workspace memory, %t is scratch"},
      {in_waves("async_copy %s[0, 0:16], %i[0:16]"), 6, "async_copy keeps the type, %s is f32 and %i is i32"},
      {in_waves("async_copy %s[0, 0:16], %f[0, 0:8]"), 6, "above 1 are [16], the source's are [8]"},
      {in_waves("async_copy %s[0, 0:16], %f[8, 0:16]"), 6, "elements 8..8 of dimension 0"},
      {"shared %s: f32[8,64]\nasync_copy %s[0, 0:16], %f[0, 0:16]", 3, "async_copy stands inside a waves loop"},
  });
}

TEST(Verify, WrittenBeforeRead) {
  const std::string use = "%y = add %x, %x : f32[1,1]\n";
  const std::string write = "%x = fill 0 : f32[1,1]\n";
  const std::string rule = "%x is read before it is surely written";
  expect_legal({
      "for serial %j = 0..2 {\n" + write + "}\n" + use,
      "for unrolled %j = 1..2 {\n" + write + "}\n" + use,
      "for serial %j = 0..m {\n" + write + use + "}\n",
      "for serial %j = 0..2 {\nfor serial %k = 0..%j+1 {\n" + write + "}\n" + use + "}\n",
      write + "for serial %j = 0..m {\n" + use + write + "}\n" + use,
  });
  expect_each({
      {"for serial %j = 0..m {\n" + write + "}\n" + use, 5, rule},
      {"for serial %j = 2..2 {\n" + write + "}\n" + use, 5, rule},
      {"for serial %j = 0..2 {\nfor serial %k = 0..%j {\n" + write + "}\n" + use + "}\n", 6, rule},
      {"for tasks %t = 0..2 {\nfor waves %w = 0..2 {\n" + write + "}\n" + use + "}\n", 6, rule},
      {"for serial %j = 0..m {\n%x = load_index %i[0]\n}\n%y = load %i[%x] : i32[1,1]\n", 5, rule},
  });
}

TEST(Verify, Buffers) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"%a: global f32[0]", "buffer %a: dimension 0 is not between 1 and 2147483647"},
      {"%a: global f32[m-1]", "buffer %a: dimension m-1 is not between 1 and"},
      {"%a: global f32[4294967296]", "buffer %a: dimension 4294967296 is not between 1 and"},
      {"%a: global f32[2147483647,2147483647]", "buffer %a: more than 1099511627776 elements"},
      {"%a: global f32[1,1,1,1,1,1]", "buffer %a: 6 dimensions, a buffer has 1 to 5"},
      {"%a: global u4[8,3]", "buffer %a: the last dimension of u4 is even"},
      {"%a: global u4[8,m]", "buffer %a: the last dimension of u4 is even"},
      {"%a: global f32[8] strided", "buffer %a: only a global buffer of two dimensions can be strided"},
      {"%a: workspace f32[8,8] strided", "buffer %a: only a global buffer of two dimensions can be strided"},
      {"%a: global f32[8], %a: global f32[8]", "buffer %a: the name is used twice"},
  };
  for (const auto& [buffers, message] : rows)
    expect_violations("kernel k(" + buffers + ") {}", 0, "kernel k: " + message);
  expect_violations("kernel k() { scratch %s: f32[m] }", 0, "a scratch buffer has constant dimensions");
  expect_violations("kernel k() { shared %s: f32[65536,65536] }", 0, "17179869184 bytes of a task's own memory");
  expect_violations("kernel k.1() { shared %s: f32[8,8] strided }", 0, "can be strided");
}

TEST(Verify, Programs) {
  const std::string a = "kernel a(%x: workspace f32[m,8]) {}\n";
  EXPECT_TRUE(verify(parsed(a + "kernel b(%x: workspace f32[m,8]) {}")).empty());
  for (const char* other : {"global f32[m,8]", "workspace bf16[m,8]", "workspace f32[m,9]", "global f32[m,8] strided"})
    expect_violations(a + "kernel b(%x: " + other + ") {}", 0, "kernel b: buffer %x differs");
  expect_violations(a + a, 0, "kernel a: the name is used twice");
  expect_violations("kernel a() {} kernel b() {} kernel c() {} kernel d() {}", 0, "4 kernels, a program has 1 to 3");
  EXPECT_EQ(verify(Program{}).size(), 1u);
  // A scratch buffer is the kernel's own: another kernel may call something else so.
  EXPECT_TRUE(verify(parsed(a + "kernel b() { scratch %x: i32[4] }")).empty());
}

TEST(Verify, EveryViolationIsReported) {
  const std::string text =
      std::string(header) + "%x = fill 0 : bf16[1,16]\n%y = load %f[9, 60:16] : bf16[1,16]\nwait 0\n}\n";
  const std::vector<Violation> violations = verify(parsed(text));
  std::vector<int32_t> lines;
  lines.reserve(violations.size());
  for (const Violation& v : violations) lines.push_back(v.line);
  EXPECT_EQ(lines, (std::vector<int32_t>{2, 3, 3, 3, 4})) << listed(violations);
  const Result<void> legal = check_legal(parsed(text), "x.tile");
  ASSERT_FALSE(legal.ok());
  EXPECT_EQ(legal.error().kind, ErrorKind::invalid);
  EXPECT_EQ(legal.error().message.rfind("x.tile:2: kernel k: `%x = fill 0 : bf16[1,16]`: fill makes", 0), 0u);
}

// Kernels that no text can describe.

std::string first_violation(const Kernel& kernel) {
  const std::vector<Violation> violations = verify(kernel);
  return violations.empty() ? "legal" : violations[0].message;
}

TEST(Verify, BrokenStructure) {
  Builder ends("k");
  ends.append(Op::end);
  EXPECT_EQ(first_violation(ends.take()), "kernel k: `}`: an end without its loop");
  Builder open("k");
  open.for_loop(LoopKind::serial, "i", 0, 2);
  EXPECT_EQ(first_violation(open.take()), "kernel k: `for serial %i = 0..2 {`: the loop has no end");
  Builder nested("k");
  const Value i = nested.for_loop(LoopKind::serial, "i", 0, 2);
  nested.append(Op::for_loop).dst = i;
  nested.end();
  nested.append(Op::end);
  EXPECT_EQ(first_violation(nested.take()).rfind("kernel k: `for serial %i.1 = 0..0 {`: %i.1 is in use already", 0),
            0u);
  Builder outside("k");
  const Value j = outside.for_loop(LoopKind::serial, "j", 0, 2);
  outside.end();
  outside.prefetch(outside.buffer("b", Space::global, Type::f32, {4}), {{Affine::of(j), 1}}, 1);
  EXPECT_EQ(first_violation(outside.take()), "kernel k: `prefetch %b[%j]`: %j is used outside its loop");
}

TEST(Verify, BrokenReferences) {
  const TileType tile{Type::f32, {1, 16, 1}};
  const auto violation_of = [&](auto change) {
    Builder b("k");
    const Value x = b.tile("x", tile);
    b.buffer("b", Space::global, Type::f32, {4});
    b.fill(x, 0);
    change(b, x);
    return first_violation(b.take());
  };
  EXPECT_EQ(violation_of([](Builder& b, Value) { b.fill(Value::none, 0); }),
            "kernel k: `%?-1 = fill 0 : ?`: the op writes a register, which is missing");
  EXPECT_EQ(violation_of([](Builder& b, Value) { b.fill(value_m, 0); }),
            "kernel k: `m = fill 0 : index`: the result is a tile, not an index");
  EXPECT_EQ(violation_of([](Builder& b, Value x) { b.elementwise(Op::add, x, x, Value{77}); }),
            "kernel k: `%x = add %x, %?77 : f32[1,16]`: operand 2 is not a tile");
  EXPECT_EQ(violation_of([](Builder& b, Value x) { b.store(BufferId{9}, {}, x); }),
            "kernel k: `store %?9[], %x`: the op names a buffer, which is missing");
  EXPECT_EQ(violation_of([](Builder& b, Value x) { b.append(Op::barrier).dst = x; }),
            "kernel k: `barrier`: the op writes no register");
  EXPECT_EQ(violation_of([](Builder& b, Value x) {
              b.prefetch(BufferId{0}, {{Affine::of(x), 1}}, 1);
            }),
            "kernel k: `prefetch %b[%x]`: %x is a tile, not an index");
  EXPECT_EQ(violation_of([](Builder& b, Value) {
              b.prefetch(BufferId{0}, {{Affine::of(Value{50}), 1}}, 1);
            }),
            "kernel k: `prefetch %b[%?50]`: a value that does not exist cannot be an index");
  EXPECT_EQ(violation_of([](Builder& b, Value) { b.append(Op::for_loop).hi = Bound(Affine::of(Value{50})); }),
            "kernel k: `for serial %?-1 = 0..%?50 {`: the op writes a register, which is missing");
}

TEST(Verify, NamesAreWords) {
  Builder b("a kernel");
  b.buffer("%x", Space::global, Type::index, {4});
  const std::vector<Violation> violations = verify(b.take());
  ASSERT_EQ(violations.size(), 3u) << listed(violations);
  EXPECT_NE(violations[0].message.find("the name is not a word"), std::string::npos);
  EXPECT_NE(violations[1].message.find("the name is not a word"), std::string::npos);
  EXPECT_NE(violations[2].message.find("a buffer does not hold indices"), std::string::npos);
}

}  // namespace
}  // namespace tilejit::ir

#include <gtest/gtest.h>

#include <bit>
#include <set>

#include "ir/builder.h"
#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "tests/support/kernel_arguments.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_kernel.h"

namespace tilejit::ir {
namespace {

std::string all_messages(const Kernel& kernel) {
  std::string text;
  for (const Violation& v : verify(kernel)) text += v.message + "\n";
  return text;
}

/// The error of a text that must not parse.
std::string parse_error(std::string_view text) {
  const Result<Program> program = parse(text, "t");
  return program.ok() ? "it parses" : program.error().message;
}

/// The text of a kernel with `body` in its braces.
std::string kernel_of(const std::string& body) {
  return "kernel k(%a: global f32[m,64], %idx: global i32[16]) {\n" + body + "\n}\n";
}

/// The text after one round through the IR.
std::string round(const std::string& text) {
  const Result<Program> program = parse(text, "t");
  return program.ok() ? print(*program) : program.error().message;
}

std::string line_of(const std::string& text, size_t number) {
  size_t start = 0;
  for (size_t i = 0; i < number; ++i) start = text.find('\n', start) + 1;
  return text.substr(start, text.find('\n', start) - start);
}

TEST(PrintParse, RandomKernelsSurvive) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(300));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    const Kernel kernel = test::random_kernel(seed, {.lanes16 = seed % 2 == 0, .gpu = seed % 3 == 0});
    ASSERT_EQ(all_messages(kernel), "") << print(kernel);
    const std::string text = print(kernel);
    const Result<Program> again = parse(text);
    ASSERT_TRUE(again.ok()) << again.error().message << "\n" << text;
    EXPECT_TRUE(again->kernels[0].same(kernel)) << text;
    EXPECT_EQ(print(*again), text);
    for (const Instr& instr : kernel.body) EXPECT_EQ(print(kernel, instr).find('\n'), std::string::npos);
  }
}

TEST(PrintParse, RandomKernelsRun) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(200));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    const Kernel kernel = test::random_kernel(seed, {.lanes16 = seed % 2 == 0, .gpu = seed % 3 == 0});
    const Result<Program> again = parse(print(kernel));
    ASSERT_TRUE(again.ok());
    const int64_t m = 1 + static_cast<int64_t>(seed % 13);
    const test::Arguments before = test::random_arguments(kernel, m, seed);
    test::Arguments a = before, b = before;
    const Result<void> done = interpret(kernel, a.views(), m);
    ASSERT_TRUE(done.ok()) << done.error().message << "\n" << print(kernel);
    ASSERT_TRUE(interpret(again->kernels[0], b.views(), m).ok());
    EXPECT_EQ(test::difference(kernel, a, b), "");
    EXPECT_NE(test::difference(kernel, a, before), "") << "nothing was stored\n" << print(kernel);
  }
}

TEST(PrintParse, RandomKernelsUseEveryOp) {
  std::set<Op> ops;
  for (uint64_t seed = 0; seed < 100; ++seed)
    for (const Instr& instr : test::random_kernel(seed, {.gpu = true}).body) ops.insert(instr.op);
  for (int i = 0; i < op_count; ++i) EXPECT_TRUE(ops.contains(static_cast<Op>(i))) << info(static_cast<Op>(i)).name;
}

TEST(PrintParse, UniqueNamesSurviveAndOthersAreNumbered) {
  Builder b("k");
  const TileType tile{Type::f32, {1, 16, 1}};
  const Value first = b.tile("x", tile), second = b.tile("x", tile), third = b.tile("acc", tile),
              odd = b.tile("a b", tile);
  for (Value v : {first, second, third, odd}) b.fill(v, 0);
  const Value i = b.for_loop(LoopKind::serial, "i", 0, 2);
  b.for_loop(LoopKind::serial, "i", 0, Affine::of(i));
  b.end();
  b.end();
  b.for_loop(LoopKind::serial, "i", 0, 2);
  b.end();
  b.for_loop(LoopKind::serial, "acc", 0, 2);
  b.end();
  const std::string want =
      "kernel k() {\n"
      "  %x = fill 0 : f32[1,16]\n"
      "  %x.1 = fill 0 : f32[1,16]\n"
      "  %acc = fill 0 : f32[1,16]\n"
      "  %a_b = fill 0 : f32[1,16]\n"
      "  for serial %i = 0..2 {\n"
      "    for serial %i.1 = 0..%i {\n"
      "    }\n"
      "  }\n"
      "  for serial %i = 0..2 {\n"
      "  }\n"
      "  for serial %acc.1 = 0..2 {\n"
      "  }\n"
      "}\n";
  const Kernel kernel = b.take();
  EXPECT_EQ(print(kernel), want);
  EXPECT_EQ(round(want), want);
}

TEST(PrintParse, TwoLoopsMayShareAVariable) {
  Builder b("k");
  const Value i = b.for_loop(LoopKind::serial, "i", 0, 2);
  b.end();
  Kernel kernel = b.take();
  kernel.body.push_back(kernel.body[0]);
  kernel.body.push_back(kernel.body[1]);
  EXPECT_EQ(kernel.body[2].dst, i);
  const Result<Program> again = parse(print(kernel));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->kernels[0].same(kernel));
}

TEST(PrintParse, FillsKeepTheirBits) {
  struct Row {
    Type type;
    int64_t imm;
    std::string text;
  };
  const auto bits = [](float f) { return int64_t{std::bit_cast<uint32_t>(f)}; };
  const Row rows[] = {{Type::f32, 0, "0"},
                      {Type::f32, bits(-0.0f), "-0"},
                      {Type::f32, bits(1e-45f), "1e-45"},
                      {Type::f32, bits(0.1f), "0.1"},
                      {Type::f32, bits(-3.4028235e38f), "-3.4028235e+38"},
                      {Type::f32, 0x7f800000, "inf"},
                      {Type::f32, 0xff800000, "-inf"},
                      {Type::f32, 0x7fc12345, "0x7fc12345"},
                      {Type::i32, -2147483648, "-2147483648"},
                      {Type::i32, 127, "127"}};
  for (const Row& row : rows) {
    Builder b("k");
    b.fill(b.tile("x", {row.type, {2, 16, 1}}), row.imm);
    const Kernel kernel = b.take();
    EXPECT_EQ(all_messages(kernel), "");
    const std::string want = "%x = fill " + row.text + " : " + print(TileType{row.type, {2, 16, 1}});
    EXPECT_EQ(print(kernel, kernel.body[0]), want);
    const Result<Program> again = parse(print(kernel));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->kernels[0].body[0].imm, row.imm) << want;
  }
}

TEST(PrintParse, NormalForm) {
  struct Row {
    std::string text, normal;
  };
  const Row rows[] = {
      {"prefetch %a[4*2+m-3, 64-16*2]", "prefetch %a[m+5, 32]"},
      {"prefetch %a[m - m + 1:4,0 : 64]", "prefetch %a[1:4, 0:64]"},
      {"prefetch.l2 %a[m, 32]", "prefetch.l2 %a[m, 32]"},
      {"for serial %i=0..ceil( m , 8 )step 2{}", "for serial %i = 0..ceil(m,8) step 2 {"},
      {"for serial %i = floor(-3*m+32,3)..min(32, ceil(m-8,8)) {}",
       "for serial %i = floor(-m*3+32,3)..min(32,ceil(m-8,8)) {"},
      {"%c = load_index %idx [ 3 ]", "%c = load_index %idx[3]"},
      {"%x=fill 1.50e1:f32[4,16,1]", "%x = fill 15 : f32[4,16]"},
      {"wait 1 // comment", "wait 1"},
  };
  for (const Row& row : rows) EXPECT_EQ(line_of(round(kernel_of(row.text)), 1), "  " + row.normal);
}

TEST(PrintParse, Extents) {
  for (const std::string text : {"4096", "m", "m*3", "ceil(m,8)", "ceil(m,8)*8", "ceil(m,8)*8+16", "m+1"}) {
    const std::string kernel = "kernel k(%a: workspace bf16[" + text + "]) {\n}\n";
    EXPECT_EQ(round(kernel), kernel);
  }
  EXPECT_EQ(round("kernel k(%a: global f32[16+8*ceil(m,8)-1]) {}"), "kernel k(%a: global f32[ceil(m,8)*8+15]) {\n}\n");
}

TEST(PrintParse, LinesAreThoseOfTheText) {
  const Result<Program> program = parse("// one\nkernel k() {\n\n  for serial %i = 0..2 {\n  barrier }\n}\n");
  ASSERT_TRUE(program.ok());
  std::vector<int32_t> lines;
  for (const Instr& instr : program->kernels[0].body) lines.push_back(instr.line);
  EXPECT_EQ(lines, (std::vector<int32_t>{4, 5, 5}));
}

TEST(Same, SeesEveryField) {
  const std::string text = kernel_of(
      "%x = fill 1 : f32[1,16]\n%y = fill 1 : f32[1,16]\n%z = add %x, %y : f32[1,16]\n"
      "for serial %i = 0..4 {\n%t = load %a[%i, 0:16] : f32[1,16]\n}");
  const Kernel kernel = parse(text)->kernels[0];
  EXPECT_TRUE(kernel.same(parse("\n// moved\n" + text)->kernels[0]));
  const auto differs = [&](const std::string& from, const std::string& to) {
    std::string other = text;
    other.replace(other.find(from), from.size(), to);
    const Result<Program> program = parse(other);
    ASSERT_TRUE(program.ok()) << program.error().message;
    EXPECT_FALSE(program->kernels[0].same(kernel)) << from << " -> " << to;
  };
  differs("fill 1", "fill 2");
  differs("add %x, %y", "add %y, %x");
  differs("add %x", "sub %x");
  differs("0..4", "0..5");
  differs("0..4", "0..4 step 2");
  differs("serial", "unrolled");
  differs("load", "load.clip");
  differs("%i, 0:16", "%i, 16:16");
  differs("[m,64]", "[m,65]");
  differs("kernel k", "kernel l");
}

TEST(ParseErrors, SayWhereWhatAndWhatWouldDo) {
  struct Row {
    std::string body, want;
  };
  const Row rows[] = {
      {"%x = foo %a", "t:2:6: `foo` is not an op that writes a register: fill, convert, "},
      {"%x = fill 0 : f32[4,64", "t:3:1: expected `]` after the tile's shape, found `}`"},
      {"%x = fill 0 : f99[4,64]", "t:2:15: `f99` is not an element type: f32, bf16"},
      {"%x = fill zero : f32[1,1]", "t:2:11: expected a number or `inf`, found `zero`"},
      {"%x = fill 1e99 : f32[1,1]", "t:2:11: `1e99` is outside the range of f32"},
      {"%x = fill 1.5 : i32[1,1]", "t:2:11: `1.5` is not an integer of 64 bits"},
      {"%x = fill 0x123456789 : f32[1,1]", "t:2:11: `0x123456789` is not the 32 bits of an f32"},
      {"%x = add %y, %y : f32[1,1]", "t:2:10: `%y` is not defined here"},
      {"%x = add %a, %a : f32[1,1]", "t:2:10: `%a` is a buffer, not a register: load from it first"},
      {"%x = fill 0 : f32[1,1] %x = fill 0 : f32[1,2]", "t:2:24: `%x` is f32[1,1] already and cannot become f32[1,2]"},
      {"%x = fill 0 : f32[1,1] prefetch %a[%x, 0]", "t:2:36: `%x` is a tile (f32[1,1]), not an index"},
      {"%x = load %b[0] : f32[1,1]", "t:2:11: `%b` is not a buffer of this kernel"},
      {"%x = load %a[m*m, 0] : f32[1,1]", "t:2:16: `m` is a second variable in a product; an index is linear"},
      {"%x = load %a[9223372036854775807+m+1, 0] : f32[1,1]", "t:2:36: this index does not fit 64 bits"},
      {"%x = load %a[99999999999999999999, 0] : f32[1,1]",
       "t:2:14: a number, `m` or an index like `%i` lies between 0 and 9223372036854775807, found "
       "`99999999999999999999`"},
      {"%x = load %a[0:2147483648] : f32[1,1]", "t:2:16: the extent of a slice lies between 0 and 2147483647"},
      {"%x = load %a[0;1] : f32[1,1]", "t:2:15: expected `,`, `]` or `:extent` after a slice's start, found `;`"},
      {"for parallel %i = 0..4 {}", "t:2:5: expected a loop's kind (serial, unrolled, tasks, waves), found `parallel`"},
      {"for serial %i = 0..4 { for serial %i = 0..4 {} }", "t:2:35: `%i` is already in use here"},
      {"for serial %i = 0..4 { %i = fill 0 : f32[1,1] }", "t:2:24: `%i` is the variable of the loop at line 2"},
      {"for serial %i = 0..ceil(m,0) {}", "t:2:27: a divisor lies between 1 and"},
      {"for serial %i = 0, 4 {}", "t:2:18: expected `..` after the loop's first value, found `,`"},
      {"for serial %i = 0..4 {", "t:4:1: expected an instruction or the kernel's `}`, found the end of the text"},
      {"for serial %i = 0..4 { ]", "t:2:24: expected an instruction or the `}` of the loop at line 2, found `]`"},
      {"for serial %i = 0..4 {} prefetch %a[%i, 0]", "t:2:37: `%i` is not defined here"},
      {"store %a[0, 0]", "t:3:1: expected `,` after the buffer's slices, found `}`"},
      {"load %a[0, 0]", "t:2:1: `load` writes a register: `%x = load ...`"},
      {"jump", "t:2:1: unknown instruction `jump`; without `%x =`: for, store"},
      {"wait 2147483648", "t:2:6: the number of copies that may stay in flight lies between 0 and 2147483647"},
      {"% = fill 0", "t:2:1: expected an instruction or the kernel's `}`, found `%`"},
      {"\x01", "t:2:1: expected an instruction or the kernel's `}`, found `\\x01`"},
      {"%x = fill 0 : f32[1,1] %y = fma %x, %x, %x, %x : f32[1,1]",
       "t:2:45: expected at most three operands, found `%x`"},
      {"for serial %i = 0..2 { for serial %j = 0..2 { for serial %k = 0..2 { for serial %l = 0..2 { "
       "for serial %o = 0..2 { for serial %p = 0..2 { prefetch %a[m+%i+%j+%k+%l+%o+%p, 0] } } } } } }",
       "t:2:168: an index has at most 6 variables"},
  };
  for (const Row& row : rows) {
    const std::string error = parse_error(kernel_of(row.body));
    EXPECT_EQ(error.substr(0, row.want.size()), row.want) << row.body;
  }
}

TEST(ParseErrors, Declarations) {
  struct Row {
    std::string text, want;
  };
  const Row rows[] = {
      {"", "t:1:1: expected `kernel`, found the end of the text"},
      {"kernel k() {} junk", "t:1:15: expected `kernel`, found `junk`"},
      {"kernel (", "t:1:8: expected the kernel's name, found `(`"},
      {"kernel k(a", "t:1:10: expected a buffer's name, like `%a`, found `a`"},
      {"kernel k(%1: global f32[1]) {}", "t:1:10: the buffer's name `%1` starts with a digit"},
      {"kernel k(%a: scratch f32[1]) {}",
       "t:1:14: expected `global` or `workspace` before a parameter's type, found `scratch`"},
      {"kernel k(%a: global index[1]) {}", "t:1:21: `index` is not an element type"},
      {"kernel k(%a: global f32[m*m]) {}", "t:1:27: expected a factor of m, found `m`"},
      {"kernel k(%a: global f32[m+m]) {}", "t:1:26: a dimension names m only once"},
      {"kernel k(%a: global f32[ceil(8,m)]) {}", "t:1:30: expected `m` after `ceil(`, found `8`"},
      {"kernel k(%a: global f32[0*m]) {}", "t:1:25: a factor of m is at least 1"},
      {"kernel k() { barrier scratch %x: f32[1] }", "t:1:22: unknown instruction `scratch`"},
      {"kernel k() {", "t:1:13: expected an instruction or the kernel's `}`, found the end of the text"},
  };
  for (const Row& row : rows) EXPECT_EQ(parse_error(row.text).substr(0, row.want.size()), row.want) << row.text;
}

TEST(ParseErrors, DeepNestingAndLongTextsAreFine) {
  std::string text = "kernel k() {\n";
  constexpr int depth = 20000;
  for (int i = 0; i < depth; ++i) text += "for serial %i" + std::to_string(i) + " = 0..2 {\n";
  for (int i = 0; i < depth; ++i) text += "}\n";
  EXPECT_TRUE(parse(text + "}").ok());
  EXPECT_FALSE(parse(text).ok());
  EXPECT_EQ(parse(std::string((size_t{64} << 20) + 1, ' '), "t").error().message, "t: the text is longer than 64 MiB");
}

}  // namespace
}  // namespace tilejit::ir

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "jit/compile.h"
#include "tests/support/kernel_text.h"

namespace tilejit {
namespace {

/// The text of a one-kernel program after the pass of this name.
std::string after(const std::string& pass_name, const std::string& text) {
  Result<ir::Program> program = ir::parse(text);
  EXPECT_TRUE(program.ok()) << program.error().message;
  for (const Pass& pass : passes())
    if (pass.name == pass_name) pass.run(program->kernels[0]);
  for (const ir::Violation& v : ir::verify(*program)) ADD_FAILURE() << v.message;
  return ir::print(*program);
}

/// Equal as programs: register names do not count.
void expect_same_program(const std::string& got, const std::string& want) {
  const Result<ir::Program> left = ir::parse(got), right = ir::parse(want);
  ASSERT_TRUE(left.ok() && right.ok()) << (right.ok() ? "" : right.error().message);
  EXPECT_TRUE(left->same(*right)) << got << "is not\n" << want;
}

/// Printing normalizes both sides.
void expect_same(const std::string& got, const std::string& want) {
  const Result<ir::Program> program = ir::parse(want);
  ASSERT_TRUE(program.ok()) << program.error().message;
  EXPECT_EQ(got, ir::print(*program));
}

TEST(UnrollLoops, NestedLoopsBecomeCopiesWithConstants) {
  const std::string text = R"(kernel k(%w: global u4[4,16,8], %out: global f32[8,16]) {
    for serial %i = 0..4 {
      %q = load %w[%i, 0:16, 0:8] : u4[1,16,8]
      for unrolled %j = 0..4 step 2 {
        for unrolled %t = 0..2 {
          %u = unpack %q lane %t zero 8 : f32[1,16]
          store %out[%j+%t, 0:16], %u
        }
      }
    }
  })";
  expect_same(after("unroll_loops", text), R"(kernel k(%w: global u4[4,16,8], %out: global f32[8,16]) {
    for serial %i = 0..4 {
      %q = load %w[%i, 0:16, 0:8] : u4[1,16,8]
      %u = unpack %q lane 0 zero 8 : f32[1,16]
      store %out[0, 0:16], %u
      %u = unpack %q lane 1 zero 8 : f32[1,16]
      store %out[1, 0:16], %u
      %u = unpack %q lane 0 zero 8 : f32[1,16]
      store %out[2, 0:16], %u
      %u = unpack %q lane 1 zero 8 : f32[1,16]
      store %out[3, 0:16], %u
    }
  })");
}

TEST(SimplifyLoops, OnceIsTheBodyAndNeverIsNothing) {
  const std::string text = R"(kernel k(%a: global f32[8,16], %out: global f32[8,16]) {
    for tasks %p = 0..1 {
      for serial %i = 3..4 {
        for serial %j = 2..2 {
          %y = load %a[%j, 0:16] : f32[1,16]
          store %out[%j, 0:16], %y
        }
        %x = load %a[%i, 0:16] : f32[1,16]
        store %out[%i+%p, 0:16], %x
      }
    }
  })";
  expect_same(after("simplify_loops", text), R"(kernel k(%a: global f32[8,16], %out: global f32[8,16]) {
    for tasks %p = 0..1 {
      %x = load %a[3, 0:16] : f32[1,16]
      store %out[%p+3, 0:16], %x
    }
  })");
}

TEST(HoistInvariants, LoadAndItsConvertLeaveTheLoops) {
  const std::string text = R"(kernel k(%a: global bf16[8,16], %out: global f32[8,16]) {
    for serial %i = 0..8 {
      for serial %j = 0..2 {
        %x = load %a[3, 0:16] : bf16[1,16]
        %y = convert %x : f32[1,16]
        store %out[%i, 0:16], %y
      }
    }
  })";
  expect_same(after("hoist_invariants", text), R"(kernel k(%a: global bf16[8,16], %out: global f32[8,16]) {
    %x = load %a[3, 0:16] : bf16[1,16]
    %y = convert %x : f32[1,16]
    for serial %i = 0..8 {
      for serial %j = 0..2 {
        store %out[%i, 0:16], %y
      }
    }
  })");
}

TEST(HoistInvariants, WhatTheLoopStoresOrRewritesStays) {
  for (const char* text : {R"(kernel k(%a: global f32[8,16]) {
    for serial %i = 0..8 {
      %x = load %a[3, 0:16] : f32[1,16]
      store %a[%i, 0:16], %x
    }
  })",
                           R"(kernel k(%a: global f32[8,16], %out: global f32[8,16]) {
    %x = load %a[1, 0:16] : f32[1,16]
    for serial %i = 0..8 {
      store %out[%i, 0:16], %x
      %x = load %a[3, 0:16] : f32[1,16]
    }
  })",
                           R"(kernel k(%a: global f32[m,16], %out: global f32[m,16]) {
    for serial %i = 0..m {
      %x = load %a[0, 0:16] : f32[1,16]
      store %out[%i, 0:16], %x
    }
  })"})
    expect_same(after("hoist_invariants", text), text);
}

/// In place, from a narrower operand: the sequence works on [1,16] and its last op makes [4,16].
TEST(ExpandFunctions, ExpIsItsSequenceInTheShapeOfTheOperand) {
  const std::string text = R"(kernel k(%a: global f32[16], %out: global f32[4,16]) {
    %x = load %a[0:16] : f32[1,16]
    %y = exp %x : f32[4,16]
    store %out[0:4, 0:16], %y
  })";
  expect_same_program(after("expand_functions", text), R"(kernel k(%a: global f32[16], %out: global f32[4,16]) {
    %x = load %a[0:16] : f32[1,16]
    %least = fill -104 : f32[1,1]
    %above = max %least, %x : f32[1,16]
    %most = fill 89 : f32[1,1]
    %inside = min %most, %above : f32[1,16]
    %shifter = fill 12583166 : f32[1,1]
    %log2_e = fill 1.442695 : f32[1,1]
    %shifted = fma %inside, %log2_e, %shifter : f32[1,16]
    %n = sub %shifted, %shifter : f32[1,16]
    %high = fill -0.69314575 : f32[1,1]
    %nearly = fma %n, %high, %inside : f32[1,16]
    %low = fill -1.4286068e-06 : f32[1,1]
    %r = fma %n, %low, %nearly : f32[1,16]
    %c4 = fill 0.0013821174 : f32[1,1]
    %c3 = fill 0.008368666 : f32[1,1]
    %p3 = fma %c4, %r, %c3 : f32[1,16]
    %c2 = fill 0.04166826 : f32[1,1]
    %p2 = fma %p3, %r, %c2 : f32[1,16]
    %c1 = fill 0.16666521 : f32[1,1]
    %p1 = fma %p2, %r, %c1 : f32[1,16]
    %c0 = fill 0.49999994 : f32[1,1]
    %p0 = fma %p1, %r, %c0 : f32[1,16]
    %r2 = mul %r, %r : f32[1,16]
    %q = fma %r2, %p0, %r : f32[1,16]
    %exponent = bitcast %shifted : i32[1,16]
    %first = shift_right %exponent by 1 : i32[1,16]
    %second = sub %exponent, %first : i32[1,16]
    %one = fill 1 : f32[1,1]
    %power = add %q, %one : f32[1,16]
    %s = shift_left %first by 23 : i32[1,16]
    %first_factor = bitcast %s : f32[1,16]
    %scaled = mul %power, %first_factor : f32[1,16]
    %s.1 = shift_left %second by 23 : i32[1,16]
    %second_factor = bitcast %s.1 : f32[1,16]
    %y = mul %scaled, %second_factor : f32[4,16]
    store %out[0:4, 0:16], %y
  })");
}

TEST(ExpandFunctions, TheOperandMayBeTheResult) {
  const std::string text = R"(kernel k(%a: global f32[16]) {
    %x = load %a[0:16] : f32[1,16]
    %x = tanh %x : f32[1,16]
    %x = erf %x : f32[1,16]
    store %a[0:16], %x
  })";
  std::vector<float> whole{0, -0.0f, 0.25f, -1, 3, -20, 1e-40f, 1, -5, 0.5f, 1e30f, -1e-20f, 2, 0.1f, -0.7f, 9};
  std::vector<float> expanded = whole;
  test::run_kernel(test::legal_kernel(text), {test::view(whole)});
  test::run_kernel(test::legal_kernel(after("expand_functions", text)), {test::view(expanded)});
  EXPECT_EQ(whole, expanded);
  EXPECT_FLOAT_EQ(whole[7], 0.7185451f);  // erf(tanh(1))
}

TEST(RemoveDead, UnreadChainsAndEmptyLoopsGo) {
  const std::string text = R"(kernel k(%a: global f32[8,16], %out: global f32[8,16]) {
    %sum = fill 0 : f32[1,16]
    for serial %i = 0..8 {
      %x = load %a[%i, 0:16] : f32[1,16]
      %sum = add %sum, %x : f32[1,16]
    }
    %y = fill 1 : f32[1,16]
    store %out[0, 0:16], %y
  })";
  expect_same(after("remove_dead", text), R"(kernel k(%a: global f32[8,16], %out: global f32[8,16]) {
    %y = fill 1 : f32[1,16]
    store %out[0, 0:16], %y
  })");
}

}  // namespace
}  // namespace tilejit

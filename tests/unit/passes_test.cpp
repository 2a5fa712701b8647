#include <gtest/gtest.h>

#include <string>

#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "jit/compile.h"

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

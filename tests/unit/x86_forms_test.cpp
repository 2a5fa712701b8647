// Every op, conversion, tile form and kind of clip: machine code against the interpreter, bit for bit, on memory that ends at
// an inaccessible page; on rows of every instruction set, with all registers and with six. Rows that this machine cannot
// execute are emulated, for fewer m.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "targets/targets.h"
#include "tests/support/kernel_text.h"
#include "tests/support/target_run.h"
#include "tests/unit/x86_forms.h"

namespace tilejit {
namespace {

using test::Form;

constexpr Form forms[] = {
    {"convert_16_bits",
     R"(kernel t(%a: global bf16[3,32], %h: global f16[3,32], %b: global bf16[3,32], %g: global f16[3,32]) {
      for serial %i = 0..3 {
        %x = load %a[%i, 0:32] : bf16[1,32]
        %x32 = convert %x : f32[1,32]
        %y = load %h[%i, 0:32] : f16[1,32]
        %y32 = convert %y : f32[1,32]
        %p = mul %x32, %y32 : f32[1,32]
        %x = convert %p : bf16[1,32]
        %y = convert %p : f16[1,32]
        store %b[%i, 0:32], %x
        store %g[%i, 0:32], %y
      } })"},
    {"convert_every_bf16_bit", R"(kernel t(%a: global i32[64,16], %b: global bf16[64,16], %f: global f32[64,16]) {
      for serial %i = 0..64 {
        %x = load %a[%i, 0:16] : i32[1,16]
        %y = load %f[%i, 0:16] : f32[1,16]
        %xf = convert %x : f32[1,16]
        %tiny = fill 1e-40 : f32[1,1]
        %xf = mul %xf, %tiny : f32[1,16]
        %y = add %y, %xf : f32[1,16]
        %z = convert %y : bf16[1,16]
        store %b[%i, 0:16], %z
      } })"},
    {"convert_integers",
     R"(kernel t(%a: global i8[48], %b: global u8[48], %c: global i16[48], %d: global i32[48], %f: global f32[48],
                                     %o: global i32[3,48], %s: global i16[48], %t: global i8[48], %u: global u8[48], %r: global i32[48]) {
      %x = load %a[0:48] : i8[1,48]
      %xi = convert %x : i32[1,48]
      store %o[0, 0:48], %xi
      %y = load %b[0:48] : u8[1,48]
      %yi = convert %y : i32[1,48]
      store %o[1, 0:48], %yi
      %z = load %c[0:48] : i16[1,48]
      %zi = convert %z : i32[1,48]
      store %o[2, 0:48], %zi
      %w = load %d[0:48] : i32[1,48]
      %w16 = convert %w : i16[1,48]
      store %s[0:48], %w16
      %m = mul %xi, %yi : i32[1,48]
      %m8 = convert %m : i8[1,48]
      store %t[0:48], %m8
      %d8 = sub %zi, %m : i32[1,48]
      %u8 = convert %d8 : u8[1,48]
      store %u[0:48], %u8
      %v = load %f[0:48] : f32[1,48]
      %big = fill 1e9 : f32[1,1]
      %v = mul %v, %big : f32[1,48]
      %vi = convert %v : i32[1,48]
      store %r[0:48], %vi
    })"},
    {"splats",
     R"(kernel t(%a: global bf16[m,5] strided, %f: global f32[m,5], %h: global f16[m,5], %i: global i8[m,5], %o: global f32[m,32],
                           %p: global bf16[m,5], %q: global f16[m,3], %j: global i32[m,2]) {
      for tasks %t = 0..floor(m,4) {
        %x = load %a[%t*4:4, 3] : bf16[4,1]
        %x32 = convert %x : f32[4,1]
        %y = load %f[%t*4:4, 4] : f32[4,1]
        %z = load %h[%t*4:4, 2] : f16[4,1]
        %z32 = convert %z : f32[4,1]
        %b = load %i[%t*4:4, 1] : i8[4,1]
        %bi = convert %b : i32[4,1]
        %bf = convert %bi : f32[4,1]
        %s = fma %x32, %y, %z32 : f32[4,1]
        %w = fill 0.25 : f32[1,32]
        %acc = fma %s, %w, %bf : f32[4,32]
        store %o[%t*4:4, 0:32], %acc
        %r = convert %s : bf16[4,1]
        store %p[%t*4:4, 4], %r
        %r16 = convert %s : f16[4,1]
        store %q[%t*4:4, 1], %r16
        store %j[%t*4:4, 1], %bi
      } })"},
    {"broadcast_operands", R"(kernel t(%a: global f32[m,4], %w: global f32[4,16], %o: global f32[m,16]) {
      for tasks %t = 0..ceil(m,3) {
        %acc = fill 1 : f32[3,16]
        for serial %k = 0..4 {
          %x = load.clip %a[%t*3:3, %k] : f32[3,1]
          %u = load %w[%k, 0:16] : f32[1,16]
          %acc = fma %x, %u, %acc : f32[3,16]
          %acc = sub %x, %acc : f32[3,16]
        }
        store.clip %o[%t*3:3, 0:16], %acc
      } })"},
    {"fma_forms", R"(kernel t(%a: global f32[16], %b: global f32[16], %c: global f32[16], %o: global f32[5,16]) {
      %x = load %a[0:16] : f32[1,16]
      %y = load %b[0:16] : f32[1,16]
      %z = load %c[0:16] : f32[1,16]
      %n = fma %x, %y, %z : f32[1,16]
      store %o[0, 0:16], %n
      %x = fma %x, %y, %z : f32[1,16]
      store %o[1, 0:16], %x
      %y = fma %x, %y, %z : f32[1,16]
      store %o[2, 0:16], %y
      %z = fma %x, %y, %z : f32[1,16]
      store %o[3, 0:16], %z
      %z = fma %z, %z, %z : f32[1,16]
      store %o[4, 0:16], %z
    })"},
    {"clip_columns", R"(kernel t(%a: global bf16[m,77] strided, %o: global f32[m,77] strided) {
      for tasks %t = 0..m {
        for serial %c = 0..2 {
          %x = load.clip %a[%t, %c*64-7:64] : bf16[1,64]
          %x32 = convert %x : f32[1,64]
          store.clip %o[%t, %c*64-7:64], %x32
        }
      } })"},
    {"clip_wide_columns", R"(kernel t(%a: global f32[150], %o: global bf16[150]) {
      for serial %c = 0..4 {
        %x = load.clip %a[%c*50:128] : f32[1,128]
        %y = convert %x : bf16[1,128]
        store.clip %o[%c*50:128], %y
      } })"},
    {"clip_rows", R"(kernel t(%a: global f16[m,7], %i: global i32[4], %o: global bf16[m,33] strided) {
      for tasks %t = 0..ceil(m,5) {
        %x = load.clip %a[%t*5:5, 6] : f16[5,1]
        %x32 = convert %x : f32[5,1]
        %z = fill 0 : f32[1,32]
        %y = add %x32, %z : f32[5,32]
        %yb = convert %y : bf16[5,32]
        store.clip %o[%t*5:5, 1:32], %yb
        store.clip %o[%t*5-2:5, 17:32], %yb
      } })"},
    {"clip_other_dimensions", R"(kernel t(%i: global i32[6], %a: global f32[3,4,16], %o: global f32[6,2,16]) {
      for serial %r = 0..6 {
        %p = load_index %i[%r]
        for serial %s = 0..2 {
          %x = load.clip %a[%p, %s*3+%r-2, 0:16] : f32[1,16]
          store.clip %o[%r*2-3, %s, 0:16], %x
        }
      } })"},
    {"clip_pairs", R"(kernel t(%a: global bf16[m,9], %o: global bf16[m,9]) {
      for tasks %t = 0..ceil(m,3) {
        for serial %k = 0..5 {
          %x = load.clip %a[%t*3:3, %k*2:2] : bf16[3,1,2]
          store.clip %o[%t*3:3, %k*2:2], %x
        }
      } })"},
    {"bytes_clipped", R"(kernel t(%a: global u8[3,21], %o: global u8[3,21], %s: global i16[3,21]) {
      for serial %r = 0..3 {
        %x = load.clip %a[%r, 5:32] : u8[1,32]
        store.clip %o[%r, 5:32], %x
        %y = convert %x : i32[1,32]
        %z = convert %y : i16[1,32]
        store.clip %s[%r, 5:32], %z
      } })"},
    {"unpack_f32",
     R"(kernel t(%w: global u4[2,32,8], %v: global u8[2,32,4], %z: global u8[2,32], %o: global f32[2,24,32]) {
      for serial %i = 0..2 {
        %q = load %w[%i, 0:32, 0:8] : u4[1,32,8]
        %b = load %v[%i, 0:32, 0:4] : u8[1,32,4]
        %zb = load %z[%i, 0:32] : u8[1,32]
        %zi = convert %zb : i32[1,32]
        for unrolled %j = 0..8 {
          %u = unpack %q lane %j zero 8 : f32[1,32]
          store %o[%i, %j, 0:32], %u
          %u = unpack_zero %q, %zi lane %j : f32[1,32]
          store %o[%i, %j+8, 0:32], %u
        }
        for unrolled %j = 0..4 {
          %u = unpack %b lane %j zero 128 : f32[1,32]
          store %o[%i, %j+16, 0:32], %u
          %u = unpack_zero %b, %zi lane %j : f32[1,32]
          store %o[%i, %j+20, 0:32], %u
        }
      } })"},
    {"unpack_bytes", R"(kernel t(%v: global u8[64], %o: global f32[64]) {
      %b = load %v[0:64] : u8[1,64]
      %u = unpack %b lane 0 zero -3 : f32[1,64]
      store %o[0:64], %u
    })"},
    {"unpack_bf16", R"(kernel t(%w: global u4[2,48,8], %v: global u8[2,48,4], %o: global bf16[2,14,48,2]) {
      for serial %i = 0..2 {
        %q = load %w[%i, 0:48, 0:8] : u4[1,48,8]
        %b = load %v[%i, 0:48, 0:4] : u8[1,48,4]
        %z = fill 11 : i32[1,1]
        for unrolled %j = 0..4 {
          %u = unpack %q lane %j zero 7 : bf16[1,48,2]
          store %o[%i, %j, 0:48, 0:2], %u
          %u = unpack_zero %q, %z lane %j : bf16[1,48,2]
          store %o[%i, %j+4, 0:48, 0:2], %u
        }
        for unrolled %j = 0..2 {
          %u = unpack %b lane %j zero 255 : bf16[1,48,2]
          store %o[%i, %j+8, 0:48, 0:2], %u
          %u = unpack_zero %b, %z lane %j : bf16[1,48,2]
          store %o[%i, %j+10, 0:48, 0:2], %u
          store %o[%i, %j+12, 0:48, 0:2], %u
        }
      } })"},
    {"dot_bf16", R"(kernel t(%a: global bf16[m,9] strided, %w: global bf16[4,32,2], %o: global f32[m,32]) {
      for tasks %t = 0..ceil(m,2) {
        %acc = fill 0.5 : f32[2,32]
        for serial %k = 0..4 {
          %x = load.clip %a[%t*2:2, %k*2:2] : bf16[2,1,2]
          %u = load %w[%k, 0:32, 0:2] : bf16[1,32,2]
          %new = dot_bf16 %x, %u, %acc : f32[2,32]
          %acc = add %new, %acc : f32[2,32]
          %acc = dot_bf16 %x, %u, %acc : f32[2,32]
        }
        store.clip %o[%t*2:2, 0:32], %acc
      } })",
     true},
    {"loops_at_run_time", R"(kernel t(%a: global f32[64,16], %o: global f32[m,16]) {
      for tasks %t = 0..m step 2 {
        %acc = fill 0 : f32[1,16]
        for serial %i = floor(%t,3)..min(40,ceil(%t*7+5,6)) step 3 {
          %x = load %a[%i, 0:16] : f32[1,16]
          for serial %j = %i..7 {
            %acc = fma %x, %x, %acc : f32[1,16]
          }
          %acc = add %acc, %x : f32[1,16]
        }
        store %o[%t, 0:16], %acc
      } })"},
    {"row_blocks_in_a_task", R"(kernel t(%a: global f32[m,16] strided, %o: global f32[m,16] strided) {
      for serial %b = 0..ceil(m,7) {
        for serial %r = 0..min(7,m-7*%b) {
          %x = load %a[%b*7+%r, 0:16] : f32[1,16]
          %x = add %x, %x : f32[1,16]
          store %o[%b*7+%r, 0:16], %x
        }
      } })"},
    {"extents_of_m_inside", R"(kernel t(%a: workspace f32[3,ceil(m,4)*4,16], %o: workspace f32[2,ceil(m,4)*4,16]) {
      for tasks %b = 0..ceil(m,4) {
        for serial %s = 0..2 {
          %x = load %a[%s+1, %b*4+2, 0:16] : f32[1,16]
          %y = load %a[%s, %b*4:4, 3] : f32[4,1]
          %z = mul %x, %y : f32[4,16]
          store %o[%s, %b*4:4, 0:16], %z
        }
      } })"},
    {"scratch_and_prefetch", R"(kernel t(%a: global f32[4,32], %o: global f32[4,32]) {
      scratch %s: f32[4,32]
      scratch %h: u8[3]
      scratch %t: bf16[2,16]
      for tasks %p = 0..4 {
        %x = load %a[%p, 0:32] : f32[1,32]
        prefetch %a[%p+9, 0:32]
        store %s[%p, 0:32], %x
        %h = load %a[%p, 16:16] : f32[1,16]
        %hb = convert %h : bf16[1,16]
        store %t[1, 0:16], %hb
        %y = load %s[%p, 0:32] : f32[1,32]
        %hc = load %t[1, 0:16] : bf16[1,16]
        %hf = convert %hc : f32[1,16]
        store %o[%p, 0:32], %y
        store %o[%p, 0:16], %hf
      } })"},
};

std::vector<const Target*> targets() {
  std::vector<const Target*> list;
  for (const char* name : {"avx512", "avx512_vnni", "zen4", "spr"}) list.push_back(*find_target(name));
  return list;
}

class X86Forms : public testing::TestWithParam<Form> {};

TEST_P(X86Forms, AgreesWithTheInterpreter) {
  const ir::Kernel kernel = test::lowered_kernel(test::legal_kernel(GetParam().text));
  for (const Target* target : targets()) {
    if (GetParam().needs_bf16 && !target->facts().has_dot_bf16) continue;
    const Result<Device> device = test::device_for(*target);
    if (!device) GTEST_SKIP() << device.error().message;
    for (const int registers : {32, 6})
      for (int64_t m = 0; m < 9; ++m) {
        test::Arguments arguments = test::random_arguments(kernel, m, static_cast<uint64_t>(m) + 1);
        size_t p = 0;  // stored zero points of nibbles are 0..16
        for (const ir::Buffer& b : kernel.buffers) {
          if (b.name == "z")
            for (std::byte& z : arguments.memory[p]) z = std::byte(std::to_integer<unsigned>(z) % 17);
          if (b.name == "lowest") std::ranges::fill(arguments.memory[p], std::byte{0x80});
          if (b.name == "highest") std::ranges::fill(arguments.memory[p], std::byte{0xff});
          if (b.name == "i" && b.dims.size() == 1)
            for (size_t e = 0; e < arguments.memory[p].size(); ++e)  // indices -1..4, some outside
              arguments.memory[p][e] = std::byte(e / 4 == 5 ? 0xff : e % 4 == 0 ? e / 4 : 0);
          p += b.is_parameter();
        }
        EXPECT_EQ(
            test::disagreement(*target, *device, kernel, m, arguments, {.vector_registers = registers, .stages = {}}),
            "")
            << target->facts().name << " registers=" << registers << " m=" << m;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, X86Forms, testing::ValuesIn(forms),
                         [](const auto& row) { return std::string(row.param.name); });
INSTANTIATE_TEST_SUITE_P(Quantized, X86Forms, testing::ValuesIn(test::quantized_forms()),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(X86Entry, KeepsAndIgnoresTheCallersFloatModes) {
  const Target* target = *find_target("avx512");
  const Result<Device> device = test::device_for(*target);
  if (!device) GTEST_SKIP() << device.error().message;
  const ir::Kernel kernel = test::lowered_kernel(test::legal_kernel(forms[0].text));
  Result<Code> code = target->lower(kernel, {});
  if (code && *device == Device::emulated) code = target->emulated(std::move(*code), kernel);
  ASSERT_TRUE(code.ok()) << code.error().message;
  test::Arguments expected = test::random_arguments(kernel, 1, 3);
  const test::Arguments start = expected;
  ASSERT_TRUE(test::run_code(*code, kernel, 1, expected).ok());
  for (const unsigned mode : {0x9fc0u, 0x7f80u, 0x3f80u, 0xdfc0u}) {
    test::Arguments actual = start;
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(mode);
    const Result<void> run = test::run_code(*code, kernel, 1, actual);
    const unsigned after = _mm_getcsr();
    _mm_setcsr(saved);
    EXPECT_TRUE(run.ok());
    EXPECT_EQ(after & ~0x3fu, mode);
    EXPECT_EQ(test::difference(kernel, expected, actual), "");
  }
}

}  // namespace
}  // namespace tilejit

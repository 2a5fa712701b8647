#include "tests/unit/x86_forms.h"

#include <iterator>

namespace tilejit::test {
namespace {

constexpr Form forms[] = {
    {"min_max_div_round",
     R"(kernel t(%a: global f32[3,32], %b: global f32[3,32], %s: global f32[2,2], %i: global i32[8,32], %o: global f32[m,5,3,32], %p: global i32[2,32]) {
      for serial %t = 0..m {
        for serial %r = 0..3 {
          %x = load %a[%r, 0:32] : f32[1,32]
          %y = load %b[%r, 0:32] : f32[1,32]
          %c = load %s[1, 1] : f32[1,1]
          %zero = fill 0 : f32[1,1]
          %nan = div %zero, %zero : f32[1,1]
          %q = div %x, %y : f32[1,32]
          store %o[%t, 0, %r, 0:32], %q
          %hi = max %x, %q : f32[1,32]
          %hi = max %hi, %nan : f32[1,32]
          %hi = max %hi, %c : f32[1,32]
          store %o[%t, 1, %r, 0:32], %hi
          %lo = min %q, %y : f32[1,32]
          %nan = min %nan, %c : f32[1,1]
          %lo = min %nan, %lo : f32[1,32]
          store %o[%t, 2, %r, 0:32], %lo
          %w = div %c, %x : f32[1,32]
          %w = round %w : f32[1,32]
          store %o[%t, 3, %r, 0:32], %w
          %half = fill 0.5 : f32[1,1]
          %h = add %w, %half : f32[1,32]
          %h = round %h : f32[1,32]
          store %o[%t, 4, %r, 0:32], %h
        }
        %u = load %i[0, 0:32] : i32[1,32]
        %v = load %i[1, 0:32] : i32[1,32]
        %big = max %u, %v : i32[1,32]
        store %p[0, 0:32], %big
        %small = min %u, %v : i32[1,32]
        store %p[1, 0:32], %small
      } })"},
    {"bits", R"(kernel t(%a: global i32[4,16], %f: global f32[2,16], %o: global i32[9,16], %g: global f32[2,16]) {
      %x = load %a[0, 0:16] : i32[1,16]
      %y = load %a[1, 0:16] : i32[1,16]
      %n = bit_and %x, %y : i32[1,16]
      store %o[0, 0:16], %n
      %n = bit_or %x, %y : i32[1,16]
      store %o[1, 0:16], %n
      %n = shift_left %x by 0 : i32[1,16]
      store %o[2, 0:16], %n
      %n = shift_left %x by 31 : i32[1,16]
      store %o[3, 0:16], %n
      %n = shift_right %x by 1 : i32[1,16]
      store %o[4, 0:16], %n
      %n = shift_right %x by 31 : i32[1,16]
      store %o[5, 0:16], %n
      %v = load %f[0, 0:16] : f32[1,16]
      %b = bitcast %v : i32[1,16]
      %one = fill 1 : i32[1,1]
      %b = add %b, %one : i32[1,16]
      %v = bitcast %b : f32[1,16]
      store %g[0, 0:16], %v
      %b = bitcast %v : i32[1,16]
      store %o[6, 0:16], %b
      %k = bitcast %one : f32[1,16]
      store %g[1, 0:16], %k
    })"},
    {"copies",
     R"(kernel t(%a: global f32[m,16], %s: global f32[m,2], %i: global i32[m,2], %o: global f32[m,32], %p: global i32[m,16]) {
      for tasks %t = 0..floor(m,2) {
        %x = load %a[%t*2:2, 0:16] : f32[2,16]
        %old = convert %x : f32[2,16]
        %again = convert %old : f32[2,16]
        %x = add %x, %x : f32[2,16]
        %x = mul %x, %again : f32[2,16]
        %sum = convert %x : f32[2,16]
        for serial %k = 0..3 {
          %before = convert %sum : f32[2,16]
          %sum = add %sum, %old : f32[2,16]
          %sum = fma %before, %again, %sum : f32[2,16]
        }
        store %o[%t*2:2, 0:16], %sum
        %r = load %s[%t*2:2, 1] : f32[2,1]
        %wide = convert %r : f32[2,16]
        store %o[%t*2:2, 16:16], %wide
        %n = load %i[%t*2:2, 0] : i32[2,1]
        %all = convert %n : i32[2,16]
        store %p[%t*2:2, 0:16], %all
      } })"},
    {"reductions", R"(kernel t(%a: global i32[m,64], %o: global i32[m,5]) {
      for tasks %t = 0..floor(m,3) {
        %x = load %a[%t*3:3, 0:64] : i32[3,64]
        %hi = reduce_max %x : i32[3,1]
        store %o[%t*3:3, 0], %hi
        %sum = reduce_add %x : i32[3,1]
        store %o[%t*3:3, 1], %sum
        %y = load %a[%t*3:3, 16:16] : i32[3,16]
        %hi = reduce_max %y : i32[3,1]
        store %o[%t*3:3, 2], %hi
        %sum = reduce_add %y : i32[3,1]
        store %o[%t*3:3, 3], %sum
        %sum = reduce_add %sum : i32[3,1]
        %hi = reduce_max %hi : i32[3,1]
        %sum = sub %sum, %hi : i32[3,1]
        store %o[%t*3:3, 4], %sum
      } })"},
    {"dot_i8",
     R"(kernel t(%a: global i8[m,17] strided, %w: global u8[4,32,4], %q: global u4[4,32,8], %o: global i32[m,32], %p: global i32[m,32]) {
      for tasks %t = 0..ceil(m,3) {
        %acc = fill 2147483000 : i32[3,32]
        %sum = fill -5 : i32[3,32]
        for serial %k = 0..4 {
          %x = load.clip %a[%t*3:3, %k*4+1:4] : i8[3,1,4]
          %b = load %w[%k, 0:32, 0:4] : u8[1,32,4]
          %u = unpack %b lane 0 zero 0 : u8[1,32,4]
          %new = dot_i8 %x, %u, %acc : i32[3,32]
          %acc = add %new, %acc : i32[3,32]
          %acc = dot_i8 %x, %b, %acc : i32[3,32]
          %n = load %q[%k, 0:32, 0:8] : u4[1,32,8]
          for unrolled %j = 0..2 {
            %u = unpack %n lane %j zero 0 : u8[1,32,4]
            %sum = dot_i8 %x, %u, %sum : i32[3,32]
            %v = unpack %n lane %j zero 0 : u8[1,32,4]
            %sum = dot_i8 %x, %v, %sum : i32[3,32]
          }
        }
        store.clip %o[%t*3:3, 0:32], %acc
        store.clip %p[%t*3:3, 0:32], %sum
      } })"},
    {"dot_i8_extremes",
     R"(kernel t(%lowest: global i8[2,4], %highest: global u8[16,4], %o: global i32[2,16]) {
      %x = load %lowest[0:2, 0:4] : i8[2,1,4]
      %w = load %highest[0:16, 0:4] : u8[1,16,4]
      %acc = fill 0 : i32[2,16]
      %acc = dot_i8 %x, %w, %acc : i32[2,16]
      store %o[0:2, 0:16], %acc
    })"},
    {"quantize_rows",
     R"(kernel t(%a: global f32[m,40] strided, %q: workspace i8[ceil(m,2)*2,48], %s: workspace f32[ceil(m,2)*2]) {
      for tasks %t = 0..ceil(m,2) {
        %top = fill 0 : i32[2,16]
        %mask = fill 2147483647 : i32[1,1]
        for serial %k = 0..3 {
          %x = load.clip %a[%t*2:2, %k*16:16] : f32[2,16]
          %b = bitcast %x : i32[2,16]
          %b = bit_and %b, %mask : i32[2,16]
          %top = max %top, %b : i32[2,16]
        }
        %most = reduce_max %top : i32[2,1]
        %absmax = bitcast %most : f32[2,1]
        %range = fill 127 : f32[1,1]
        %scale = div %absmax, %range : f32[2,1]
        store %s[%t*2:2], %scale
        %r = div %range, %absmax : f32[2,1]
        for serial %k = 0..3 {
          %x = load.clip %a[%t*2:2, %k*16:16] : f32[2,16]
          %x = mul %x, %r : f32[2,16]
          %x = round %x : f32[2,16]
          %i = convert %x : i32[2,16]
          %i8 = convert %i : i8[2,16]
          store %q[%t*2:2, %k*16:16], %i8
        }
      } })"},
    {"unpack_pairs", R"(kernel t(%w: global bf16[2,32,2], %h: global f16[2,32], %o: global f32[2,3,32]) {
      for serial %i = 0..2 {
        %p = load %w[%i, 0:32, 0:2] : bf16[1,32,2]
        for unrolled %j = 0..2 {
          %u = unpack %p lane %j zero 0 : f32[1,32]
          store %o[%i, %j, 0:32], %u
        }
        %x = load %h[%i, 0:32] : f16[1,32]
        %y = convert %x : f32[1,32]
        store %o[%i, 2, 0:32], %y
      } })"},
    {"unpack_far_zeros", R"(kernel t(%v: global u8[16,4], %o: global f32[6,16]) {
      %b = load %v[0:16, 0:4] : u8[1,16,4]
      %u = unpack %b lane 0 zero 16777215 : f32[1,16]
      store %o[0, 0:16], %u
      %u = unpack %b lane 1 zero 16777215 : f32[1,16]
      store %o[1, 0:16], %u
      %u = unpack %b lane 2 zero -16776961 : f32[1,16]
      store %o[2, 0:16], %u
      %u = unpack %b lane 3 zero -16776961 : f32[1,16]
      store %o[3, 0:16], %u
      %u = unpack %b lane 2 zero 8388609 : f32[1,16]
      store %o[4, 0:16], %u
      %u = unpack %b lane 3 zero 1 : f32[1,16]
      store %o[5, 0:16], %u
    })"},
};

}  // namespace

std::vector<Form> quantized_forms() { return {std::begin(forms), std::end(forms)}; }

}  // namespace tilejit::test

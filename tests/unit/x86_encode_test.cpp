// Single vcode instructions and their bytes (as llvm-mc and objdump read them). A row's registers are already allocated:
// zmm, general and mask registers by number.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "targets/x86/encode.h"

namespace tilejit::x86 {
namespace {

/// Registers 0..31 of the code are zmm0..31, then 16 general ones, then k0..k7.
Reg z(int n) { return Reg{n}; }
Reg g(int n) { return Reg{32 + n}; }
Reg k(int n) { return Reg{48 + n}; }

Mem at(int base, int32_t disp, bool broadcast = false) {
  Mem mem;
  mem.kind = MemKind::pointer;
  mem.base = g(base);
  mem.disp = disp;
  mem.broadcast = broadcast;
  return mem;
}

Mem indexed(int base, int by, uint8_t scale) {
  Mem mem = at(base, 0);
  mem.index = g(by);
  mem.scale = scale;
  return mem;
}

Code encoded(const std::vector<Inst>& insts) {
  VCode code;
  Allocation allocation;
  for (int n = 0; n < 32; ++n) code.add_register(Class::zmm), allocation.number.push_back(static_cast<uint8_t>(n));
  for (int n = 0; n < 16; ++n) code.add_register(Class::gpr), allocation.number.push_back(static_cast<uint8_t>(n));
  for (int n = 0; n < 8; ++n) code.add_register(Class::mask), allocation.number.push_back(static_cast<uint8_t>(n));
  code.insts = insts;
  code.labels = 1;
  code.loops = {{"loop", 1}};
  Result<Code> result = encode(code, allocation);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? std::move(*result) : Code{};
}

/// A loop's resources say which bytes its body takes.
std::string hex_of(const Inst& inst) {
  Inst begin, end;
  begin.op = VOp::loop_begin;
  end.op = VOp::loop_end;
  const Code code = encoded({begin, inst, end});
  std::string hex;
  for (int64_t i = code.resources.loops[0].first_byte; i < code.resources.loops[0].last_byte; ++i)
    hex += fmt::format("{:02x}", code.bytes[static_cast<size_t>(i)]);
  return hex;
}

struct Row {
  const char* hex;
  const char* text;
  Inst inst;
};

Inst make(VOp op, Reg dst, Reg a = Reg::none, Reg b = Reg::none, Reg c = Reg::none) {
  Inst inst;
  inst.op = op;
  inst.dst = dst;
  inst.a = a;
  inst.b = b;
  inst.c = c;
  return inst;
}
Inst with(Inst inst, Mem mem) {
  inst.mem = mem;
  return inst;
}
Inst imm(Inst inst, int64_t value) {
  inst.imm = value;
  return inst;
}
Inst sized(Inst inst, uint8_t bytes) {
  inst.bytes = bytes;
  return inst;
}
Inst masked(Inst inst, int mask, uint8_t bytes, uint8_t element) {
  inst.mask = k(mask);
  inst.bytes = bytes;
  inst.element = element;
  return inst;
}

const Row rows[] = {
    {"62f1744058cb", "vaddps zmm1,zmm17,zmm3", make(VOp::vaddps, z(1), z(17), z(3))},
    {"6262ed488df0", "vpermw zmm30,zmm2,zmm0", make(VOp::vpermw, z(30), z(2), z(0))},
    {"62f25548166002", "vpermps zmm4,zmm5,[rax+0x80]", with(make(VOp::vpermps, z(4), z(5)), at(0, 128))},
    {"62712c58594b01", "vmulps zmm9,zmm10,bcst [rbx+0x4]", with(make(VOp::vmulps, z(9), z(10)), at(3, 4, true))},
    {"62517c585b4500", "vcvtdq2ps zmm8,bcst [r13+0x0]", with(make(VOp::vcvtdq2ps, z(8)), at(13, 0, true))},
    {"62c27d4833642401", "vpmovzxwd zmm20,[r12+0x20]", with(make(VOp::vpmovzxwd, z(20)), at(12, 32))},
    {"62a27d4831e5", "vpmovzxbd zmm20,xmm21", make(VOp::vpmovzxbd, z(20), z(21))},
    {"62927e4872cf", "vcvtneps2bf16 ymm1,zmm31", make(VOp::vcvtneps2bf16, z(1), z(31))},
    {"62f14d4871d70c", "vpsrlw zmm6,zmm7,0xc", imm(make(VOp::vpsrlw, z(6), z(7)), 12)},
    {"62f14d487254240104", "vpsrld zmm6,[rsp+0x40],0x4", imm(with(make(VOp::vpsrld, z(6)), at(4, 64)), 4)},
    {"62e37d481dd200", "vcvtps2ph ymm2,zmm18,0x0", imm(make(VOp::vcvtps2ph, z(2), z(18)), 0)},
    {"62f26d48b8cb", "vfmadd231ps zmm1,zmm2,zmm3", make(VOp::fma, z(1), z(2), z(3), z(1))},
    {"62f26548a8ca", "vfmadd213ps zmm1,zmm3,zmm2", make(VOp::fma, z(1), z(1), z(3), z(2))},
    {"62f26548a8ca", "vfmadd213ps zmm1,zmm3,zmm2", make(VOp::fma, z(1), z(3), z(1), z(2))},
    {"62f17c4828cc62f26d48b8cb", "vmovaps zmm1,zmm4; vfmadd231ps zmm1,zmm2,zmm3",
     make(VOp::fma, z(1), z(2), z(3), z(4))},
    {"62f26d58b84802", "vfmadd231ps zmm1,zmm2,bcst [rax+0x8]",
     with(make(VOp::fma, z(1), z(2), Reg::none, z(1)), at(0, 8, true))},
    {"62f26d48984801", "vfmadd132ps zmm1,zmm2,[rax+0x40]",
     with(make(VOp::fma, z(1), z(1), Reg::none, z(2)), at(0, 64))},
    {"62f26d48a84801", "vfmadd213ps zmm1,zmm2,[rax+0x40]",
     with(make(VOp::fma, z(1), z(2), z(1), Reg::none), at(0, 64))},
    {"62f17c4828ca62f26548a84801", "vmovaps zmm1,zmm2; vfmadd213ps zmm1,zmm3,[rax+0x40]",
     with(make(VOp::fma, z(1), z(2), z(3), Reg::none), at(0, 64))},
    {"62926e4052ea", "vdpbf16ps zmm5,zmm18,zmm26", make(VOp::dpbf16, z(5), z(5), z(18), z(26))},
    {"62f17c4828ee62926e4052ea", "vmovaps zmm5,zmm6; vdpbf16ps zmm5,zmm18,zmm26",
     make(VOp::dpbf16, z(5), z(6), z(18), z(26))},
    {"62f22e50526e03", "vdpbf16ps zmm5,zmm26,bcst [rsi+0xc]",
     with(make(VOp::dpbf16, z(5), z(5), Reg::none, z(26)), at(6, 12, true))},
    {"62926d4050ea", "vpdpbusd zmm5,zmm18,zmm26", make(VOp::dpbusd, z(5), z(5), z(18), z(26))},
    {"62f17c4828ee62926d4050ea", "vmovaps zmm5,zmm6; vpdpbusd zmm5,zmm18,zmm26",
     make(VOp::dpbusd, z(5), z(6), z(18), z(26))},
    {"62f22d50506e03", "vpdpbusd zmm5,zmm26,bcst [rsi+0xc]",
     with(make(VOp::dpbusd, z(5), z(5), z(26)), at(6, 12, true))},
    {"62712c585e4b01", "vdivps zmm9,zmm10,bcst [rbx+0x4]", with(make(VOp::vdivps, z(9), z(10)), at(3, 4, true))},
    {"62f154485f6002", "vmaxps zmm4,zmm5,[rax+0x80]", with(make(VOp::vmaxps, z(4), z(5)), at(0, 128))},
    {"62b154485de6", "vminps zmm4,zmm5,zmm22", make(VOp::vminps, z(4), z(5), z(22))},
    {"62f2754039cb", "vpminsd zmm1,zmm17,zmm3", make(VOp::vpminsd, z(1), z(17), z(3))},
    {"62f17540f5cb", "vpmaddwd zmm1,zmm17,zmm3", make(VOp::vpmaddwd, z(1), z(17), z(3))},
    {"62f27540044801", "vpmaddubsw zmm1,zmm17,[rax+0x40]", with(make(VOp::vpmaddubsw, z(1), z(17)), at(0, 64))},
    {"62f14d4872e71f", "vpsrad zmm6,zmm7,0x1f", imm(make(VOp::vpsrad, z(6), z(7)), 31)},
    {"62f14d4871f708", "vpsllw zmm6,zmm7,0x8", imm(make(VOp::vpsllw, z(6), z(7)), 8)},
    {"62b14d4871e708", "vpsraw zmm6,zmm23,0x8", imm(make(VOp::vpsraw, z(6), z(23)), 8)},
    {"62f17d4870f74e", "vpshufd zmm6,zmm7,0x4e", imm(make(VOp::vpshufd, z(6), z(7)), 0x4e)},
    {"62b37d4808f708", "vrndscaleps zmm6,zmm23,0x8", imm(make(VOp::vrndscaleps, z(6), z(23)), 8)},
    {"62f37d480874240108", "vrndscaleps zmm6,[rsp+0x40],0x8", imm(with(make(VOp::vrndscaleps, z(6)), at(4, 64)), 8)},
    {"62b3454043f7b1", "vshufi32x4 zmm6,zmm23,zmm23,0xb1", imm(make(VOp::vshufi32x4, z(6), z(23)), 0xb1)},
    {"62f26d4c66cb", "vpblendmb zmm1{k4},zmm2,zmm3", masked(make(VOp::vpblendmb, z(1), z(2), z(3)), 4, 64, 1)},
    {"62f26d4c00cb", "vpshufb zmm1{k4},zmm2,zmm3", masked(make(VOp::shuffle_into, z(1), z(1), z(2), z(3)), 4, 64, 1)},
    {"62f17c4828cc62f26d4c00cb", "vmovaps zmm1,zmm4; vpshufb zmm1{k4},zmm2,zmm3",
     masked(make(VOp::shuffle_into, z(1), z(4), z(2), z(3)), 4, 64, 1)},
    {"62f26d4c64cb", "vpblendmd zmm1{k4},zmm2,zmm3", masked(make(VOp::vpblendmd, z(1), z(2), z(3)), 4, 64, 4)},
    {"62f17448c2d303", "vcmpunordps k2,zmm1,zmm3", imm(make(VOp::vcmpps, k(2), z(1), z(3)), 3)},
    {"62b2764827f8", "vptestnmd k7,zmm1,zmm16", make(VOp::vptestnmd, k(7), z(1), z(16))},
    {"c5e1efdb", "vpxor xmm3,xmm3,xmm3", make(VOp::zero, z(3))},
    {"62a16500efdb", "vpxord xmm19,xmm19,xmm19", make(VOp::zero, z(19))},
    {"", "a copy onto itself is nothing", make(VOp::vmov, z(3), z(3))},
    {"62f17c48105d01", "vmovups zmm3,[rbp+0x40]", with(make(VOp::load, z(3)), at(5, 64))},
    {"62f17ec96f5d01", "vmovdqu32 zmm3{k1}{z},[rbp+0x40]", masked(with(make(VOp::load, z(3)), at(5, 64)), 1, 64, 4)},
    {"62f1ffa96f5d02", "vmovdqu16 ymm3{k1}{z},[rbp+0x40]", masked(with(make(VOp::load, z(3)), at(5, 64)), 1, 32, 2)},
    {"62f17f896f9d01000000", "vmovdqu8 xmm3{k1}{z},[rbp+0x1]", masked(with(make(VOp::load, z(3)), at(5, 1)), 1, 16, 1)},
    {"62b27d48585c4d00", "vpbroadcastd zmm3,[rbp+r9*2+0x0]", with(make(VOp::vpbroadcastd, z(3)), indexed(5, 9, 2))},
    {"62f27d48795d01", "vpbroadcastw zmm3,[rbp+0x2]", with(make(VOp::vpbroadcastw, z(3)), at(5, 2))},
    {"62f27d4878dc", "vpbroadcastb zmm3,xmm4", make(VOp::vpbroadcastb, z(3), z(4))},
    {"6271ff2b7f4201", "vmovdqu16 [rdx+0x20]{k3},ymm8",
     masked(with(make(VOp::store, Reg::none, z(8)), at(2, 32)), 3, 32, 2)},
    {"c4637915420200", "vpextrw [rdx+0x2],xmm8,0x0", sized(with(make(VOp::store_low, Reg::none, z(8)), at(2, 2)), 2)},
    {"62e37d0815520100", "vpextrw [rdx+0x2],xmm18,0x0",
     sized(with(make(VOp::store_low, Reg::none, z(18)), at(2, 2)), 2)},
    {"c57a114204", "vmovss [rdx+0x4],xmm8", sized(with(make(VOp::store_low, Reg::none, z(8)), at(2, 4)), 4)},
    {"c4637914420100", "vpextrb [rdx+0x1],xmm8,0x0", sized(with(make(VOp::store_low, Reg::none, z(8)), at(2, 1)), 1)},
    {"bb07000000", "mov ebx,0x7", imm(make(VOp::mov_imm, g(3)), 7)},
    {"4c634104", "movsxd r8,[rcx+0x4]", with(make(VOp::load_i32, g(8)), at(1, 4))},
    {"4801d1", "add rcx,rdx", make(VOp::add, g(1), g(1), g(2))},
    {"4801d1", "add rcx,rdx", make(VOp::add, g(1), g(2), g(1))},
    {"488d0c1a", "lea rcx,[rdx+rbx*1]", make(VOp::add, g(1), g(2), g(3))},
    {"488d4afb", "lea rcx,[rdx-0x5]", imm(make(VOp::add_imm, g(1), g(2)), -5)},
    {"4981c400020000", "add r12,0x200", imm(make(VOp::add_imm, g(12), g(12)), 512)},
    {"4889d14829d9", "mov rcx,rdx; sub rcx,rbx", make(VOp::sub, g(1), g(2), g(3))},
    {"480fafca", "imul rcx,rdx", make(VOp::imul, g(1), g(2), g(1))},
    {"486bca64", "imul rcx,rdx,0x64", imm(make(VOp::imul_imm, g(1), g(2)), 100)},
    {"48c1e903", "shr rcx,0x3", imm(make(VOp::shr, g(1), g(1)), 3)},
    {"488d0c5a", "lea rcx,[rdx+rbx*2]", with(make(VOp::lea, g(1)), indexed(2, 3, 2))},
    {"4839d9480f4fcb", "cmp rcx,rbx; cmovg rcx,rbx", make(VOp::min, g(1), g(1), g(3))},
    {"c4e2e0f5ca", "bzhi rcx,rdx,rbx", make(VOp::bzhi, g(1), g(2), g(3))},
    {"c4e2e8f2cb", "andn rcx,rdx,rbx", make(VOp::andn, g(1), g(2), g(3))},
    {"0f188f00040000", "prefetcht0 [rdi+0x400]", with(make(VOp::prefetch, Reg::none), at(7, 1024))},
    {"c4c17892c9", "kmovw k1,r9d", make(VOp::kmovw, k(1), g(9))},
};

TEST(X86Encode, Rows) {
  for (const Row& row : rows) EXPECT_EQ(hex_of(row.inst), row.hex) << row.text;
}

}  // namespace
}  // namespace tilejit::x86

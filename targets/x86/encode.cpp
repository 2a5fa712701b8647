#include "targets/x86/encode.h"

#include <fmt/format.h>
#include <xbyak/xbyak.h>

#include <algorithm>
#include <array>
#include <bit>

#include "ir/check.h"

namespace tilejit::x86 {
namespace {

using Xbyak::Address;
using Xbyak::Operand;
using Xbyak::Opmask;
using Xbyak::Reg64;
using Xbyak::Xmm;
using Xbyak::Ymm;
using Xbyak::Zmm;

constexpr std::array callee_saved = {3, 5, 12, 13, 14, 15};
constexpr int32_t float_mode = 0x1f80;        // round to nearest even, subnormals kept, exceptions masked
constexpr size_t bytes_per_instruction = 40;  // the longest expansion is a copy, an operation and a jump

class Encoder : public Xbyak::CodeGenerator {
 public:
  Encoder(const VCode& code, const Allocation& allocation, std::vector<uint8_t>& memory)
      : CodeGenerator(memory.size(), memory.data()), code_(code), allocation_(allocation),
        labels_(static_cast<size_t>(code.labels)) {
    setDefaultJmpNEAR(true);
  }

  Code run() {
    Code result;
    resources_.loops.resize(code_.loops.size());
    count();
    prologue();
    for (const Inst& inst : code_.insts) emit(inst);
    epilogue();
    result.constants_offset = place_constants();
    result.bytes.reserve(getSize() + code_.constants.size());
    result.bytes.assign(getCode(), getCode() + getSize());
    result.bytes.insert(result.bytes.end(), code_.constants.begin(), code_.constants.end());
    resources_.code_bytes = result.constants_offset;
    resources_.constant_bytes = static_cast<int64_t>(result.bytes.size()) - result.constants_offset;
    result.scratch_bytes = code_.scratch_bytes;
    result.resources = std::move(resources_);
    return result;
  }

 private:
  // --- operands
  int number(Reg r) const { return allocation_.number[index(r)]; }
  Reg64 g(Reg r) const { return Reg64(number(r)); }
  Zmm z(Reg r) const { return Zmm(number(r)); }
  Opmask k(Reg r) const { return Opmask(number(r)); }
  Xmm vector(Reg r, int bytes) const {
    if (bytes == 64) return Zmm(number(r));
    if (bytes == 32) return Ymm(number(r));
    return Xmm(number(r));
  }

  int32_t slot_offset(const Mem& mem) const {
    const int32_t vectors = allocation_.slots[static_cast<size_t>(Class::zmm)];
    if (mem.slot_class == Class::zmm) return 64 * mem.disp;
    const int32_t gprs = allocation_.slots[static_cast<size_t>(Class::gpr)];
    return 64 * vectors + 8 * (mem.disp + (mem.slot_class == Class::mask ? gprs : 0));
  }
  Address m(const Mem& mem) { return m(mem, mem.broadcast ? ptr_b : ptr); }
  Address m(const Mem& mem, const Xbyak::AddressFrame& frame) {
    if (mem.kind == MemKind::slot) return frame[rsp + slot_offset(mem)];
    if (mem.kind == MemKind::constant) return frame[rip + constants_ + mem.disp];
    if (mem.index == Reg::none) return frame[g(mem.base) + mem.disp];
    return frame[g(mem.base) + g(mem.index) * mem.scale + mem.disp];
  }

  // --- frame
  void count() {
    std::array<std::array<bool, 32>, class_count> used{};
    std::vector<size_t> open;
    const auto see = [&](Reg r) {
      used[static_cast<size_t>(code_.classes[index(r)])][static_cast<size_t>(number(r))] = true;
    };
    for (const Inst& inst : code_.insts) {
      for_each_read(inst, [&](Reg r, bool) { see(r); });
      if (inst.dst != Reg::none) see(inst.dst);
      if (inst.op == VOp::loop_end) open.pop_back();
      count_instruction(inst, open);
      if (inst.op == VOp::loop_begin) open.push_back(static_cast<size_t>(inst.imm));
    }
    const auto total = [&](Class c) {
      const auto& u = used[static_cast<size_t>(c)];
      return static_cast<int>(std::count(u.begin(), u.end(), true));
    };
    resources_.general_registers = total(Class::gpr);
    resources_.vector_registers = total(Class::zmm);
    resources_.mask_registers = total(Class::mask);
    for (const int32_t slots : allocation_.slots) resources_.spill_slots += slots;
    for (const int reg : callee_saved)
      if (used[static_cast<size_t>(Class::gpr)][static_cast<size_t>(reg)]) saved_.push_back(reg);
  }

  void count_instruction(const Inst& inst, const std::vector<size_t>& open) {
    const bool is_spill = inst.mem.kind == MemKind::slot;
    const bool is_store = info(inst.op).has(op_flag::effect);
    resources_.spill_loads += is_spill && !is_store;
    resources_.spill_stores += is_spill && is_store;
    if (open.empty() || inst.op == VOp::label || inst.op == VOp::loop_begin || inst.op == VOp::loop_end) return;
    LoopResources& loop = resources_.loops[open.back()];
    ++loop.instructions;
    loop.spill_loads += is_spill && !is_store;
    loop.spill_stores += is_spill && is_store;
  }

  int32_t frame_bytes() const {
    const auto slots = [&](Class c) { return allocation_.slots[static_cast<size_t>(c)]; };
    return 64 * slots(Class::zmm) + 8 * (slots(Class::gpr) + slots(Class::mask));
  }

  /// MXCSR is kept in the red zone, or above the slots when there is a frame; the frame remembers the caller's rsp.
  void prologue() {
    endbr64();
    for (const int reg : saved_) push(Reg64(reg));
    frame_ = frame_bytes();
    if (frame_ != 0) {
      mov(rax, rsp);
      sub(rsp, frame_ + 16);
      and_(rsp, -64);
      mov(ptr[rsp + frame_], rax);
    }
    mode_ = frame_ != 0 ? frame_ + 8 : -8;
    stmxcsr(dword[rsp + mode_]);
    mov(dword[rsp + mode_ + 4], float_mode);
    ldmxcsr(dword[rsp + mode_ + 4]);
  }

  void epilogue() {
    ldmxcsr(dword[rsp + mode_]);
    if (frame_ != 0) mov(rsp, ptr[rsp + frame_]);
    for (auto reg = saved_.rbegin(); reg != saved_.rend(); ++reg) pop(Reg64(*reg));
    vzeroupper();
    ret();
  }

  /// Where the constants follow the code.
  int64_t place_constants() {
    const auto code_size = static_cast<int64_t>(getSize());
    if (code_.constants.empty()) return code_size;
    while (getSize() % 64 != 0) db(0xcc);  // by offset: the code will start at a multiple of 64
    const auto offset = static_cast<int64_t>(getSize());
    L(constants_);
    return offset;
  }

  // --- instructions
  void emit(const Inst& i) {
    // clang-format off
    switch (i.op) {
#define VVV(name, flags) \
  case VOp::name: return with_source(i.b, i.mem, 64, [&](const Operand& b) { name(masked(i), z(i.a), b); });
#define VV(name, dst_bytes, src_bytes, flags) \
  case VOp::name: return with_source(i.a, i.mem, src_bytes, [&](const Operand& a) { name(vector(i.dst, dst_bytes), a); });
#define VVI(name, flags) \
  case VOp::name: return with_source(i.a, i.mem, 64, [&](const Operand& a) { name(z(i.dst), a, static_cast<uint8_t>(i.imm)); });
#define VOP(name, form, flags) \
  case VOp::name: return encode_##name(i);
#include "targets/x86/vcode_ops.def"
#undef VVV
#undef VV
#undef VVI
#undef VOP
    }
    // clang-format on
  }

  /// The destination; lanes that a mask leaves out become zero.
  Xbyak::Zmm masked(const Inst& i) { return i.mask == Reg::none ? z(i.dst) : z(i.dst) | k(i.mask) | T_z; }

  void encode_vcvtps2ph(const Inst& i) { vcvtps2ph(vector(i.dst, 32), z(i.a), static_cast<uint8_t>(i.imm)); }
  void encode_vpmovdw(const Inst& i) { vpmovdw(vector(i.dst, 32), z(i.a)); }
  void encode_vpmovsdw(const Inst& i) { vpmovsdw(vector(i.dst, 32), z(i.a)); }
  void encode_vpmovsdb(const Inst& i) { vpmovsdb(vector(i.dst, 16), z(i.a)); }
  void encode_vpmovusdb(const Inst& i) { vpmovusdb(vector(i.dst, 16), z(i.a)); }
  void encode_vpblendmd(const Inst& i) {
    with_source(i.b, i.mem, 64, [&](const Operand& b) { vpblendmd(z(i.dst) | k(i.mask), z(i.a), b); });
  }
  void encode_vpblendmb(const Inst& i) {
    with_source(i.b, i.mem, 64, [&](const Operand& b) { vpblendmb(z(i.dst) | k(i.mask), z(i.a), b); });
  }
  void encode_shuffle_into(const Inst& i) {
    copy(i.dst, i.a);
    with_source(i.c, i.mem, 64, [&](const Operand& c) { vpshufb(z(i.dst) | k(i.mask), z(i.b), c); });
  }
  void encode_vshufi32x4(const Inst& i) { vshufi32x4(z(i.dst), z(i.a), z(i.a), static_cast<uint8_t>(i.imm)); }
  void encode_vcmpps(const Inst& i) { vcmpps(k(i.dst), z(i.a), z(i.b), static_cast<uint8_t>(i.imm)); }
  void encode_vptestnmd(const Inst& i) { vptestnmd(k(i.dst), z(i.a), z(i.b)); }
  void encode_zero(const Inst& i) { emit_zero(Xmm(number(i.dst))); }
  void encode_vmov(const Inst& i) { copy(i.dst, i.a); }
  void encode_arg(const Inst& i) {
    if (number(i.dst) != argument_registers[i.imm]) mov(g(i.dst), Reg64(argument_registers[i.imm]));
  }
  void encode_mov(const Inst& i) {
    if (number(i.dst) != number(i.a)) mov(g(i.dst), g(i.a));
  }
  void encode_mov_imm(const Inst& i) { mov(g(i.dst), i.imm); }
  void encode_load64(const Inst& i) { mov(g(i.dst), m(i.mem)); }
  void encode_load_i32(const Inst& i) { movsxd(g(i.dst), m(i.mem, dword)); }
  void encode_store64(const Inst& i) { mov(m(i.mem, qword), g(i.a)); }
  void encode_sub(const Inst& i) {
    in_place(i, [&](const Reg64& dst) { sub(dst, g(i.b)); });
  }
  void encode_imul_imm(const Inst& i) { imul(g(i.dst), g(i.a), static_cast<int>(i.imm)); }
  void encode_shl(const Inst& i) {
    in_place(i, [&](const Reg64& dst) { shl(dst, static_cast<int>(i.imm)); });
  }
  void encode_shr(const Inst& i) {
    in_place(i, [&](const Reg64& dst) { shr(dst, static_cast<int>(i.imm)); });
  }
  void encode_lea(const Inst& i) { lea(g(i.dst), m(i.mem)); }
  void encode_min(const Inst& i) {
    in_place(i, [&](const Reg64& dst) { cmp(dst, g(i.b)), cmovg(dst, g(i.b)); });
  }
  void encode_sign(const Inst& i) {
    in_place(i, [&](const Reg64& dst) { sar(dst, 63); });
  }
  void encode_bzhi(const Inst& i) { bzhi(g(i.dst), g(i.a), g(i.b)); }
  void encode_andn(const Inst& i) { andn(g(i.dst), g(i.a), g(i.b)); }
  void encode_prefetch(const Inst& i) { i.imm == 2 ? prefetcht1(m(i.mem)) : prefetcht0(m(i.mem)); }
  void encode_kmovw(const Inst& i) { kmovw(k(i.dst), Xbyak::Reg32(number(i.a))); }
  void encode_kload(const Inst& i) { kmovq(k(i.dst), m(i.mem)); }
  void encode_kstore(const Inst& i) { kmovq(m(i.mem), k(i.a)); }
  void encode_label(const Inst& i) { L(label(i)); }
  void encode_jump_lt(const Inst& i) { compare(i), jl(label(i)); }
  void encode_jump_ge(const Inst& i) { compare(i), jge(label(i)); }
  void encode_jump_le(const Inst& i) { compare(i), jle(label(i)); }
  void encode_jump_ae(const Inst& i) { compare(i), jae(label(i)); }
  void encode_count_down(const Inst& i) {
    in_place(i, [&](const Reg64& dst) { dec(dst), jnz(label(i)); });
  }
  void encode_loop_end(const Inst& i) {
    resources_.loops[static_cast<size_t>(i.imm)].last_byte = static_cast<int64_t>(getSize());
  }

  /// An innermost loop starts on a cache line: it stays on as few lines of the decoded-instruction cache as its size allows.
  void encode_loop_begin(const Inst& i) {
    const Inst* next = &i + 1;
    while (next->op != VOp::loop_begin && next->op != VOp::loop_end) ++next;
    if (next->op == VOp::loop_end) nop((64 - getSize() % 64) % 64);
    resources_.loops[static_cast<size_t>(i.imm)].first_byte = static_cast<int64_t>(getSize());
  }

  template <typename F>
  void with_source(Reg r, const Mem& mem, int bytes, F f) {
    if (mem.kind == MemKind::none)
      f(vector(r, bytes));
    else
      f(m(mem));
  }

  /// Writing an xmm register clears the rest; the short form exists for the first 16.
  void emit_zero(const Xmm& x) {
    if (x.getIdx() < 16) return vpxor(x, x, x);
    vpxord(x, x, x);
  }

  void copy(Reg dst, Reg src) {
    if (number(dst) != number(src)) vmovaps(z(dst), z(src));
  }

  /// dst = a * b + c in the form that overwrites the operand which shares dst's register; a copy only when none does.
  void encode_fma(Inst i) {
    if (i.a == Reg::none) std::swap(i.a, i.b);
    const bool has_mem = i.mem.kind != MemKind::none;
    const auto same = [&](Reg r) { return r != Reg::none && number(r) == number(i.dst); };
    if (i.c == Reg::none) {
      if (same(i.b)) std::swap(i.a, i.b);
      copy(i.dst, i.a);
      return vfmadd213ps(z(i.dst), z(i.b), m(i.mem));
    }
    if (same(i.c)) return with_source(i.b, i.mem, 64, [&](const Operand& b) { vfmadd231ps(z(i.dst), z(i.a), b); });
    if (same(i.b)) std::swap(i.a, i.b);
    if (same(i.a) && has_mem) return vfmadd132ps(z(i.dst), z(i.c), m(i.mem));
    if (same(i.a)) return vfmadd213ps(z(i.dst), z(i.b), z(i.c));
    copy(i.dst, i.c);
    with_source(i.b, i.mem, 64, [&](const Operand& b) { vfmadd231ps(z(i.dst), z(i.a), b); });
  }

  void encode_dpbf16(const Inst& i) {
    copy(i.dst, i.a);
    const Reg first = i.b == Reg::none ? i.c : i.b;
    const Reg second = i.b == Reg::none ? i.b : i.c;
    with_source(second, i.mem, 64, [&](const Operand& o) { vdpbf16ps(z(i.dst), z(first), o); });
  }

  void encode_dpbusd(const Inst& i) {
    copy(i.dst, i.a);
    with_source(i.c, i.mem, 64, [&](const Operand& c) { vpdpbusd(z(i.dst), z(i.b), c); });
  }

  void encode_load(const Inst& i) {
    if (i.mask == Reg::none) return vmovups(vector(i.dst, i.bytes), m(i.mem));
    const Xmm dst = vector(i.dst, i.bytes) | k(i.mask) | T_z;
    if (i.element == 1) return vmovdqu8(dst, m(i.mem));
    if (i.element == 2) return vmovdqu16(dst, m(i.mem));
    vmovdqu32(dst, m(i.mem));
  }

  void encode_store(const Inst& i) {
    const Xmm src = vector(i.a, i.bytes);
    if (i.mask == Reg::none) return vmovups(m(i.mem), src);
    const Address to = m(i.mem) | k(i.mask);
    if (i.element == 1) return vmovdqu8(to, src);
    if (i.element == 2) return vmovdqu16(to, src);
    vmovdqu32(to, src);
  }

  void encode_store_low(const Inst& i) {
    const Xmm src = vector(i.a, 16);
    if (i.bytes == 1) return vpextrb(m(i.mem), src, 0);
    if (i.bytes == 2) return vpextrw(m(i.mem), src, 0);
    vmovss(m(i.mem), src);
  }

  template <typename F>
  void in_place(const Inst& i, F f) {
    if (number(i.dst) != number(i.a)) mov(g(i.dst), g(i.a));
    f(g(i.dst));
  }

  void encode_add(const Inst& i) {
    if (number(i.dst) == number(i.a)) return add(g(i.dst), g(i.b));
    if (number(i.dst) == number(i.b)) return add(g(i.dst), g(i.a));
    lea(g(i.dst), ptr[g(i.a) + g(i.b)]);
  }
  void encode_add_imm(const Inst& i) {
    if (number(i.dst) == number(i.a)) return add(g(i.dst), static_cast<int32_t>(i.imm));
    lea(g(i.dst), ptr[g(i.a) + static_cast<int32_t>(i.imm)]);
  }
  void encode_imul(const Inst& i) {
    if (number(i.dst) == number(i.b)) return imul(g(i.dst), g(i.a));
    in_place(i, [&](const Reg64& dst) { imul(dst, g(i.b)); });
  }

  Xbyak::Label& label(const Inst& i) { return labels_[static_cast<size_t>(i.imm)]; }
  void compare(const Inst& i) {
    if (i.b == Reg::none)
      cmp(g(i.a), i.bound);
    else
      cmp(g(i.a), g(i.b));
  }

  const VCode& code_;
  const Allocation& allocation_;
  std::vector<Xbyak::Label> labels_;
  Xbyak::Label constants_;
  std::vector<int> saved_;
  Resources resources_;
  int32_t frame_ = 0;
  int32_t mode_ = 0;
};

}  // namespace

Result<Code> encode(const VCode& code, const Allocation& allocation) {
  constexpr size_t frame_bytes = 256;
  std::vector<uint8_t> memory(code.insts.size() * bytes_per_instruction + code.constants.size() + frame_bytes +
                              64 * code.loops.size());
  for (size_t loop = 0; loop < code.loops.size(); ++loop) CHECK(code.loops[loop].depth > 0, "a loop without a depth");
  try {
    Encoder encoder(code, allocation, memory);
    Code result = encoder.run();
    for (size_t loop = 0; loop < code.loops.size(); ++loop) {
      result.resources.loops[loop].name = code.loops[loop].name;
      result.resources.loops[loop].depth = code.loops[loop].depth;
      result.resources.loops[loop].position = code.loops[loop].position;
    }
    return result;
  } catch (const Xbyak::Error& error) { return resource(fmt::format("x86 encoder: {}", error.what())); }
}

}  // namespace tilejit::x86

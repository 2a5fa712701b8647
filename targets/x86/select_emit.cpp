#include "targets/x86/select_emit.h"

#include <cstring>
#include <limits>

namespace tilejit::x86 {
namespace {

bool fits32(int64_t value) {
  return value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
}

Mem pool(int32_t offset) {
  Mem mem;
  mem.kind = MemKind::constant;
  mem.disp = offset;
  return mem;
}

}  // namespace

Inst& Emitter::push(VOp op, Reg dst, Reg a, Reg b, Reg c) {
  Inst& inst = out_->emplace_back();
  inst.op = op;
  inst.dst = dst;
  inst.a = a;
  inst.b = b;
  inst.c = c;
  return inst;
}

Registers Emitter::zmms(size_t count) {
  const auto first = static_cast<int32_t>(code.classes.size());
  code.classes.resize(code.classes.size() + count, Class::zmm);
  return {Reg{first}, static_cast<int32_t>(count)};
}

Reg Emitter::vector(VOp op, Reg a, Reg b) {
  const Reg dst = zmm();
  push(op, dst, a, b);
  return dst;
}

Reg Emitter::vector_imm(VOp op, Reg a, int64_t imm) {
  const Reg dst = zmm();
  push(op, dst, a).imm = imm;
  return dst;
}

Reg Emitter::general(VOp op, Reg a, Reg b) {
  const Reg dst = gpr();
  push(op, dst, a, b);
  return dst;
}

Reg Emitter::immediate(int64_t value) {
  const Reg dst = gpr();
  push(VOp::mov_imm, dst).imm = value;
  return dst;
}

Reg Emitter::plus(Reg a, int64_t value) {
  if (value == 0) return a;
  if (!fits32(value)) return general(VOp::add, a, immediate(value));
  const Reg dst = gpr();
  push(VOp::add_imm, dst, a).imm = value;
  return dst;
}

Reg Emitter::times(Reg a, int64_t value) {
  if (value == 1) return a;
  if (value > 0 && (value & (value - 1)) == 0) {
    const Reg dst = gpr();
    push(VOp::shl, dst, a).imm = __builtin_ctzll(static_cast<unsigned long long>(value));
    return dst;
  }
  if (!fits32(value)) return general(VOp::imul, a, immediate(value));
  const Reg dst = gpr();
  push(VOp::imul_imm, dst, a).imm = value;
  return dst;
}

void Emitter::add_to(Reg dst, int64_t value) {
  if (value == 0) return;
  if (fits32(value))
    push(VOp::add_imm, dst, dst).imm = value;
  else
    push(VOp::add, dst, dst, immediate(value));
}

void Emitter::jump(VOp op, Reg a, Reg b, int32_t bound, int64_t to) {
  Inst& inst = push(op, Reg::none, a, b);
  inst.bound = bound;
  inst.imm = to;
}

void Emitter::place(int64_t label_number) { push(VOp::label).imm = label_number; }

Reg Emitter::table(const std::array<uint32_t, 16>& dwords) { return hoisted(pooled_table(dwords), VOp::load); }

Reg Emitter::lane_mask(uint32_t bits) {
  std::array<uint32_t, 16> repeated;
  repeated.fill(bits);
  return hoisted(pooled_table(repeated), VOp::kload);
}

int32_t Emitter::pooled_table(const std::array<uint32_t, 16>& dwords) {
  for (const int32_t offset : tables_)
    if (std::memcmp(&code.constants[static_cast<size_t>(offset)], dwords.data(), 64) == 0) return offset;
  const auto offset = static_cast<int32_t>(code.constants.size());
  code.constants.resize(code.constants.size() + 64);
  std::memcpy(&code.constants[static_cast<size_t>(offset)], dwords.data(), 64);
  tables_.push_back(offset);
  return offset;
}

int32_t Emitter::pooled_dword(uint32_t dword) {
  for (const int32_t offset : dwords_)
    if (std::memcmp(&code.constants[static_cast<size_t>(offset)], &dword, 4) == 0) return offset;
  if (dword_line_ < 0 || dwords_.size() % 16 == 0) {
    dword_line_ = static_cast<int32_t>(code.constants.size());
    code.constants.resize(code.constants.size() + 64);
  }
  const int32_t offset = dword_line_ + static_cast<int32_t>(4 * (dwords_.size() % 16));
  std::memcpy(&code.constants[static_cast<size_t>(offset)], &dword, 4);
  dwords_.push_back(offset);
  return offset;
}

Reg Emitter::splat(uint32_t dword) { return hoisted(pooled_dword(dword), VOp::vpbroadcastd); }

Reg Emitter::hoisted(int32_t offset, VOp op) {
  for (const Constant& c : hoisted_)
    if (c.offset == offset && c.op == op) return c.reg;
  const Reg reg = in_entry([&] {
    const Reg dst = op == VOp::kload ? mask() : zmm();
    push(op, dst).mem = pool(offset);
    return dst;
  });
  hoisted_.push_back({offset, op, reg});
  return reg;
}

void Emitter::fill(Reg dst, uint32_t dword) {
  if (dword == 0)
    push(VOp::zero, dst);
  else
    push(VOp::vpbroadcastd, dst).mem = pool(pooled_dword(dword));
}

Reg Emitter::argument(int number) {
  Reg& reg = argument_[static_cast<size_t>(number)];
  if (reg != Reg::none) return reg;
  reg = gpr();
  Inst& inst = arguments_.emplace_back();
  inst.op = VOp::arg;
  inst.dst = reg;
  inst.imm = number;
  return reg;
}

void Emitter::finish() {
  std::vector<Inst> all = std::move(arguments_);
  all.reserve(all.size() + entry_.size() + code.insts.size());
  all.insert(all.end(), entry_.begin(), entry_.end());
  all.insert(all.end(), code.insts.begin(), code.insts.end());
  code.insts = std::move(all);
}

}  // namespace tilejit::x86

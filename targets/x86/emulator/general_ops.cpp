// Integer instructions of general registers. Flags that an instruction leaves undefined count as never written.
#include <algorithm>

#include "targets/x86/emulator/general_access.h"

namespace tilejit::x86::emulator {
namespace {

uint64_t width(const Instr& i) { return i.operand[0].bytes; }
bool top_bit(uint64_t value, uint64_t bytes) { return (value >> (8 * bytes - 1) & 1) != 0; }

void set_zero_and_sign(Machine& m, uint64_t result, uint64_t bytes) {
  m.zero_flag = low_bytes(result, bytes) == 0;
  m.sign_flag = top_bit(result, bytes);
}

uint64_t sum(Machine& m, uint64_t a, uint64_t b, uint64_t bytes) {
  const uint64_t result = low_bytes(a + b, bytes);
  set_zero_and_sign(m, result, bytes);
  m.carry_flag = result < low_bytes(a, bytes);
  m.overflow_flag = top_bit(~(a ^ b) & (a ^ result), bytes);
  return result;
}
uint64_t difference(Machine& m, uint64_t a, uint64_t b, uint64_t bytes) {
  const uint64_t result = low_bytes(a - b, bytes);
  set_zero_and_sign(m, result, bytes);
  m.carry_flag = low_bytes(a, bytes) < low_bytes(b, bytes);
  m.overflow_flag = top_bit((a ^ b) & (a ^ result), bytes);
  return result;
}
uint64_t logical(Machine& m, uint64_t result, uint64_t bytes) {
  set_zero_and_sign(m, result, bytes);
  m.carry_flag = m.overflow_flag = false;
  return result;
}

void add(Machine& m, const Instr& i) { write(m, i, 0, sum(m, read(m, i, 0), read(m, i, 1), width(i))); }
void sub(Machine& m, const Instr& i) { write(m, i, 0, difference(m, read(m, i, 0), read(m, i, 1), width(i))); }
void cmp(Machine& m, const Instr& i) { difference(m, read(m, i, 0), read(m, i, 1), width(i)); }
void bit_and(Machine& m, const Instr& i) { write(m, i, 0, logical(m, read(m, i, 0) & read(m, i, 1), width(i))); }
void bit_or(Machine& m, const Instr& i) { write(m, i, 0, logical(m, read(m, i, 0) | read(m, i, 1), width(i))); }
void bit_xor(Machine& m, const Instr& i) { write(m, i, 0, logical(m, read(m, i, 0) ^ read(m, i, 1), width(i))); }
void test(Machine& m, const Instr& i) { logical(m, read(m, i, 0) & read(m, i, 1), width(i)); }
void andn(Machine& m, const Instr& i) { write(m, i, 0, logical(m, ~read(m, i, 1) & read(m, i, 2), width(i))); }
void invert(Machine& m, const Instr& i) { write(m, i, 0, ~read(m, i, 0)); }
void negate(Machine& m, const Instr& i) { write(m, i, 0, difference(m, 0, read(m, i, 0), width(i))); }

/// inc and dec leave the carry as it is.
void inc(Machine& m, const Instr& i) {
  const bool kept = m.carry_flag;
  write(m, i, 0, sum(m, read(m, i, 0), 1, width(i)));
  m.carry_flag = kept;
}
void dec(Machine& m, const Instr& i) {
  const bool kept = m.carry_flag;
  write(m, i, 0, difference(m, read(m, i, 0), 1, width(i)));
  m.carry_flag = kept;
}

/// Two operands multiply into the first; of three, the last two.
void imul(Machine& m, const Instr& i) {
  const size_t first = i.operands == 3 ? 1 : 0;
  const int64_t a = sign_extended(read(m, i, first), width(i));
  const int64_t b = sign_extended(read(m, i, first + 1), width(i));
  const __int128 exact = static_cast<__int128>(a) * b;
  const auto result = static_cast<uint64_t>(exact);
  m.carry_flag = m.overflow_flag = exact != sign_extended(result, width(i));
  write(m, i, 0, result);
}

uint32_t count_of(const Instr& i) { return static_cast<uint32_t>(i.imm) & static_cast<uint32_t>(8 * width(i) - 1); }
void shl(Machine& m, const Instr& i) {
  const uint64_t value = read(m, i, 0);
  const uint32_t count = count_of(i);
  if (count == 0) return;
  m.carry_flag = (value >> (8 * width(i) - count) & 1) != 0;
  set_zero_and_sign(m, value << count, width(i));
  write(m, i, 0, value << count);
}
void shr(Machine& m, const Instr& i) {
  const uint64_t value = read(m, i, 0);
  const uint32_t count = count_of(i);
  if (count == 0) return;
  m.carry_flag = (value >> (count - 1) & 1) != 0;
  set_zero_and_sign(m, value >> count, width(i));
  write(m, i, 0, value >> count);
}
void sar(Machine& m, const Instr& i) {
  const int64_t value = sign_extended(read(m, i, 0), width(i));
  const uint32_t count = count_of(i);
  if (count == 0) return;
  m.carry_flag = (value >> (count - 1) & 1) != 0;
  set_zero_and_sign(m, static_cast<uint64_t>(value >> count), width(i));
  write(m, i, 0, static_cast<uint64_t>(value >> count));
}
uint32_t variable_count(Machine& m, const Instr& i) {
  return static_cast<uint32_t>(read(m, i, 2)) & static_cast<uint32_t>(8 * width(i) - 1);
}
void shlx(Machine& m, const Instr& i) { write(m, i, 0, read(m, i, 1) << variable_count(m, i)); }
void shrx(Machine& m, const Instr& i) { write(m, i, 0, read(m, i, 1) >> variable_count(m, i)); }
void sarx(Machine& m, const Instr& i) {
  write(m, i, 0, static_cast<uint64_t>(sign_extended(read(m, i, 1), width(i)) >> variable_count(m, i)));
}

/// The low bits of operand 1, as many as the lowest byte of operand 2 says.
void bzhi(Machine& m, const Instr& i) {
  const uint64_t value = read(m, i, 1);
  const uint64_t count = read(m, i, 2) & 0xff;
  const uint64_t bits = 8 * width(i);
  const uint64_t result = count >= bits ? value : value & ((uint64_t{1} << count) - 1);
  set_zero_and_sign(m, result, width(i));
  m.carry_flag = count > bits - 1;
  m.overflow_flag = false;
  write(m, i, 0, result);
}

void mov(Machine& m, const Instr& i) { write(m, i, 0, read(m, i, 1)); }
void mov_signed(Machine& m, const Instr& i) {
  write(m, i, 0, static_cast<uint64_t>(sign_extended(read(m, i, 1), i.operand[1].bytes)));
}
void lea(Machine& m, const Instr& i) { write(m, i, 0, m.address(i.memory)); }

void push(Machine& m, const Instr& i) {
  const uint64_t value = read(m, i, 0);
  m.g[rsp] -= 8;
  if (m.check_stack(m.g[rsp], 8, Access::write)) std::memcpy(reinterpret_cast<void*>(m.g[rsp]), &value, 8);
}
void pop(Machine& m, const Instr& i) {
  uint64_t value = 0;
  if (!m.check_stack(m.g[rsp], 8, Access::read)) return;
  std::memcpy(&value, reinterpret_cast<const void*>(m.g[rsp]), 8);
  m.g[rsp] += 8;
  write(m, i, 0, value);
}

/// Element imm of a vector register, to a general register or memory.
void extract(Machine& m, const Instr& i) {
  const uint64_t bytes = i.general->element;
  const uint64_t at = static_cast<uint64_t>(i.imm) % (16 / bytes) * bytes;
  uint64_t value = 0;
  std::memcpy(&value, m.z[i.operand[1].reg].u8 + at, bytes);
  write(m, i, 0, value);
}
/// Between a vector register's lowest element and a general register or memory.
void move_low(Machine& m, const Instr& i) { write(m, i, 0, low_bytes(read(m, i, 1), i.general->element)); }

constexpr State nothing = 0;
constexpr State all_but_carry = zero | sign | overflow;

constexpr GeneralRow rows[] = {
    {"mov", 2, Use::writes, mov},
    {"movabs", 2, Use::writes, mov},
    {"movzx", 2, Use::writes, mov},
    {"movsx", 2, Use::writes, mov_signed},
    {"movsxd", 2, Use::writes, mov_signed},
    {"lea", 2, Use::writes, lea},
    {"push", 1, Use::reads, push, general_state(rsp)},
    {"pop", 1, Use::writes, pop, general_state(rsp)},
    {"add", 2, Use::updates, add, nothing, all_flags},
    {"sub", 2, Use::updates, sub, nothing, all_flags, nothing, 0, true},
    {"cmp", 2, Use::reads, cmp, nothing, all_flags},
    {"and", 2, Use::updates, bit_and, nothing, all_flags},
    {"or", 2, Use::updates, bit_or, nothing, all_flags},
    {"xor", 2, Use::updates, bit_xor, nothing, all_flags, nothing, 0, true},
    {"test", 2, Use::reads, test, nothing, all_flags},
    {"andn", 3, Use::writes, andn, nothing, all_flags},
    {"not", 1, Use::updates, invert},
    {"neg", 1, Use::updates, negate, nothing, all_flags},
    {"inc", 1, Use::updates, inc, nothing, all_but_carry},
    {"dec", 1, Use::updates, dec, nothing, all_but_carry},
    {"imul", 2, Use::updates, imul, nothing, carry | overflow, zero | sign},
    {"imul", 3, Use::writes, imul, nothing, carry | overflow, zero | sign},
    {"shl", 2, Use::updates, shl, nothing, carry | zero | sign, overflow},
    {"shr", 2, Use::updates, shr, nothing, carry | zero | sign, overflow},
    {"sar", 2, Use::updates, sar, nothing, carry | zero | sign, overflow},
    {"shlx", 3, Use::writes, shlx},
    {"shrx", 3, Use::writes, shrx},
    {"sarx", 3, Use::writes, sarx},
    {"bzhi", 3, Use::writes, bzhi, nothing, all_flags},
    {"vpextrb", 3, Use::writes, extract, nothing, nothing, nothing, 1},
    {"vpextrw", 3, Use::writes, extract, nothing, nothing, nothing, 2},
    {"vpextrd", 3, Use::writes, extract, nothing, nothing, nothing, 4},
    {"vpextrq", 3, Use::writes, extract, nothing, nothing, nothing, 8},
    {"vmovd", 2, Use::writes, move_low, nothing, nothing, nothing, 4},
    {"vmovq", 2, Use::writes, move_low, nothing, nothing, nothing, 8},
};

}  // namespace

std::span<const GeneralRow> general_rows() { return rows; }

}  // namespace tilejit::x86::emulator

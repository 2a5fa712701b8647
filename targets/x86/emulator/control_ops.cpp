// Jumps, conditional moves, the frame's instructions, and those without an effect here.
#include <fmt/format.h>

#include "targets/x86/emulator/general_access.h"

namespace tilejit::x86::emulator {
namespace {

// The conditions, by the letters behind j and cmov.
bool is_b(const Machine& m) { return m.carry_flag; }
bool is_e(const Machine& m) { return m.zero_flag; }
bool is_s(const Machine& m) { return m.sign_flag; }
bool is_be(const Machine& m) { return m.carry_flag || m.zero_flag; }
bool is_l(const Machine& m) { return m.sign_flag != m.overflow_flag; }
bool is_le(const Machine& m) { return m.zero_flag || is_l(m); }

template <bool (*condition)(const Machine&), bool wanted>
void jump_if(Machine& m, const Instr& i) {
  if (condition(m) == wanted) m.next = static_cast<size_t>(i.target);
}
void jump(Machine& m, const Instr& i) { m.next = static_cast<size_t>(i.target); }

/// Of 4 bytes it clears the upper half whether it moves or not.
template <bool (*condition)(const Machine&), bool wanted>
void move_if(Machine& m, const Instr& i) {
  const uint64_t moved = read(m, i, 1);
  write(m, i, 0, condition(m) == wanted ? moved : read(m, i, 0));
}

void leave(Machine& m, const Instr&) { m.leave(); }
void nothing(Machine&, const Instr&) {}
void trap(Machine& m, const Instr&) { m.fail("is no code to run: padding or a jump astray"); }

void vzeroupper(Machine& m, const Instr&) {
  for (size_t n = 0; n < 16; ++n)
    for (size_t l = 2; l < 8; ++l) m.z[n].u64[l] = 0;
}

void stmxcsr(Machine& m, const Instr& i) { write_memory(m, i, 4, m.mxcsr); }
void ldmxcsr(Machine& m, const Instr& i) {
  m.mxcsr = static_cast<uint32_t>(read_memory(m, i, 4));
  m.known = (m.mxcsr & ~mxcsr_flags) == default_mxcsr ? m.known | float_mode : m.known & ~float_mode;
}

constexpr Use reads = Use::reads;
constexpr Use updates = Use::updates;

constexpr GeneralRow rows[] = {
    {"jmp", 1, reads, jump},
    {"jb", 1, reads, jump_if<is_b, true>, carry},
    {"jae", 1, reads, jump_if<is_b, false>, carry},
    {"je", 1, reads, jump_if<is_e, true>, zero},
    {"jne", 1, reads, jump_if<is_e, false>, zero},
    {"js", 1, reads, jump_if<is_s, true>, sign},
    {"jns", 1, reads, jump_if<is_s, false>, sign},
    {"jbe", 1, reads, jump_if<is_be, true>, carry | zero},
    {"ja", 1, reads, jump_if<is_be, false>, carry | zero},
    {"jl", 1, reads, jump_if<is_l, true>, sign | overflow},
    {"jge", 1, reads, jump_if<is_l, false>, sign | overflow},
    {"jle", 1, reads, jump_if<is_le, true>, zero | sign | overflow},
    {"jg", 1, reads, jump_if<is_le, false>, zero | sign | overflow},
    {"cmovb", 2, updates, move_if<is_b, true>, carry},
    {"cmovae", 2, updates, move_if<is_b, false>, carry},
    {"cmove", 2, updates, move_if<is_e, true>, zero},
    {"cmovne", 2, updates, move_if<is_e, false>, zero},
    {"cmovs", 2, updates, move_if<is_s, true>, sign},
    {"cmovns", 2, updates, move_if<is_s, false>, sign},
    {"cmovbe", 2, updates, move_if<is_be, true>, carry | zero},
    {"cmova", 2, updates, move_if<is_be, false>, carry | zero},
    {"cmovl", 2, updates, move_if<is_l, true>, sign | overflow},
    {"cmovge", 2, updates, move_if<is_l, false>, sign | overflow},
    {"cmovle", 2, updates, move_if<is_le, true>, zero | sign | overflow},
    {"cmovg", 2, updates, move_if<is_le, false>, zero | sign | overflow},
    {"ret", 0, reads, leave, general_state(rsp)},
    {"endbr64", 0, reads, nothing},
    {"int3", 0, reads, trap},
    {"vzeroupper", 0, reads, vzeroupper},
    {"stmxcsr", 1, Use::writes, stmxcsr},
    {"ldmxcsr", 1, reads, ldmxcsr},
    {"prefetcht0", 1, reads, nothing},
    {"prefetcht1", 1, reads, nothing},
    {"prefetcht2", 1, reads, nothing},
    {"prefetchnta", 1, reads, nothing},
    {"prefetchw", 1, reads, nothing},
};

}  // namespace

std::span<const GeneralRow> control_rows() { return rows; }

}  // namespace tilejit::x86::emulator

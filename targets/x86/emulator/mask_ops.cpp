// Instructions of mask registers. A row's element is the number of mask bits that its suffix names.
#include "targets/x86/emulator/general_access.h"

namespace tilejit::x86::emulator {
namespace {

uint64_t all(const Instr& i) {
  return i.general->element >= 64 ? ~uint64_t{0} : (uint64_t{1} << i.general->element) - 1;
}

void move(Machine& m, const Instr& i) { write(m, i, 0, read(m, i, 1) & all(i)); }
void bit_and(Machine& m, const Instr& i) { write(m, i, 0, read(m, i, 1) & read(m, i, 2) & all(i)); }
void and_not(Machine& m, const Instr& i) { write(m, i, 0, ~read(m, i, 1) & read(m, i, 2) & all(i)); }
void bit_or(Machine& m, const Instr& i) { write(m, i, 0, (read(m, i, 1) | read(m, i, 2)) & all(i)); }
void bit_xor(Machine& m, const Instr& i) { write(m, i, 0, (read(m, i, 1) ^ read(m, i, 2)) & all(i)); }
void bit_xnor(Machine& m, const Instr& i) { write(m, i, 0, ~(read(m, i, 1) ^ read(m, i, 2)) & all(i)); }
void invert(Machine& m, const Instr& i) { write(m, i, 0, ~read(m, i, 1) & all(i)); }
void shift_left(Machine& m, const Instr& i) {
  const uint64_t count = static_cast<uint64_t>(i.imm) & 0xff;
  write(m, i, 0, count >= 64 ? 0 : (read(m, i, 1) << count) & all(i));
}
void shift_right(Machine& m, const Instr& i) {
  const uint64_t count = static_cast<uint64_t>(i.imm) & 0xff;
  write(m, i, 0, count >= 64 ? 0 : (read(m, i, 1) & all(i)) >> count);
}
/// The element is that of the result: its low half from operand 2.
void unpack(Machine& m, const Instr& i) {
  const uint64_t half = i.general->element / 2;
  const uint64_t low = (uint64_t{1} << half) - 1;
  write(m, i, 0, (read(m, i, 1) & low) << half | (read(m, i, 2) & low));
}

/// Zero: no bit of either is set. Carry: every bit of one or the other is.
void or_test(Machine& m, const Instr& i) {
  const uint64_t bits = (read(m, i, 0) | read(m, i, 1)) & all(i);
  m.zero_flag = bits == 0;
  m.carry_flag = bits == all(i);
  m.sign_flag = m.overflow_flag = false;
}

/// Each bit of the mask as a lane of ones or zeros.
void to_lanes(Machine& m, const Instr& i) {
  const uint64_t mask = m.k[i.operand[1].reg];
  const size_t element = i.general->element;
  Vector out = {};
  for (size_t at = 0; at < i.operand[0].bytes; ++at)
    out.u8[at] = (mask >> at / element & 1) != 0 ? uint8_t{0xff} : uint8_t{0};
  m.z[i.operand[0].reg] = out;
}

constexpr Use writes = Use::writes;

/// One row for each suffix: b, w, d, q.
constexpr GeneralRow rows[] = {
    {"kmovb", 2, writes, move, 0, 0, 0, 8},
    {"kmovw", 2, writes, move, 0, 0, 0, 16},
    {"kmovd", 2, writes, move, 0, 0, 0, 32},
    {"kmovq", 2, writes, move, 0, 0, 0, 64},
    {"kandb", 3, writes, bit_and, 0, 0, 0, 8},
    {"kandw", 3, writes, bit_and, 0, 0, 0, 16},
    {"kandd", 3, writes, bit_and, 0, 0, 0, 32},
    {"kandq", 3, writes, bit_and, 0, 0, 0, 64},
    {"kandnb", 3, writes, and_not, 0, 0, 0, 8},
    {"kandnw", 3, writes, and_not, 0, 0, 0, 16},
    {"kandnd", 3, writes, and_not, 0, 0, 0, 32},
    {"kandnq", 3, writes, and_not, 0, 0, 0, 64},
    {"korb", 3, writes, bit_or, 0, 0, 0, 8},
    {"korw", 3, writes, bit_or, 0, 0, 0, 16},
    {"kord", 3, writes, bit_or, 0, 0, 0, 32},
    {"korq", 3, writes, bit_or, 0, 0, 0, 64},
    {"kxorb", 3, writes, bit_xor, 0, 0, 0, 8, true},
    {"kxorw", 3, writes, bit_xor, 0, 0, 0, 16, true},
    {"kxord", 3, writes, bit_xor, 0, 0, 0, 32, true},
    {"kxorq", 3, writes, bit_xor, 0, 0, 0, 64, true},
    {"kxnorb", 3, writes, bit_xnor, 0, 0, 0, 8, true},
    {"kxnorw", 3, writes, bit_xnor, 0, 0, 0, 16, true},
    {"kxnord", 3, writes, bit_xnor, 0, 0, 0, 32, true},
    {"kxnorq", 3, writes, bit_xnor, 0, 0, 0, 64, true},
    {"knotb", 2, writes, invert, 0, 0, 0, 8},
    {"knotw", 2, writes, invert, 0, 0, 0, 16},
    {"knotd", 2, writes, invert, 0, 0, 0, 32},
    {"knotq", 2, writes, invert, 0, 0, 0, 64},
    {"kshiftlb", 3, writes, shift_left, 0, 0, 0, 8},
    {"kshiftlw", 3, writes, shift_left, 0, 0, 0, 16},
    {"kshiftld", 3, writes, shift_left, 0, 0, 0, 32},
    {"kshiftlq", 3, writes, shift_left, 0, 0, 0, 64},
    {"kshiftrb", 3, writes, shift_right, 0, 0, 0, 8},
    {"kshiftrw", 3, writes, shift_right, 0, 0, 0, 16},
    {"kshiftrd", 3, writes, shift_right, 0, 0, 0, 32},
    {"kshiftrq", 3, writes, shift_right, 0, 0, 0, 64},
    {"kunpckbw", 3, writes, unpack, 0, 0, 0, 16},
    {"kunpckwd", 3, writes, unpack, 0, 0, 0, 32},
    {"kunpckdq", 3, writes, unpack, 0, 0, 0, 64},
    {"kortestb", 2, Use::reads, or_test, 0, all_flags, 0, 8},
    {"kortestw", 2, Use::reads, or_test, 0, all_flags, 0, 16},
    {"kortestd", 2, Use::reads, or_test, 0, all_flags, 0, 32},
    {"kortestq", 2, Use::reads, or_test, 0, all_flags, 0, 64},
    {"vpmovm2b", 2, writes, to_lanes, 0, 0, 0, 1},
    {"vpmovm2w", 2, writes, to_lanes, 0, 0, 0, 2},
    {"vpmovm2d", 2, writes, to_lanes, 0, 0, 0, 4},
};

}  // namespace

std::span<const GeneralRow> mask_rows() { return rows; }

}  // namespace tilejit::x86::emulator

// One decoded instruction, and the rows of the tables that say what mnemonics do.
//
// A vector row is a function from whole source vectors to a whole result; fetching, broadcasting, masking, widths and storing
// are the same for all rows (vector_forms.cpp). Everything else (general and mask registers, control) is a general row.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace tilejit::x86::emulator {

struct Machine;
struct Instr;

/// A set of machine state: vector registers, general registers, mask registers, flags, and "MXCSR is 0x1f80".
using State = uint64_t;
constexpr State vector_state(int number) { return State{1} << number; }
constexpr State general_state(int number) { return State{1} << (32 + number); }
constexpr State mask_state(int number) { return State{1} << (48 + number); }
inline constexpr State carry = State{1} << 56;
inline constexpr State zero = State{1} << 57;
inline constexpr State sign = State{1} << 58;
inline constexpr State overflow = State{1} << 59;
inline constexpr State all_flags = carry | zero | sign | overflow;
inline constexpr State float_mode = State{1} << 60;

/// The bytes of a vector register as lanes of any type.
union Vector {
  uint8_t u8[64];
  int8_t i8[64];
  uint16_t u16[32];
  int16_t i16[32];
  uint32_t u32[16];
  int32_t i32[16];
  uint64_t u64[8];
  int64_t i64[8];
  float f32[16];
};

enum class Kind : uint8_t { none, general, vector, mask, memory, immediate };

struct Operand {
  Kind kind = Kind::none;
  uint8_t reg = 0;
  uint8_t bytes = 0;   // of the register, or of the memory (0: not said, as in lea)
  uint8_t copies = 1;  // of a memory operand's bytes: {1to16}
};

/// base + index * scale + disp; an absent register is `no_register`, whose value is 0. A rip-relative one has no registers.
inline constexpr uint8_t no_register = 16;
struct Memory {
  uint8_t base = no_register;
  uint8_t index = no_register;
  uint8_t scale = 1;
  bool of_stack = false;  // through rsp
  int64_t disp = 0;
};

using Run = void (*)(Machine& m, const Instr& i);
/// `out` holds the old destination.
using Compute = void (*)(Vector& out, const Vector& a, const Vector& b, const Instr& i);
/// One bit for each of all lanes.
using Compare = uint64_t (*)(const Vector& a, const Vector& b, const Instr& i);

namespace row_flag {
inline constexpr uint8_t none = 0;
inline constexpr uint8_t immediate = 1;    // the last operand is one
inline constexpr uint8_t accumulates = 2;  // the old destination is a source
inline constexpr uint8_t rounds = 4;       // float arithmetic, which depends on MXCSR
inline constexpr uint8_t zeroes = 8;       // of a register with itself: no read of it
inline constexpr uint8_t whole = 16;       // a memory operand is read whole, whatever the mask
inline constexpr uint8_t aligned = 32;     // a memory operand has the alignment of its size
inline constexpr uint8_t selects = 64;     // the mask chooses between the sources, and is no write mask
}  // namespace row_flag

struct VectorRow {
  std::string_view mnemonic;
  uint8_t sources = 2;  // vectors: `b` alone, or `a` and `b`; only the last may be memory
  uint8_t element = 4;  // bytes of the destination's lanes (a comparison: of the sources'): what one mask bit covers
  uint8_t flags = row_flag::none;
  Compute compute = nullptr;
  Compare compare = nullptr;  // instead of compute; the destination is a mask
  bool has(uint8_t flag) const { return (flags & flag) != 0; }
};

enum class Use : uint8_t { reads, writes, updates };
struct GeneralRow {
  std::string_view mnemonic;
  uint8_t operands = 2;
  Use first = Use::writes;  // what happens to the first operand; the others are read
  Run run = nullptr;
  State reads = 0;  // besides the operands
  State writes = 0;
  State clears = 0;     // undefined afterwards
  uint8_t element = 0;  // bytes or mask bits that the mnemonic's suffix names
  bool zeroes = false;  // of a register with itself: no read of it
};

struct Instr {
  Run run = nullptr;
  const VectorRow* vector = nullptr;
  const GeneralRow* general = nullptr;
  State reads = 0;
  State writes = 0;
  State clears = 0;
  std::array<Operand, 4> operand;
  uint8_t operands = 0;
  uint8_t a = 0;  // vector registers of a vector row; b's when the last source is one
  uint8_t b = 0;
  uint8_t mask = 0;      // k0: none
  bool zeroing = false;  // {z}
  uint8_t bytes = 0;     // of the destination (a comparison: of the sources)
  uint8_t source = 0;    // the operand that `b` is
  Memory memory;
  int64_t imm = 0;
  int32_t target = -1;  // of a jump: an index of the program
};

std::span<const VectorRow> float_rows();
std::span<const VectorRow> convert_rows();
std::span<const VectorRow> integer_rows();
std::span<const VectorRow> dot_rows();
std::span<const VectorRow> shuffle_rows();
std::span<const VectorRow> compare_rows();
std::span<const VectorRow> move_rows();
std::span<const GeneralRow> general_rows();
std::span<const GeneralRow> control_rows();
std::span<const GeneralRow> mask_rows();

/// Runs a vector row.
void run_vector(Machine& m, const Instr& i);
void run_compare(Machine& m, const Instr& i);

}  // namespace tilejit::x86::emulator

// One decoded instruction: what the interpreter loop needs, resolved from the disassembler's text once (decode.h).
//
// Scalar state has one numbering: s0 to s105, vcc, ttmp, m0, null, exec, flat_scratch, scc. Vector state has another: v0 to
// v255, then a0 to a255. `reads` and `writes` list what an instruction touches, for the checks before it runs (wave.h).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace tilejit::amdgpu::emulator {

struct Wave;
struct Instr;
struct VectorRow;
struct MemoryRow;
struct MatrixOp;
struct DotOp;
struct Shadow;

namespace scalar {
inline constexpr uint16_t vcc = 106;
inline constexpr uint16_t ttmp = 108;
inline constexpr uint16_t m0 = 124;
inline constexpr uint16_t null = 125;
inline constexpr uint16_t exec = 126;
inline constexpr uint16_t flat_scratch = 128;
inline constexpr uint16_t xnack_mask = 130;
inline constexpr uint16_t scc = 132;
inline constexpr uint16_t count = 133;
}  // namespace scalar
inline constexpr uint16_t first_agpr = 256;
inline constexpr uint16_t vector_count = 512;

enum class Kind : uint8_t { none, sgpr, vgpr, constant, off };
enum class Half : uint8_t { whole, low, high };
/// How a constant is written: `5`, `0x42b17218`, `1.0`.
enum class Written : uint8_t { integer, literal, real };

struct Operand {
  Kind kind = Kind::none;
  uint8_t words = 1;
  Half half = Half::whole;
  Written written = Written::integer;
  bool negate = false;  // after `magnitude`
  bool magnitude = false;
  bool sign_extend = false;
  uint16_t first = 0;
  uint64_t value = 0;  // of a constant, as its operand's type sees it once it is bound
  double real = 0;
};

/// Registers first .. first + words - 1.
struct Range {
  uint16_t first = 0;
  uint8_t words = 0;
  bool is_vector = false;
  Half half = Half::whole;
  bool copied = false;  // only moved: it may be undefined, and its copy is then
};

enum class Lanewise : uint8_t {
  none,
  quad_perm,
  row_shl,
  row_shr,
  row_ror,
  row_share,
  row_xmask,
  row_mirror,
  row_half_mirror,
  row_bcast,
  row_newbcast,
  wave_shl,
  wave_shr,
  wave_rol,
  wave_ror,
  dpp8
};
enum class Select : uint8_t { byte_0, byte_1, byte_2, byte_3, word_0, word_1, dword };
enum class Unused : uint8_t { pad, sext, preserve };

/// What is written after the operands. Cache policies (sc0, nt, glc, th, scope) change no value here and are not kept.
struct Modifiers {
  uint8_t op_sel = 0;
  uint8_t op_sel_hi = 0;
  uint8_t neg_lo = 0;
  uint8_t neg_hi = 0;
  bool clamp = false;
  bool has_op_sel = false;
  bool has_op_sel_hi = false;  // packed operations take the high halves for the high result unless it is written
  bool gives_old = false;      // an atomic that returns (glc, sc0, th:TH_ATOMIC_RETURN)
  bool offen = false;
  bool idxen = false;
  bool lds = false;
  float omod = 1;
  int32_t offset = 0;
  int32_t offset1 = 0;
  Lanewise dpp = Lanewise::none;
  uint32_t dpp_value = 0;  // four 2-bit (quad_perm) or eight 3-bit (dpp8) lane numbers, or a distance
  uint8_t row_mask = 15;
  uint8_t bank_mask = 15;
  bool bound_ctrl = false;  // lanes without a source read 0
  bool fetch_inactive = false;
  bool sdwa = false;
  Select dst_sel = Select::dword;
  Unused dst_unused = Unused::pad;
  std::array<Select, 2> src_sel = {Select::dword, Select::dword};
  uint8_t cbsz = 0;
  uint8_t abid = 0;
  uint8_t blgp = 0;
  uint8_t bitop3 = 0;  // the truth table of three bits
};

/// What an instruction is counted as.
enum class Class : uint8_t { valu, matrix, salu, smem, vmem_load, vmem_store, lds, branch, wait, barrier, other };
inline constexpr int classes = 11;

using Run = void (*)(Wave& wave, const Instr& i);

struct Instr {
  Run run = nullptr;
  const VectorRow* vector = nullptr;
  const MemoryRow* memory = nullptr;
  const MatrixOp* matrix = nullptr;
  const DotOp* dot = nullptr;
  uint32_t (*defined_bits)(const std::array<Shadow, 3>&) = nullptr;  // defined.h
  const Instr* dual = nullptr;  // the other half of a pair: both read before either writes
  std::array<Operand, 7> operand;
  std::array<Range, 10> reads;
  std::array<Range, 5> writes;
  uint8_t operands = 0;
  uint8_t read_ranges = 0;
  uint8_t write_ranges = 0;
  uint8_t row_index = 0;  // which row of a family: a predicate, a counter
  Class kind = Class::other;
  bool whole_wave = false;  // reads and writes all lanes, whatever EXEC says
  bool copies = false;      // what it reads is only moved
  bool loads = false;       // its writes arrive later (waits.h)
  Modifiers modifiers;
  int32_t target = -1;                                     // of a branch: an index of the program
  uint32_t encoding = 0;                                   // its first four bytes
  std::array<int16_t, 6> wait = {-1, -1, -1, -1, -1, -1};  // by Counter: what a wait leaves outstanding
};

}  // namespace tilejit::amdgpu::emulator

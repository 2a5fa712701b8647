#include "targets/x86/emulator/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "targets/disassemble/disassemble.h"
#include "targets/x86/emulator/machine.h"
#include "targets/x86/emulator/parse_operands.h"

namespace tilejit::x86::emulator {
namespace {

const VectorRow* find_vector(std::string_view mnemonic) {
  static const auto rows = [] {
    std::unordered_map<std::string_view, const VectorRow*> all;
    for (const auto table :
         {float_rows(), convert_rows(), integer_rows(), dot_rows(), shuffle_rows(), compare_rows(), move_rows()})
      for (const VectorRow& row : table) all.emplace(row.mnemonic, &row);
    return all;
  }();
  const auto found = rows.find(mnemonic);
  return found == rows.end() ? nullptr : found->second;
}

const GeneralRow* find_general(std::string_view mnemonic, uint8_t operands) {
  static const auto rows = [] {
    std::unordered_multimap<std::string_view, const GeneralRow*> all;
    for (const auto table : {general_rows(), control_rows(), mask_rows()})
      for (const GeneralRow& row : table) all.emplace(row.mnemonic, &row);
    return all;
  }();
  const auto [first, last] = rows.equal_range(mnemonic);
  const auto found = std::find_if(first, last, [&](const auto& row) { return row.second->operands == operands; });
  return found == last ? nullptr : found->second;
}

constexpr std::array<std::string_view, 32> float_predicates = {
    "eq",     "lt",     "le",    "unord",  "neq",    "nlt",      "nle",    "ord",   "eq_uq",   "nge",    "ngt",
    "false",  "neq_oq", "ge",    "gt",     "true",   "eq_os",    "lt_oq",  "le_oq", "unord_s", "neq_us", "nlt_uq",
    "nle_uq", "ord_s",  "eq_us", "nge_uq", "ngt_uq", "false_os", "neq_os", "ge_oq", "gt_oq",   "true_us"};
constexpr std::array<std::string_view, 8> integer_predicates = {"eq", "lt", "le", "false", "neq", "nlt", "nle", "true"};

/// The disassembler writes a comparison's predicate into the mnemonic; here it is the immediate that it encodes.
void take_predicate(Parsed& p) {
  const auto take = [&](std::string_view stem, std::string_view suffixes, auto& predicates) {
    if (!p.mnemonic.starts_with(stem)) return;
    const size_t end = p.mnemonic.find_last_not_of(suffixes);
    for (size_t length : {p.mnemonic.size() - 1, p.mnemonic.size() - 2}) {
      if (length <= stem.size() || end == std::string::npos) continue;
      const std::string_view name = std::string_view(p.mnemonic).substr(stem.size(), length - stem.size());
      const auto found = std::find(predicates.begin(), predicates.end(), name);
      if (found == predicates.end() || p.operands == p.operand.size()) continue;
      p.mnemonic = std::string(stem) + p.mnemonic.substr(length);
      p.imm = found - predicates.begin();
      p.operand[p.operands++] = {Kind::immediate};
      return;
    }
  };
  // "Greater" has an opcode of its own and is the same comparison.
  if (p.mnemonic.starts_with("vpcmpgt")) p.mnemonic.replace(5, 2, "nle");
  if (p.mnemonic.ends_with("ps")) take("vcmp", "ps", float_predicates);
  take("vpcmp", "ubwdq", integer_predicates);
}

/// A shift by one is written without its count.
void take_count(Parsed& p) {
  if (p.operands != 1 || (p.mnemonic != "shl" && p.mnemonic != "shr" && p.mnemonic != "sar")) return;
  p.imm = 1;
  p.operand[p.operands++] = {Kind::immediate};
}

State state_of(const Operand& o) {
  switch (o.kind) {
    case Kind::vector: return vector_state(o.reg);
    case Kind::general: return general_state(o.reg);
    case Kind::mask: return mask_state(o.reg);
    case Kind::none:
    case Kind::memory:
    case Kind::immediate: break;
  }
  return 0;
}

State address_of(const Memory& memory) {
  State state = 0;
  if (memory.base != no_register) state |= general_state(memory.base);
  if (memory.index != no_register) state |= general_state(memory.index);
  return state;
}

bool has_memory(const Instr& i, size_t first, size_t last) {
  for (size_t n = first; n < last; ++n)
    if (i.operand[n].kind == Kind::memory) return true;
  return false;
}

Result<void> bind_vector(Instr& i, const VectorRow& row) {
  const bool is_compare = row.compare != nullptr;
  const size_t expected = size_t{1} + row.sources + (row.has(row_flag::immediate) ? 1 : 0);
  const Kind to = i.operand[0].kind;
  const Kind last = i.operand[row.sources].kind;
  const bool to_memory = to == Kind::memory && !is_compare && row.sources == 1;
  const bool kinds = (to == (is_compare ? Kind::mask : Kind::vector) || to_memory) &&
                     (row.sources == 1 || i.operand[1].kind == Kind::vector) &&
                     (last == Kind::vector || (last == Kind::memory && !to_memory) ||
                      (last == Kind::general && row.mnemonic.starts_with("vpbroadcast"))) &&
                     (!row.has(row_flag::immediate) || i.operand[expected - 1].kind == Kind::immediate);
  if (i.operands != expected || !kinds) return invalid("the emulator does not know this form of the instruction");
  if (row.has(row_flag::selects) && (i.mask == 0 || i.zeroing))
    return invalid("the emulator knows this instruction with a mask that selects");
  i.vector = &row;
  i.run = is_compare ? run_compare : run_vector;
  i.source = row.sources;
  i.bytes = i.operand[is_compare ? 1 : 0].bytes;
  if (last == Kind::vector) i.b = i.operand[row.sources].reg;
  if (row.sources == 2) i.a = i.operand[1].reg;
  for (size_t n = 1; n <= row.sources; ++n) i.reads |= state_of(i.operand[n]);
  const bool merges = i.mask != 0 && !i.zeroing && !row.has(row_flag::selects) && !is_compare && !to_memory;
  if (row.has(row_flag::accumulates) || merges) i.reads |= state_of(i.operand[0]);
  const bool ignores = row.mnemonic.starts_with("vpternlog") && ((i.imm & 0xff) == 0 || (i.imm & 0xff) == 0xff);
  if ((row.has(row_flag::zeroes) && last == Kind::vector && i.a == i.b) || ignores) i.reads = 0;
  if (i.mask != 0) i.reads |= mask_state(i.mask);
  if (row.has(row_flag::rounds)) i.reads |= float_mode;
  if (has_memory(i, 0, i.operands)) i.reads |= address_of(i.memory);
  i.writes = state_of(i.operand[0]);
  return {};
}

bool is_callee_saved(const Operand& o) {
  return o.kind == Kind::general && std::find(callee_saved.begin(), callee_saved.end(), o.reg) != callee_saved.end();
}

void bind_general(Instr& i, const GeneralRow& row) {
  i.general = &row;
  i.run = row.run;
  i.reads = row.reads;
  i.writes = row.writes;
  i.clears = row.clears;
  const bool same = i.operands >= 2 && i.operand[i.operands - 1].kind == i.operand[i.operands - 2].kind &&
                    i.operand[i.operands - 1].reg == i.operand[i.operands - 2].reg;
  const bool zeroes = row.zeroes && same && i.operand[0].kind != Kind::memory;
  // The frame saves what its caller may never have written.
  const bool saves = row.mnemonic == "push" && is_callee_saved(i.operand[0]);
  for (size_t n = 0; n < i.operands; ++n) {
    const bool writes_it = n == 0 && row.first != Use::reads;
    const bool reads_it = n > 0 || row.first != Use::writes;
    // Of a general register, a write of one or two bytes keeps the others.
    const bool keeps = writes_it && i.operand[n].kind == Kind::general && i.operand[n].bytes < 4;
    if ((reads_it || keeps) && !zeroes && !saves) i.reads |= state_of(i.operand[n]);
    if (writes_it) i.writes |= state_of(i.operand[n]);
  }
  const bool touches = !row.mnemonic.starts_with("prefetch");
  if (touches && has_memory(i, 0, i.operands)) i.reads |= address_of(i.memory);
}

/// Filler between loops, in all its sizes.
bool is_nop(std::string_view text) {
  return text == "nop" || text.starts_with("nop ") || text.find(" nop") != std::string_view::npos;
}
void do_nothing(Machine&, const Instr&) {}
void run_off(Machine& m, const Instr&) { m.fail("runs past the end of the code"); }

Result<Instr> decode_one(const DisassembledInstr& line, const Program& program, int64_t code_bytes) {
  Instr i;
  if (is_nop(line.text)) {
    i.run = do_nothing;
    return i;
  }
  Parsed p = TRY(parse_instruction(line.text));
  take_predicate(p);
  take_count(p);
  i.operand = p.operand;
  i.operands = p.operands;
  i.mask = p.mask;
  i.zeroing = p.zeroing;
  i.memory = p.memory;
  i.imm = p.imm;
  if (p.is_rip_relative) {
    const int64_t at = line.offset + static_cast<int64_t>(line.bytes.size()) + p.memory.disp;
    const auto size = std::max_element(p.operand.begin(), p.operand.end(), [](const Operand& x, const Operand& y) {
                        return (x.kind == Kind::memory) < (y.kind == Kind::memory);
                      })->bytes;
    if (at < 0 || at + size > code_bytes || p.memory.base != no_register || p.memory.index != no_register)
      return invalid(fmt::format("the address {:#x} lies outside of the code's {} bytes", at, code_bytes));
    i.memory.disp = static_cast<int64_t>(reinterpret_cast<uint64_t>(program.memory.data())) + at;
  }
  if (const VectorRow* row = find_vector(p.mnemonic)) {
    TRY(bind_vector(i, *row));
  } else if (const GeneralRow* general = find_general(p.mnemonic, p.operands)) {
    if (p.mask != 0) return invalid("the emulator does not know this form of the instruction");
    bind_general(i, *general);
  } else {
    return invalid("the emulator does not know this instruction");
  }
  return i;
}

/// Where a jump leads, as an index of the program.
Result<void> resolve_jump(Instr& i, const std::unordered_map<int64_t, int32_t>& starts) {
  if (i.general == nullptr || !i.general->mnemonic.starts_with('j')) return {};
  const auto found = starts.find(i.imm);
  if (i.operand[0].kind != Kind::immediate || found == starts.end()) return invalid("jumps to what is no instruction");
  i.target = found->second;
  return {};
}

Error at_line(const DisassembledInstr& line, const Error& error) {
  return {error.kind, fmt::format("emulator: {:#x}: {}: {}", line.offset, line.text, error.message)};
}

}  // namespace

Result<Program> decode(const Code& code) {
  const auto listing = TRY(disassemble_x86(std::span(code.bytes).first(static_cast<size_t>(code.constants_offset))));
  Program program;
  // One line of cache more, to start the code where one starts: constants are aligned to 64 by offset.
  program.memory.resize(code.bytes.size() / 8 + 16);
  std::unordered_map<int64_t, int32_t> starts;
  for (const DisassembledInstr& line : listing) starts.emplace(line.offset, static_cast<int32_t>(starts.size()));
  if (listing.empty() || listing.front().text != "endbr64")
    return invalid("emulator: the entry does not start with endbr64");
  std::memcpy(program.memory.data(), code.bytes.data(), code.bytes.size());
  for (const DisassembledInstr& line : listing) {
    auto instr = decode_one(line, program, static_cast<int64_t>(code.bytes.size()));
    if (instr) {
      const auto resolved = resolve_jump(*instr, starts);
      if (!resolved) return at_line(line, resolved.error());
    }
    if (!instr) return at_line(line, instr.error());
    program.instrs.push_back(*instr);
    program.texts.push_back(fmt::format("{:#x}: {}", line.offset, line.text));
  }
  program.instrs.emplace_back().run = run_off;
  program.texts.emplace_back("the end of the code");
  return program;
}

std::string names_of(State state) {
  std::string names;
  const auto add = [&](const std::string& name) { names += (names.empty() ? "" : ", ") + name; };
  for (int n = 0; n < 32; ++n)
    if ((state & vector_state(n)) != 0) add(register_name(Kind::vector, n));
  for (int n = 0; n < 16; ++n)
    if ((state & general_state(n)) != 0) add(register_name(Kind::general, n));
  for (int n = 0; n < 8; ++n)
    if ((state & mask_state(n)) != 0) add(register_name(Kind::mask, n));
  for (const auto& [flag, name] :
       {std::pair(carry, "the carry flag"), std::pair(zero, "the zero flag"), std::pair(sign, "the sign flag"),
        std::pair(overflow, "the overflow flag"), std::pair(float_mode, "MXCSR 0x1f80")})
    if ((state & flag) != 0) add(name);
  return names;
}

}  // namespace tilejit::x86::emulator

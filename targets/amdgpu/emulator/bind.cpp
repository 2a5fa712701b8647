#include "targets/amdgpu/emulator/bind.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "targets/amdgpu/emulator/matrix_ops.h"

namespace tilejit::amdgpu::emulator {
namespace {

const VectorRow* find_vector(const std::string& mnemonic) {
  static const auto rows = [] {
    std::unordered_map<std::string_view, const VectorRow*> all;
    for (const auto table : {float_rows(), half_rows(), convert_rows(), integer_rows(), carry_rows(), compare_rows(),
                             packed_rows(), lane_rows()})
      for (const VectorRow& row : table) all.emplace(row.mnemonic, &row);
    return all;
  }();
  const auto found = rows.find(mnemonic);
  return found == rows.end() ? nullptr : found->second;
}

const GeneralRow* find_general(const std::string& mnemonic) {
  static const auto rows = [] {
    std::unordered_map<std::string_view, const GeneralRow*> all;
    for (const auto table : {scalar_rows(), scalar_mask_rows(), scalar_float_rows(), control_rows(), wait_rows(),
                             lane_move_rows(), crossbar_rows()})
      for (const GeneralRow& row : table) all.emplace(row.mnemonic, &row);
    return all;
  }();
  const auto found = rows.find(mnemonic);
  return found == rows.end() ? nullptr : found->second;
}

struct CounterName {
  std::string_view name;
  Counter counter;
};
constexpr CounterName counter_names[] = {
    {"vmcnt", Counter::vm},         {"lgkmcnt", Counter::lgkm}, {"expcnt", Counter::exp}, {"vscnt", Counter::vs},
    {"loadcnt", Counter::vm},       {"storecnt", Counter::vs},  {"dscnt", Counter::lgkm}, {"kmcnt", Counter::km},
    {"samplecnt", Counter::sample}, {"bvhcnt", Counter::sample}};

Error not_understood(const Parsed& p) {
  return invalid(fmt::format("the emulator does not understand the operands `{}`", p.rest));
}

Result<void> set_counter(Instr& i, std::string_view name, int64_t value) {
  for (const CounterName& c : counter_names)
    if (c.name == name && value >= 0) {
      i.wait[static_cast<size_t>(c.counter)] = static_cast<int16_t>(value);
      return {};
    }
  return invalid(fmt::format("the emulator does not know the counter {}", name));
}

/// `s_waitcnt vmcnt(0) lgkmcnt(1)`.
Result<void> bind_counters(const Parsed& p, Instr& i) {
  std::string_view rest = p.rest;
  while (!rest.empty()) {
    const size_t open = rest.find('(');
    const size_t close = rest.find(')');
    int64_t value = 0;
    if (open == std::string_view::npos || close == std::string_view::npos || close < open ||
        !parse_integer(rest.substr(open + 1, close - open - 1), value))
      return not_understood(p);
    TRY(set_counter(i, rest.substr(0, open), value));
    rest = rest.substr(close + 1);
    while (rest.starts_with(' ') || rest.starts_with('&')) rest.remove_prefix(1);
  }
  return {};
}

/// `s_wait_loadcnt_dscnt 0x103`, `s_waitcnt_vscnt null, 0x0`.
Result<void> bind_wait(const Parsed& p, Instr& i) {
  if (p.mnemonic == "s_waitcnt") return bind_counters(p, i);
  const bool is_old = p.mnemonic.starts_with("s_waitcnt_");
  std::string_view names = std::string_view(p.mnemonic).substr(is_old ? 10 : 7);
  std::string_view rest = p.rest;
  if (rest.starts_with("null, ")) rest.remove_prefix(6);
  int64_t value = 0;
  if (!parse_integer(rest, value)) return not_understood(p);
  const size_t both = names.find("_dscnt");
  if (both == std::string_view::npos) return set_counter(i, names, value);
  TRY(set_counter(i, "dscnt", value & 0x3f));
  return set_counter(i, names.substr(0, both), (value >> 8) & 0x3f);
}

/// `s_getreg_b32 s0, hwreg(HW_REG_MODE, 4, 2)`, `s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 3`.
Result<void> bind_mode(const Parsed& p, Instr& i) {
  const std::string_view rest = p.rest;
  const size_t open = rest.find("hwreg(HW_REG_MODE");
  const size_t close = rest.find(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return not_understood(p);
  const std::string_view inside = rest.substr(open + 17, close - open - 17);
  int64_t offset = 0;
  int64_t bits = 32;
  if (!inside.empty()) {
    const size_t comma = inside.find(", ", 2);
    if (!inside.starts_with(", ") || comma == std::string_view::npos ||
        !parse_integer(inside.substr(2, comma - 2), offset) || !parse_integer(inside.substr(comma + 2), bits))
      return not_understood(p);
  }
  i.modifiers.offset = static_cast<int32_t>(offset);
  i.modifiers.offset1 = static_cast<int32_t>(bits);
  const std::string other(open == 0 ? rest.substr(std::min(rest.size(), close + 3)) : rest.substr(0, rest.find(',')));
  const auto parsed = TRY(parse_instruction("s_mov_b32 " + other));
  if (parsed.operands.size() != 1) return not_understood(p);
  i.operand[0] = parsed.operands[0];
  i.operands = 1;
  if (open == 0)
    add_read(i, i.operand[0]);
  else
    add_write(i, i.operand[0]);
  return {};
}

/// Constants of scalar instructions: floats are f32, or f64 where the instruction has 64 bits.
void bind_constant(Operand& o, int words) {
  if (o.kind != Kind::constant || o.written != Written::real) return;
  o.value = words == 2 ? std::bit_cast<uint64_t>(o.real) : std::bit_cast<uint32_t>(static_cast<float>(o.real));
}

Result<void> bind_operands(const Program& program, const GeneralRow& row, Instr& i) {
  for (size_t n = 0; n < i.operands; ++n) {
    Operand& o = i.operand[n];
    const uint8_t words = n < row.words.size() ? row.words[n] : 0;
    bind_constant(o, words);
    const bool is_register = o.kind == Kind::sgpr || o.kind == Kind::vgpr;
    if (is_register && words != 0 && o.words != words && o.first != scalar::null)
      return invalid(fmt::format("the emulator knows operand {} with {} words", n, words));
    if (n < row.destinations) {
      if (!is_register) return invalid("the destination is no register");
      add_write(i, o);
      if (row.has(general_flag::updates_first)) add_read(i, o);
    } else {
      if (o.kind == Kind::off || o.kind == Kind::none)
        return invalid(fmt::format("the emulator does not know operand {}", n));
      add_read(i, o);
    }
  }
  const auto mask_words = static_cast<uint8_t>(program.wave / 32);
  if (row.has(general_flag::reads_scc)) add_read(i, Range{scalar::scc, 1, false, Half::whole});
  if (row.has(general_flag::reads_vcc)) add_read(i, Range{scalar::vcc, mask_words, false, Half::whole});
  if (row.has(general_flag::reads_m0)) add_read(i, Range{scalar::m0, 1, false, Half::whole});
  return {};
}

/// Names that mean the same as another row's.
std::string canonical(std::string mnemonic) {
  if (mnemonic.starts_with("v_dual_")) mnemonic.erase(2, 5);
  return mnemonic;
}

}  // namespace

void add_read(Instr& i, const Range& range) {
  if (i.read_ranges == i.reads.size()) return;
  i.reads[i.read_ranges] = range;
  i.reads[i.read_ranges++].copied |= i.copies;
}
void add_write(Instr& i, const Range& range) {
  if (i.write_ranges < i.writes.size()) i.writes[i.write_ranges++] = range;
}
void add_read(Instr& i, const Operand& o, Half half) {
  if (o.kind == Kind::vgpr || (o.kind == Kind::sgpr && o.first != scalar::null))
    add_read(i, Range{o.first, o.words, o.kind == Kind::vgpr, half});
}
void add_write(Instr& i, const Operand& o) {
  if (o.kind == Kind::vgpr || (o.kind == Kind::sgpr && o.first != scalar::null))
    add_write(i, Range{o.first, o.words, o.kind == Kind::vgpr, Half::whole});
}

Result<void> bind_general(const Program& program, const Parsed& parsed, const GeneralRow& row, Instr& i) {
  i.run = row.run;
  i.kind = row.kind;
  i.copies = row.has(general_flag::copies);
  i.modifiers = parsed.modifiers;
  std::copy(parsed.operands.begin(), parsed.operands.end(), i.operand.begin());
  i.operands = static_cast<uint8_t>(parsed.operands.size());
  if (row.has(general_flag::from_text)) {
    if (row.mnemonic.starts_with("s_getreg") || row.mnemonic.starts_with("s_setreg")) return bind_mode(parsed, i);
    if (row.mnemonic == "s_sendmsg" && parsed.rest != "sendmsg(MSG_DEALLOC_VGPRS)") return not_understood(parsed);
    const bool counts = row.mnemonic.find("cnt") != std::string_view::npos && row.mnemonic != "s_waitcnt_depctr";
    return counts ? bind_wait(parsed, i) : Result<void>();
  }
  if (i.operands != row.operands && row.kind != Class::other) return not_understood(parsed);
  if (row.kind == Class::other || row.kind == Class::barrier) return {};
  return bind_operands(program, row, i);
}

Result<void> bind(const Program& program, Parsed parsed, Instr& i) {
  const std::string name = canonical(parsed.mnemonic);
  const Family family = program.row->family;
  if (const MatrixOp* matrix = find_matrix_op(family, name)) return bind_matrix(program, parsed, *matrix, i);
  if (const DotOp* dot = find_dot_op(family, name)) return bind_dot(program, parsed, *dot, i);
  if (const VectorRow* vector = find_vector(name)) return bind_vector(program, parsed, *vector, i);
  if (const GeneralRow* general = find_general(name)) return bind_general(program, parsed, *general, i);
  if (const MemoryRow* memory = find_memory(name)) return bind_memory(family, parsed, *memory, i);
  return unsupported(fmt::format("the emulator does not know {}", parsed.mnemonic));
}

}  // namespace tilejit::amdgpu::emulator

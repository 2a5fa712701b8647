#include "targets/amdgpu/emulator/hazard_issues.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string_view>

#include "targets/amdgpu/emulator/matrix.h"
#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/parse_text.h"

namespace tilejit::amdgpu::emulator {
namespace {

bool is_transcendental(std::string_view mnemonic) {
  constexpr std::array names = {"v_exp_", "v_log_", "v_rcp_", "v_rsq_", "v_sqrt_", "v_sin_", "v_cos_"};
  return std::ranges::any_of(names, [&](std::string_view name) { return mnemonic.starts_with(name); });
}

Unit unit_of(const Instr& i, std::string_view mnemonic) {
  if (i.matrix != nullptr) return Unit::matrix;
  if (i.memory != nullptr) {
    switch (i.memory->space) {
      case Space::global:
      case Space::flat:
      case Space::scratch: return Unit::flat;
      case Space::buffer: return Unit::buffer;
      case Space::lds: return Unit::lds;
      case Space::scalar:
      case Space::scalar_buffer: return Unit::smem;
    }
  }
  if (mnemonic.starts_with("ds_")) return Unit::lds;
  if (mnemonic.starts_with("buffer_")) return Unit::buffer;
  if (!mnemonic.starts_with("v_")) return Unit::salu;
  if (i.dot != nullptr) return Unit::dot;
  return is_transcendental(mnemonic) ? Unit::trans : Unit::valu;
}

/// Nothing for SCC, null and what no hazard is about.
std::optional<RegisterRange> register_range(const Range& r) {
  if (r.is_vector && r.first >= first_agpr) return RegisterRange{RegisterFile::agpr, r.first - first_agpr, r.words};
  if (r.is_vector) return RegisterRange{RegisterFile::vgpr, r.first, r.words};
  if (r.first < scalar::vcc) return RegisterRange{RegisterFile::sgpr, r.first, r.words};
  if (r.first < scalar::vcc + 2) return RegisterRange{RegisterFile::vcc, r.first - scalar::vcc, r.words};
  if (r.first == scalar::m0) return RegisterRange{RegisterFile::m0};
  if (r.first == scalar::exec || r.first == scalar::exec + 1) return RegisterRange{RegisterFile::exec};
  return std::nullopt;
}

/// The first range without a role that is this operand gets the role.
void give_role(Issue& issue, const Operand& o, Role role) {
  if (o.kind != Kind::vgpr && o.kind != Kind::sgpr) return;
  const auto range = register_range({o.first, o.words, o.kind == Kind::vgpr});
  if (!range) return;
  for (RegisterRange& r : issue.reads)
    if (r.role == Role::other && r.file == range->file && r.first == range->first && r.count == range->count) {
      r.role = role;
      return;
    }
}

void give_roles(Issue& issue, const Instr& i, std::string_view mnemonic) {
  constexpr std::array factors = {Role::a, Role::b, Role::c};
  if (i.matrix != nullptr || i.dot != nullptr)
    for (size_t n = 1; n < i.operands && n <= factors.size(); ++n) give_role(issue, i.operand[n], factors[n - 1]);
  if (i.dot != nullptr && i.operands == 3) give_role(issue, i.operand[0], Role::c);
  if (mnemonic == "v_readlane_b32" || mnemonic == "v_writelane_b32") give_role(issue, i.operand[2], Role::lane_select);
  if (i.memory != nullptr && i.memory->direction == Direction::store) give_role(issue, i.operand[0], Role::store_data);
}

/// Whether the destination is the high or low half of a register.
bool writes_half(const Instr& i, std::string_view mnemonic) {
  const Modifiers& m = i.modifiers;
  if (m.sdwa) return m.dst_sel != Select::dword;
  const bool is_packed = mnemonic.starts_with("v_pk_") || mnemonic.find("_mix") != mnemonic.npos || i.dot != nullptr;
  return !is_packed && m.has_op_sel && i.operands > 0 && (m.op_sel >> (i.operands - 1) & 1) != 0;
}

bool is_wide_store(const Instr& i) {
  if (i.memory == nullptr || i.memory->direction != Direction::store) return false;
  const bool has_scalar_offset = i.memory->space == Space::buffer && i.operands > 3 && i.operand[3].kind == Kind::sgpr;
  return i.memory->space != Space::lds && i.memory->transfer.bytes > 8 && !has_scalar_offset;
}

/// `depctr_va_vdst(0) depctr_sa_sdst(0)`, or the field's number: what it waits for entirely.
uint16_t waits_of(std::string_view text) {
  struct Field {
    std::string_view name;
    Trait trait;
    int64_t mask;
  };
  constexpr Field fields[] = {{"va_vdst(0)", waits_vdst, 0xf000},
                              {"va_sdst(0)", waits_sdst, 0x0e00},
                              {"va_vcc(0)", waits_vcc, 2},
                              {"sa_sdst(0)", waits_salu, 1}};
  const std::string_view value = text.substr(std::min(text.size(), text.find(' ') + 1));
  int64_t number = 0;
  const bool is_number = parse_integer(value, number);
  uint16_t traits = 0;
  for (const Field& field : fields)
    if (is_number ? (number & field.mask) == 0 : value.find(field.name) != value.npos)
      traits = static_cast<uint16_t>(traits | field.trait);
  return traits;
}

uint16_t traits_of(const Instr& i, std::string_view mnemonic, std::string_view text) {
  unsigned traits = 0;
  if (i.modifiers.dpp != Lanewise::none) traits |= dpp;
  if (mnemonic.starts_with("v_readlane") || mnemonic.starts_with("v_readfirstlane") ||
      mnemonic.starts_with("v_writelane"))
    traits |= lane_access;
  if (mnemonic.starts_with("v_permlane") && mnemonic.find("_swap") != mnemonic.npos) traits |= lane_swap;
  if (mnemonic.starts_with("v_div_fmas")) traits |= div_fmas;
  if (mnemonic.starts_with("v_") && writes_half(i, mnemonic)) traits |= half_write;
  if (is_wide_store(i)) traits |= wide_store;
  if (i.memory != nullptr && i.memory->direction == Direction::store) traits |= stores;
  const bool to_lds = i.memory != nullptr && (i.memory->direction == Direction::load_to_lds || i.modifiers.lds);
  if (to_lds || mnemonic.starts_with("s_sendmsg")) traits |= reads_m0_late;
  if (mnemonic == "s_nop") traits |= nop;
  if (mnemonic == "s_sendmsg" && text.find("MSG_DEALLOC_VGPRS") != text.npos) traits |= frees_vgprs;
  if (mnemonic == "s_wait_alu" || mnemonic == "s_waitcnt_depctr") traits |= waits_of(text);
  return static_cast<uint16_t>(traits);
}

/// s_setreg and s_getreg touch a register that the text names: hwreg(HW_REG_MODE, 4, 4).
void add_hardware_register(Issue& issue, std::string_view mnemonic, std::string_view text) {
  const bool sets = mnemonic.starts_with("s_setreg"), gets = mnemonic.starts_with("s_getreg");
  if (!sets && !gets) return;
  const size_t from = std::min(text.size(), text.find("hwreg("));
  const std::string_view name = text.substr(from, text.find_first_of(",)", from) - from);
  const RegisterRange range{RegisterFile::mode, static_cast<int>(std::hash<std::string_view>{}(name) % 4096)};
  (sets ? issue.writes : issue.reads).push_back(range);
}

Issue issue_of(const Program& program, size_t index) {
  const Instr& i = program.instrs[index];
  const std::string_view text = program.texts[index];
  std::string_view mnemonic = text.substr(0, text.find(' '));
  for (const std::string_view suffix : {"_e32", "_e64", "_dpp", "_sdwa", "_e64_dpp"})
    if (mnemonic.ends_with(suffix)) mnemonic.remove_suffix(suffix.size());
  Issue issue;
  issue.unit = unit_of(i, mnemonic);
  issue.traits = traits_of(i, mnemonic, text);
  issue.opcode = static_cast<uint32_t>(std::hash<std::string_view>{}(mnemonic));
  if (i.matrix != nullptr && is_cdna(program.row->family)) issue.passes = clocks_of(*i.matrix) / 4;
  for (size_t n = 0; n < i.read_ranges; ++n)
    if (const auto range = register_range(i.reads[n])) issue.reads.push_back(*range);
  for (size_t n = 0; n < i.write_ranges; ++n)
    if (const auto range = register_range(i.writes[n])) issue.writes.push_back(*range);
  give_roles(issue, i, mnemonic);
  add_hardware_register(issue, mnemonic, text);
  int64_t nops = 0;
  if (mnemonic == "s_nop" && parse_integer(text.substr(text.find(' ') + 1), nops))
    issue.states = static_cast<int>(nops) + 1;
  prepare(*program.row, issue);
  return issue;
}

}  // namespace

std::vector<Issue> hazard_issues(const Program& program) {
  std::vector<Issue> issues;
  for (size_t n = 0; n < program.instrs.size(); ++n) issues.push_back(issue_of(program, n));
  return issues;
}

}  // namespace tilejit::amdgpu::emulator

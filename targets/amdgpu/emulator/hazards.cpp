#include "targets/amdgpu/emulator/hazards.h"

#include <algorithm>
#include <bit>

#include "targets/amdgpu/emulator/hazards_table.h"

namespace tilejit::amdgpu::emulator {
namespace {

constexpr int longest = 24;  // wait states that any row needs, and more
constexpr int vcc_number = 106;
constexpr size_t longest_clause = 5;  // instructions that LLVM looks back

bool is_vector(const Issue& i) {
  return i.unit == Unit::valu || i.unit == Unit::trans || i.unit == Unit::dot || i.unit == Unit::matrix;
}

const std::vector<RegisterRange>& ranges_of(const Issue& issue, Touch access) {
  return access == Touch::writes ? issue.writes : issue.reads;
}

/// The part of a row that asks one of the two instructions.
struct Side {
  uint16_t units = 0;
  Touch access = Touch::none;
  uint16_t traits = 0;
  uint8_t roles = 0;
  uint8_t files = 0;
};
Side first_of(const HazardRow& r) { return {r.first_units, r.first_touch, r.first_traits, r.first_roles, r.files}; }
Side second_of(const HazardRow& r) {
  return {r.second_units, r.second_touch, r.second_traits, r.second_roles, r.files};
}

bool has_range(const Side& side, const RegisterRange& range) {
  return (side.files & bit(range.file)) != 0 && (side.roles & bit(range.role)) != 0;
}

bool matches(const Side& side, const Issue& issue) {
  if ((side.units & bit(issue.unit)) == 0) return false;
  if (side.traits != 0 && (side.traits & issue.traits) == 0) return false;
  if (side.access == Touch::none) return true;
  return std::ranges::any_of(ranges_of(issue, side.access), [&](const RegisterRange& r) { return has_range(side, r); });
}

std::string name_of(RegisterFile file, int number) {
  switch (file) {
    case RegisterFile::vgpr: return "v" + std::to_string(number);
    case RegisterFile::agpr: return "a" + std::to_string(number);
    case RegisterFile::sgpr: return "s" + std::to_string(number);
    case RegisterFile::vcc: return "vcc";
    case RegisterFile::exec: return "exec";
    case RegisterFile::m0: return "m0";
    case RegisterFile::mode: return "mode";
  }
  return {};
}

bool same_allows(const HazardRow& row, const Issue& first, const RegisterRange& x, const Issue& second,
                 const RegisterRange& y) {
  switch (row.same) {
    case Same::any: return true;
    case Same::opcode: return first.opcode == second.opcode;
    case Same::other_opcode: return first.opcode != second.opcode;
    case Same::not_the_range: return !same_range(x, y);
  }
  return true;
}

int needed_by(const HazardRow& row, Family family, const Issue& first) {
  return row.states[static_cast<int>(family)] + row.per_pass * first.passes;
}

}  // namespace

void prepare(const GpuRow& row, Issue& issue) {
  issue.first = issue.second = 0;
  if (!is_cdna(row.family)) return;
  uint64_t mask = 1;
  for (const HazardRow& hazard : hazard_rows()) {
    if (hazard.states[static_cast<int>(row.family)] != no_hazard) {
      if (matches(first_of(hazard), issue)) issue.first |= mask;
      if (matches(second_of(hazard), issue)) issue.second |= mask;
    }
    mask <<= 1;
  }
}

HazardTracker::HazardTracker(const GpuRow& row) : family_(row.family), has_trans_hazard_(row.facts.name == "gfx1100") {}

std::string HazardTracker::issue(const Issue& now) {
  std::string report;
  if (is_cdna(family_)) {
    while (!past_.empty() && now_ - past_.back().end > longest) past_.pop_back();
    report = check_table(now);
    if (report.empty()) report = check_clause(now);
    wait(now.states);
    if (now.first != 0) past_.push_front({&now, now_});
    return report;
  }
  if (has_trans_hazard_) report = check_trans(now);
  if (report.empty()) report = check_wmma(now);
  if (family_ == Family::rdna4 && report.empty()) report = check_sgprs(now);
  if ((now.traits & frees_vgprs) != 0 && !after_nop_ && report.empty())
    report = "frees VGPRs with no s_nop right before it";
  after_nop_ = (now.traits & nop) != 0;
  return report;
}

std::string HazardTracker::check_table(const Issue& now) const {
  uint64_t candidates = 0;
  for (const Past& past : past_) candidates |= past.issue->first & now.second;
  std::string report;
  for (; candidates != 0 && report.empty(); candidates &= candidates - 1) {
    const int index = std::countr_zero(candidates);
    const HazardRow& row = hazard_rows()[static_cast<size_t>(index)];
    if (row.second_touch == Touch::none) {
      report = check_register(index, now, {RegisterFile::exec});
      continue;
    }
    for (const RegisterRange& range : ranges_of(now, row.second_touch))
      if (has_range(second_of(row), range) && report.empty()) report = check_register(index, now, range);
  }
  return report;
}

/// CDNA: after a page fault, memory instructions of a kind with no others between them run again. So none may write what one
/// of them reads, nor store what one has loaded: as LLVM, which knows no addresses, it is any store behind a load.
std::string HazardTracker::check_clause(const Issue& now) {
  const auto kind_of = [](const Issue& i) {
    if (i.unit == Unit::smem) return 1;
    return i.unit == Unit::buffer || i.unit == Unit::flat ? 2 : 0;
  };
  const int kind = kind_of(now);
  if (kind == 0 || (!clause_.empty() && kind_of(*clause_.front()) != kind)) clause_.clear();
  if (kind == 0) return {};
  if (clause_.size() > longest_clause) clause_.erase(clause_.begin());
  const bool has_load = std::ranges::any_of(clause_, [](const Issue* i) { return !i->writes.empty(); });
  clause_.push_back(&now);
  if (!has_load) return {};
  if ((now.traits & stores) != 0) return "stores right behind a load, which a page fault may repeat";
  for (const Issue* writer : clause_)
    for (const Issue* reader : clause_)
      for (const RegisterRange& written : writer->writes)
        for (const RegisterRange& read : reader->reads)
          if ((writer == &now || reader == &now) && overlap(written, read))
            return name_of(written.file, std::max(written.first, read.first)) +
                   " is written and read by memory instructions with nothing between them, which a page fault may "
                   "repeat";
  return {};
}

/// Of each register the last instruction that accessed it as the row's first one counts: it waited for those before it.
std::string HazardTracker::check_register(int index, const Issue& now, const RegisterRange& range) const {
  const HazardRow& row = hazard_rows()[static_cast<size_t>(index)];
  const auto accessed = [&](const Past& past, int number) -> const RegisterRange* {
    if ((past.issue->first >> index & 1) == 0) return nullptr;
    for (const RegisterRange& r : ranges_of(*past.issue, row.first_touch))
      if (has_range(first_of(row), r) && overlap(r, {range.file, number})) return &r;
    return nullptr;
  };
  for (int number = range.first; number < range.first + range.count; ++number)
    for (const Past& past : past_) {
      const RegisterRange* before = accessed(past, number);
      if (before == nullptr) continue;
      const int needed = needed_by(row, family_, *past.issue);
      const int64_t between = now_ - past.end;
      if (between < needed && same_allows(row, *past.issue, *before, now, range))
        return name_of(range.file, number) + " " + row.what + ": " + std::to_string(between) +
               " wait states between them, " + std::to_string(needed) + " needed";
      break;
    }
  return {};
}

/// gfx1100: the result of a transcendental instruction is not waited for by VALU within the next six VALU instructions
/// or two transcendental ones, unless something waits for all results of VALU.
std::string HazardTracker::check_trans(const Issue& now) {
  if (now.unit == Unit::buffer || now.unit == Unit::flat || now.unit == Unit::lds || (now.traits & waits_vdst) != 0)
    trans_.clear();
  if (!is_vector(now)) return {};
  std::string report;
  for (const RegisterRange& read : now.reads)
    for (const PendingTrans& pending : trans_)
      if (report.empty() && overlap(read, pending.range))
        report = name_of(pending.range.file, pending.range.first) +
                 " is read after a transcendental instruction wrote it, with " + std::to_string(pending.valus) +
                 " VALU instructions and no va_vdst(0) between them";
  for (PendingTrans& pending : trans_) {
    ++pending.valus;
    if (now.unit == Unit::trans) ++pending.transes;
  }
  std::erase_if(trans_, [](const PendingTrans& p) { return p.valus > 5 || p.transes > 1; });
  if (now.unit == Unit::trans)
    for (const RegisterRange& write : now.writes) trans_.push_back({write});
  return report;
}

/// A WMMA must not read as A or B what the WMMA before it wrote; one VALU instruction between them is enough.
std::string HazardTracker::check_wmma(const Issue& now) {
  if (!is_vector(now)) return {};
  const Issue* before = last_wmma_;
  last_wmma_ = now.unit == Unit::matrix ? &now : nullptr;
  if (now.unit != Unit::matrix || before == nullptr) return {};
  for (const RegisterRange& read : now.reads)
    for (const RegisterRange& written : before->writes)
      if ((read.role == Role::a || read.role == Role::b) && overlap(read, written))
        return name_of(read.file, std::max(read.first, written.first)) +
               " is A or B of the next WMMA after a WMMA wrote it, with no VALU instruction between them";
  return {};
}

/// RDNA 4: once VALU has read a pair of SGPRs, it and SALU may see the old value of one of them after a write, until
/// sa_sdst (written by SALU), va_sdst or va_vcc (by VALU) have been waited for. Scalar and buffer memory instructions
/// wait for all.
std::string HazardTracker::check_sgprs(const Issue& now) {
  const bool by_valu = is_vector(now), by_salu = now.unit == Unit::salu;
  if (now.unit == Unit::smem || now.unit == Unit::buffer || (now.traits & waits_salu) != 0) by_salu_.reset();
  const auto keep_vcc = [&](bool keep) {
    for (size_t n = 0; n < by_valu_.size(); ++n)
      if ((n >= vcc_number) != keep) by_valu_.reset(n);
  };
  if (now.unit == Unit::smem || now.unit == Unit::buffer) by_valu_.reset();
  if ((now.traits & waits_sdst) != 0) keep_vcc(true);
  if ((now.traits & waits_vcc) != 0) keep_vcc(false);
  if (!by_valu && !by_salu) return {};
  const auto number_of = [](const RegisterRange& r) {
    if (r.file == RegisterFile::vcc) return vcc_number + r.first;
    return r.file == RegisterFile::sgpr ? r.first : -1;
  };
  std::string report;
  for (const RegisterRange& read : now.reads) {
    if (number_of(read) < 0) continue;
    if (by_salu) keep_vcc(read.file != RegisterFile::vcc);  // it waits for VALU's writes by itself, whichever it reads
    for (int i = 0; i < read.count; ++i) {
      const size_t n = static_cast<size_t>(number_of(read)) + static_cast<size_t>(i);
      const bool tracked = read_by_valu_[n / 2];
      if (by_valu) read_by_valu_.set(n / 2);
      if (!tracked || !report.empty()) continue;
      const char* field = by_salu_[n]       ? "sa_sdst(0)"
                          : !by_valu_[n]    ? nullptr
                          : n >= vcc_number ? "va_vcc(0)"
                                            : "va_sdst(0)";
      if (field != nullptr && (by_salu_[n] || by_valu))
        report = name_of(read.file, read.first + i) + " is read after it was written, with no s_wait_alu " + field +
                 " between them";
    }
  }
  for (const RegisterRange& written : now.writes)
    for (int i = 0; i < written.count && number_of(written) >= 0; ++i) {
      const size_t n = static_cast<size_t>(number_of(written)) + static_cast<size_t>(i);
      if (!read_by_valu_[n / 2]) continue;
      by_salu_.set(n, by_salu || (by_salu_[n] && written.file == RegisterFile::sgpr));
      by_valu_.set(n, by_valu || (by_valu_[n] && written.file == RegisterFile::sgpr));
    }
  return report;
}

}  // namespace tilejit::amdgpu::emulator

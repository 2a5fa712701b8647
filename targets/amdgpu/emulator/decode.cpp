#include "targets/amdgpu/emulator/decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "targets/amdgpu/emulator/bind.h"
#include "targets/amdgpu/emulator/disassemble.h"
#include "targets/amdgpu/emulator/hazard_issues.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// Registers of one wave, by the descriptor's granules.
void allocate(Program& p) {
  const KernelDescriptor& d = p.kernel.descriptor;
  const bool cdna = is_cdna(p.row->family);
  const uint32_t granule = cdna || p.wave == 32 ? 8 : 4;
  const uint32_t total = ((d.rsrc1 & 63) + 1) * granule;
  p.vgprs = cdna ? std::min(total, ((d.rsrc3 & 63) + 1) * 4) : total;
  p.agprs = total - p.vgprs;
  p.sgprs = cdna ? (((d.rsrc1 >> 6) & 15) + 1) * 8 : scalar::vcc;  // RDNA gives each wave all of them
}

Result<void> check_range(const Program& p, const Range& range) {
  const uint32_t end = uint32_t{range.first} + range.words;
  if (range.is_vector) {
    const bool is_agpr = range.first >= first_agpr;
    const uint32_t limit = is_agpr ? first_agpr + p.agprs : p.vgprs;
    if (end > limit)
      return invalid(
          fmt::format("uses {}, the descriptor allocates {} VGPRs and {} AGPRs", name_of(range), p.vgprs, p.agprs));
  } else if (range.first < scalar::vcc && end > p.sgprs) {
    return invalid(fmt::format("uses {}, the descriptor allocates {} SGPRs", name_of(range), p.sgprs));
  }
  return {};
}

Result<void> check_registers(const Program& p, const Instr& i) {
  for (size_t n = 0; n < i.read_ranges; ++n) TRY(check_range(p, i.reads[n]));
  for (size_t n = 0; n < i.write_ranges; ++n) TRY(check_range(p, i.writes[n]));
  return {};
}

/// A pair's second half; both halves' registers are checked before either runs.
Result<void> bind_pair(Program& p, std::string_view text, Instr& first) {
  Instr second;
  auto parsed = TRY(parse_instruction(text));
  TRY(bind(p, std::move(parsed), second));
  for (size_t n = 0; n < second.read_ranges && first.read_ranges < first.reads.size(); ++n)
    first.reads[first.read_ranges++] = second.reads[n];
  for (size_t n = 0; n < second.write_ranges; ++n) add_write(first, second.writes[n]);
  p.duals.push_back(second);
  first.dual = &p.duals.back();
  return {};
}

Result<Instr> decode_one(Program& p, const Line& line) {
  Instr i;
  i.encoding = line.encoding;
  const size_t pair = line.text.find(" :: ");
  auto parsed = TRY(parse_instruction(line.text.substr(0, pair)));
  TRY(bind(p, std::move(parsed), i));
  if (pair != std::string::npos) TRY(bind_pair(p, line.text.substr(pair + 4), i));
  TRY(check_registers(p, i));
  return i;
}

Result<void> resolve_branches(Program& p) {
  std::unordered_map<uint64_t, int32_t> index;
  for (size_t n = 0; n < p.addresses.size(); ++n) index.emplace(p.addresses[n], static_cast<int32_t>(n));
  for (size_t n = 0; n < p.instrs.size(); ++n) {
    Instr& i = p.instrs[n];
    if (i.kind != Class::branch) continue;
    const auto words = static_cast<int64_t>(static_cast<int16_t>(i.encoding & 0xffff));
    const auto found = index.find(p.addresses[n] + static_cast<uint64_t>(4 + 4 * words));
    if (found == index.end()) return invalid(fmt::format("{}: branches to no instruction", p.texts[n]));
    i.target = found->second;
  }
  return {};
}

/// What the note says against what the descriptor sets up.
Result<void> check_metadata(const Program& p) {
  const KernelMetadata& m = p.kernel.metadata;
  const KernelDescriptor& d = p.kernel.descriptor;
  struct Pair {
    const char* name;
    int64_t note, descriptor;
  };
  for (const Pair& pair :
       {Pair{"wavefront_size", m.wave, p.wave}, Pair{"group_segment_fixed_size", m.lds_bytes, d.lds_bytes},
        Pair{"private_segment_fixed_size", m.private_bytes, d.private_bytes},
        Pair{"kernarg_segment_size", m.kernarg_bytes, d.kernarg_bytes}})
    if (pair.note != pair.descriptor)
      return invalid(fmt::format("{}: the metadata's {}={} disagrees with the descriptor's {}", p.kernel.name,
                                 pair.name, pair.note, pair.descriptor));
  if (m.vgprs > p.vgprs + p.agprs)
    return invalid(fmt::format("{}: the metadata's vgpr_count={}, the descriptor allocates {}", p.kernel.name, m.vgprs,
                               p.vgprs + p.agprs));
  if (m.agprs > p.agprs)
    return invalid(
        fmt::format("{}: the metadata's agpr_count={}, the descriptor allocates {}", p.kernel.name, m.agprs, p.agprs));
  if (is_cdna(p.row->family) && m.sgprs > p.sgprs)
    return invalid(
        fmt::format("{}: the metadata's sgpr_count={}, the descriptor allocates {}", p.kernel.name, m.sgprs, p.sgprs));
  if (d.lds_bytes > p.row->lds_bytes)
    return invalid(
        fmt::format("{}: {} bytes of LDS, {} has {}", p.kernel.name, d.lds_bytes, p.row->facts.name, p.row->lds_bytes));
  return {};
}

/// The registers that the code uses against what the note says that it does.
Result<void> check_use(const Program& p) {
  const KernelMetadata& m = p.kernel.metadata;
  int64_t vgprs = 0, agprs = 0, sgprs = 0;
  const auto use = [&](const Range& r) {
    const int64_t end = int64_t{r.first} + r.words;
    if (r.is_vector && r.first >= first_agpr)
      agprs = std::max(agprs, end - first_agpr);
    else if (r.is_vector)
      vgprs = std::max(vgprs, end);
    else if (r.first < scalar::vcc)
      sgprs = std::max(sgprs, end);
  };
  for (const Instr& i : p.instrs) {
    for (size_t n = 0; n < i.read_ranges; ++n) use(i.reads[n]);
    for (size_t n = 0; n < i.write_ranges; ++n) use(i.writes[n]);
  }
  struct Use {
    const char* name;
    int64_t used, noted;
  };
  // CDNA's vgpr_count includes the AGPRs.
  for (const Use& u : {Use{"vgpr", vgprs, m.vgprs}, Use{"agpr", agprs, m.agprs}, Use{"sgpr", sgprs, m.sgprs}})
    if (u.used > u.noted)
      return invalid(
          fmt::format("{}: the metadata's {}_count={}, the code uses {}", p.kernel.name, u.name, u.noted, u.used));
  return {};
}

}  // namespace

Result<std::unique_ptr<Program>> decode(const GpuRow& row, Kernel kernel) {
  auto p = std::make_unique<Program>();
  p->row = &row;
  p->kernel = std::move(kernel);
  p->wave = !is_cdna(row.family) && p->kernel.descriptor.wave32() ? 32 : 64;
  allocate(*p);
  TRY(check_metadata(*p));
  const auto lines = TRY(disassemble(std::string(row.facts.name), p->wave == 32 ? WaveSize::wave32 : WaveSize::wave64,
                                     p->kernel.code, p->kernel.address));
  p->duals.reserve(lines.size());
  for (const Line& line : lines) {
    auto instr = decode_one(*p, line);
    if (!instr.ok())
      return Error{instr.error().kind, fmt::format("{:#x}: {}: {}", line.address, line.text, instr.error().message)};
    p->instrs.push_back(*instr);
    p->addresses.push_back(line.address);
    p->texts.push_back(line.text);
  }
  TRY(resolve_branches(*p));
  TRY(check_use(*p));
  p->issues = hazard_issues(*p);
  return p;
}

}  // namespace tilejit::amdgpu::emulator

#include "targets/amdgpu/emulator/transfer.h"

#include <fmt/format.h>

#include <cstring>

#include "targets/amdgpu/emulator/machine.h"

namespace tilejit::amdgpu::emulator {

void get_lane(const Wave& w, const Transfer& transfer, const Operand& from, size_t lane, uint8_t* bytes) {
  for (uint32_t n = 0; n * 4 < transfer.bytes; ++n) {
    uint32_t word = w.vgpr[from.first + n][lane];
    if (transfer.half == Half::high || from.half == Half::high) word >>= 16;
    std::memcpy(bytes + size_t{4} * n, &word, 4);
  }
}

void put_lane(Wave& w, const Transfer& transfer, const Operand& to, size_t lane, const uint8_t* bytes) {
  const uint64_t bit = uint64_t{1} << lane;
  if (transfer.bytes >= 4) {
    for (uint32_t n = 0; n * 4 < transfer.bytes; ++n) {
      const size_t reg = to.first + n;
      std::memcpy(&w.vgpr[reg][lane], bytes + size_t{4} * n, 4);
      w.vgpr_written[reg].low |= bit;
      w.vgpr_written[reg].high |= bit;
    }
    return;
  }
  uint32_t word = 0;
  std::memcpy(&word, bytes, transfer.bytes);
  if (transfer.sign_extends) {
    const int shift = 32 - 8 * transfer.bytes;
    word = static_cast<uint32_t>(static_cast<int32_t>(word << shift) >> shift);
  }
  uint32_t& old = w.vgpr[to.first][lane];
  Written16& written = w.vgpr_written[to.first];
  const Half half = transfer.half == Half::whole ? Half::whole : to.half == Half::whole ? transfer.half : to.half;
  switch (half) {
    case Half::whole:
      old = word;
      written.low |= bit;
      written.high |= bit;
      return;
    case Half::low: old = (old & 0xffff0000U) | (word & 0xffffU); break;
    case Half::high: old = (old & 0xffffU) | word << 16; break;
  }
  const bool keeps = !is_cdna(w.machine->program->row->family);
  if (half == Half::low) {
    written.low |= bit;
    if (!keeps) written.high &= ~bit;
  } else {
    written.high |= bit;
    if (!keeps) written.low &= ~bit;
  }
}

void report_lds(Wave& w, LdsFault fault, uint32_t address, uint32_t bytes) {
  switch (fault) {
    case LdsFault::none: return;
    case LdsFault::out_of_bounds:
      w.report(ReportKind::out_of_bounds,
               fmt::format("LDS bytes {} to {} of {}", address, uint64_t{address} + bytes, w.machine->lds.size()));
      return;
    case LdsFault::race:
      w.report(ReportKind::lds_race,
               fmt::format("LDS bytes {} to {}: another wave touches them and no barrier lies between", address,
                           uint64_t{address} + bytes));
      return;
    case LdsFault::in_flight:
      w.report(ReportKind::unmet_wait, fmt::format("LDS bytes {} to {} are still on their way from memory", address,
                                                   uint64_t{address} + bytes));
      return;
    case LdsFault::uninitialized:
      w.report(ReportKind::uninitialized,
               fmt::format("LDS bytes {} to {}, which were never written", address, uint64_t{address} + bytes));
      return;
  }
}

}  // namespace tilejit::amdgpu::emulator

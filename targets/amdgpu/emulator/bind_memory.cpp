#include <fmt/format.h>

#include <algorithm>

#include "targets/amdgpu/emulator/bind.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// Operands in the order in which the row's code finds them: data, address, base or resource or second data, scalar offset.
Result<void> order(const MemoryRow& row, const Modifiers& m, std::vector<Operand>& o) {
  const bool is_store = row.direction == Direction::store;
  const size_t given = o.size();
  switch (row.space) {
    case Space::global:
    case Space::flat:
    case Space::scratch:
      if (row.direction == Direction::load_to_lds) o.insert(o.begin(), Operand{});
      if (is_store && o.size() >= 2) std::swap(o[0], o[1]);
      if (row.space == Space::flat && o.size() == 2) o.push_back(Operand{.kind = Kind::off});
      if (o.size() == 3) return {};
      break;
    case Space::buffer:
      if (m.lds) o.insert(o.begin(), Operand{});
      if (o.size() == 4) return {};
      break;
    case Space::lds:
      if (is_store && o.size() >= 2) std::swap(o[0], o[1]);
      if (o.size() == (is_store && row.accesses == 2 ? 3U : 2U)) return {};
      break;
    case Space::scalar:
    case Space::scalar_buffer:
      if (o.size() == 3 || o.size() == 2) return {};
      break;
  }
  return invalid(fmt::format("the emulator does not know this instruction with {} operands", given));
}

Class class_of(const MemoryRow& row) {
  switch (row.space) {
    case Space::lds: return Class::lds;
    case Space::scalar:
    case Space::scalar_buffer: return Class::smem;
    case Space::global:
    case Space::flat:
    case Space::scratch:
    case Space::buffer: break;
  }
  return row.direction == Direction::store ? Class::vmem_store : Class::vmem_load;
}

Result<void> check_words(const MemoryRow& row, const Operand& o, int accesses) {
  const int words = accesses * std::max(1, row.transfer.bytes / 4);
  const bool is_register = o.kind == Kind::vgpr || o.kind == Kind::sgpr;
  if (!is_register || o.words != words) return invalid(fmt::format("the emulator knows data of {} words", words));
  return {};
}

}  // namespace

Result<void> bind_memory(Family family, Parsed& parsed, const MemoryRow& row, Instr& i) {
  i.memory = &row;
  i.run = row.run;
  i.kind = class_of(row);
  i.modifiers = parsed.modifiers;
  if (i.modifiers.idxen) return unsupported("the emulator does not know buffer indices");
  if (i.modifiers.lds && row.space != Space::buffer)
    return unsupported("the emulator does not know this load to the LDS");
  TRY(order(row, i.modifiers, parsed.operands));
  std::copy(parsed.operands.begin(), parsed.operands.end(), i.operand.begin());
  i.operands = static_cast<uint8_t>(parsed.operands.size());
  const bool to_lds = row.direction == Direction::load_to_lds || i.modifiers.lds;
  const bool is_store = row.direction == Direction::store;
  if (!to_lds) TRY(check_words(row, i.operand[0], row.accesses == 2 && !is_store ? 2 : 1));
  for (size_t n = to_lds || !is_store ? 1 : 0; n < i.operands; ++n) {
    // A store of less than a word reads the half that holds it.
    const bool is_half = n == 0 && row.transfer.bytes < 4;
    const bool is_high = row.transfer.half == Half::high || i.operand[n].half == Half::high;
    add_read(i, i.operand[n], !is_half ? Half::whole : is_high ? Half::high : Half::low);
  }
  if (to_lds) add_read(i, Range{scalar::m0, 1, false, Half::whole});
  if (!is_store && !to_lds) {
    i.loads = true;
    add_write(i, i.operand[0]);
    // CDNA's registers have ECC, which changes the other half too.
    if (row.transfer.half != Half::whole && !is_cdna(family))
      i.writes[i.write_ranges - 1U].half = i.operand[0].half == Half::whole ? row.transfer.half : i.operand[0].half;
  }
  return {};
}

}  // namespace tilejit::amdgpu::emulator

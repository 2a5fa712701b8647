// What all vector instructions share: sources from registers or memory, broadcasts, masks, widths, and the destination.
// Lanes that the mask leaves out are not read from memory and not written to it.
#include <fmt/format.h>

#include <cstring>

#include "targets/x86/emulator/machine.h"

namespace tilejit::x86::emulator {
namespace {

/// The write mask's bits for the lanes of the destination.
uint64_t lanes_of(const Instr& i) {
  const int lanes = i.bytes / i.vector->element;
  return lanes >= 64 ? ~uint64_t{0} : (uint64_t{1} << lanes) - 1;
}
bool is_masked(const Instr& i) { return i.mask != 0 && !i.vector->has(row_flag::selects); }
uint64_t active(const Machine& m, const Instr& i) { return is_masked(i) ? m.k[i.mask] & lanes_of(i) : lanes_of(i); }

bool is_aligned(Machine& m, const Instr& i, uint64_t bytes) {
  if (!i.vector->has(row_flag::aligned) || m.address(i.memory) % bytes == 0) return true;
  m.fail(fmt::format("the address {:#x} is not {}-byte aligned", m.address(i.memory), bytes));
  return false;
}

void fetch_lanes(Machine& m, const Instr& i, Vector& to, uint64_t bytes, uint64_t lanes) {
  const uint64_t element = bytes / (i.bytes / i.vector->element);
  Instr one = i;
  for (uint64_t lane = 0; lane < bytes / element; ++lane, one.memory.disp += static_cast<int64_t>(element)) {
    if ((lanes >> lane & 1) == 0) continue;
    if (const std::byte* from = m.at(one, element, Access::read)) std::memcpy(to.u8 + lane * element, from, element);
  }
}

/// The memory operand as a vector; zero above it.
void fetch(Machine& m, const Instr& i, Vector& to) {
  const Operand& operand = i.operand[i.source];
  to = {};
  if (operand.kind == Kind::general) {
    std::memcpy(to.u8, &m.g[operand.reg], operand.bytes);
    return;
  }
  const uint64_t lanes = active(m, i);
  if (!is_aligned(m, i, operand.bytes)) return;
  const bool by_lane = is_masked(i) && operand.copies == 1 && !i.vector->has(row_flag::whole);
  if (by_lane && lanes != lanes_of(i)) return fetch_lanes(m, i, to, operand.bytes, lanes);
  if (is_masked(i) && lanes == 0) return;
  const std::byte* from = m.at(i, operand.bytes, Access::read);
  if (from == nullptr) return;
  for (int copy = 0; copy < operand.copies; ++copy) std::memcpy(to.u8 + copy * operand.bytes, from, operand.bytes);
}

void store(Machine& m, const Instr& i, const Vector& from) {
  const uint64_t lanes = active(m, i);
  if (!is_aligned(m, i, i.bytes)) return;
  if (lanes == lanes_of(i)) {
    if (std::byte* to = m.at(i, i.bytes, Access::write)) std::memcpy(to, from.u8, i.bytes);
    return;
  }
  const uint64_t element = i.vector->element;
  Instr one = i;
  for (uint64_t lane = 0; lane < i.bytes / element; ++lane, one.memory.disp += static_cast<int64_t>(element)) {
    if ((lanes >> lane & 1) == 0) continue;
    if (std::byte* to = m.at(one, element, Access::write)) std::memcpy(to, from.u8 + lane * element, element);
  }
}

/// Lanes without their mask bit keep the old value, or become zero; bytes above the instruction's width become zero.
void commit(Machine& m, const Instr& i, Vector& out) {
  Vector& to = m.z[i.operand[0].reg];
  if (is_masked(i)) {
    const uint64_t lanes = active(m, i);
    const uint64_t element = i.vector->element;
    for (uint64_t lane = 0; lane < i.bytes / element; ++lane) {
      if ((lanes >> lane & 1) != 0) continue;
      if (i.zeroing)
        std::memset(out.u8 + lane * element, 0, element);
      else
        std::memcpy(out.u8 + lane * element, to.u8 + lane * element, element);
    }
  }
  if (i.bytes < sizeof(Vector)) std::memset(out.u8 + i.bytes, 0, sizeof(Vector) - i.bytes);
  to = out;
}

/// Lanes with their mask bit from b, the others from a.
void select(Machine& m, const Instr& i, Vector& out, const Vector& b) {
  const uint64_t element = i.vector->element;
  out = m.z[i.a];
  for (uint64_t lane = 0; lane < i.bytes / element; ++lane)
    if ((m.k[i.mask] >> lane & 1) != 0) std::memcpy(out.u8 + lane * element, b.u8 + lane * element, element);
}

}  // namespace

void run_vector(Machine& m, const Instr& i) {
  Vector fetched;
  const bool from_register = i.operand[i.source].kind == Kind::vector;
  if (!from_register) {
    fetch(m, i, fetched);
    if (!m.fault.empty()) return;
  }
  const Vector& b = from_register ? m.z[i.b] : fetched;
  const bool to_memory = i.operand[0].kind == Kind::memory;
  Vector out;
  if (!to_memory) out = m.z[i.operand[0].reg];
  if (i.vector->has(row_flag::selects))
    select(m, i, out, b);
  else
    i.vector->compute(out, m.z[i.a], b, i);
  if (to_memory)
    store(m, i, out);
  else
    commit(m, i, out);
}

void run_compare(Machine& m, const Instr& i) {
  Vector fetched;
  const bool from_register = i.operand[i.source].kind == Kind::vector;
  if (!from_register) {
    fetch(m, i, fetched);
    if (!m.fault.empty()) return;
  }
  m.k[i.operand[0].reg] = i.vector->compare(m.z[i.a], from_register ? m.z[i.b] : fetched, i) & active(m, i);
}

}  // namespace tilejit::x86::emulator

// Operands of general rows as 64-bit numbers.
#pragma once

#include <cstring>

#include "targets/x86/emulator/machine.h"

namespace tilejit::x86::emulator {

/// The low `bytes` bytes.
constexpr uint64_t low_bytes(uint64_t value, uint64_t bytes) {
  return bytes >= 8 ? value : value & ((uint64_t{1} << 8 * bytes) - 1);
}
constexpr int64_t sign_extended(uint64_t value, uint64_t bytes) {
  const uint64_t unused = 64 - 8 * bytes;
  return static_cast<int64_t>(value << unused) >> unused;
}

inline uint64_t read_memory(Machine& m, const Instr& i, uint64_t bytes) {
  uint64_t value = 0;
  if (const std::byte* from = m.at(i, bytes, Access::read)) std::memcpy(&value, from, bytes);
  return value;
}
inline void write_memory(Machine& m, const Instr& i, uint64_t bytes, uint64_t value) {
  if (std::byte* to = m.at(i, bytes, Access::write)) std::memcpy(to, &value, bytes);
}

/// Operand n, zero-extended; immediates are sign-extended already.
inline uint64_t read(Machine& m, const Instr& i, size_t n) {
  const Operand& o = i.operand[n];
  switch (o.kind) {
    case Kind::general: return low_bytes(m.g[o.reg], o.bytes);
    case Kind::mask: return m.k[o.reg];
    case Kind::vector: return m.z[o.reg].u64[0];
    case Kind::memory: return read_memory(m, i, o.bytes);
    case Kind::immediate: return static_cast<uint64_t>(i.imm);
    case Kind::none: break;
  }
  m.fail("reads an operand that it does not have");
  return 0;
}

/// Writing 4 bytes of a general register, or any of a vector register, clears the rest of it.
inline void write(Machine& m, const Instr& i, size_t n, uint64_t value) {
  const Operand& o = i.operand[n];
  switch (o.kind) {
    case Kind::general:
      m.g[o.reg] = o.bytes >= 4 ? low_bytes(value, o.bytes)
                                : (m.g[o.reg] & ~low_bytes(~uint64_t{0}, o.bytes)) | low_bytes(value, o.bytes);
      return;
    case Kind::mask: m.k[o.reg] = value; return;
    case Kind::vector:
      m.z[o.reg] = {};
      m.z[o.reg].u64[0] = value;
      return;
    case Kind::memory: return write_memory(m, i, o.bytes, value);
    case Kind::immediate:
    case Kind::none: break;
  }
  m.fail("writes an operand that it does not have");
}

}  // namespace tilejit::x86::emulator

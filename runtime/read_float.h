// One element of a buffer of floats as a double, for the references: exact, from any float type and any alignment.
#pragma once

#include <tilejit/types.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tilejit {

inline double widen(Type type, uint32_t bits) {
  if (type == Type::bf16) return bf16_to_f32(static_cast<uint16_t>(bits));
  if (type == Type::f16) return f16_to_f32(static_cast<uint16_t>(bits));
  return std::bit_cast<float>(bits);
}

inline double read_float(const void* data, Type type, int64_t index) {
  const int64_t bytes = bytes_of(type, 1);
  uint32_t bits = 0;
  std::memcpy(&bits, static_cast<const std::byte*>(data) + index * bytes, static_cast<size_t>(bytes));
  return widen(type, bits);
}

}  // namespace tilejit

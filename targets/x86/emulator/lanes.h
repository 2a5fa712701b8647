// Lane loops over whole vectors, for rows whose lanes do not meet.
#pragma once

#include <cstddef>
#include <type_traits>

#include "targets/x86/emulator/instr.h"

namespace tilejit::x86::emulator {

template <typename T>
inline constexpr size_t lane_count = sizeof(Vector) / sizeof(T);

/// The lanes of a vector as T; V is Vector or const Vector.
template <typename T, typename V>
auto& lanes(V& v) {
  if constexpr (std::is_same_v<T, uint8_t>)
    return v.u8;
  else if constexpr (std::is_same_v<T, int8_t>)
    return v.i8;
  else if constexpr (std::is_same_v<T, uint16_t>)
    return v.u16;
  else if constexpr (std::is_same_v<T, int16_t>)
    return v.i16;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return v.u32;
  else if constexpr (std::is_same_v<T, int32_t>)
    return v.i32;
  else if constexpr (std::is_same_v<T, uint64_t>)
    return v.u64;
  else if constexpr (std::is_same_v<T, int64_t>)
    return v.i64;
  else
    return v.f32;
}

/// out[i] = f(a[i], b[i])
template <typename T, auto f>
void binary(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  for (size_t l = 0; l < lane_count<T>; ++l) lanes<T>(out)[l] = static_cast<T>(f(lanes<T>(a)[l], lanes<T>(b)[l]));
}

/// out[i] = f(b[i])
template <typename T, auto f>
void unary(Vector& out, const Vector&, const Vector& b, const Instr&) {
  for (size_t l = 0; l < lane_count<T>; ++l) lanes<T>(out)[l] = static_cast<T>(f(lanes<T>(b)[l]));
}

/// out[i] = f(b[i]), lanes of different sizes; the lanes that both have.
template <typename To, typename From, auto f>
void convert(Vector& out, const Vector&, const Vector& b, const Instr&) {
  constexpr size_t count = lane_count<To> < lane_count<From> ? lane_count<To> : lane_count<From>;
  for (size_t l = 0; l < count; ++l) lanes<To>(out)[l] = static_cast<To>(f(lanes<From>(b)[l]));
}

/// out[i] = f(b[i], imm)
template <typename T, auto f>
void with_immediate(Vector& out, const Vector&, const Vector& b, const Instr& i) {
  const auto imm = static_cast<uint32_t>(i.imm & 0xff);
  for (size_t l = 0; l < lane_count<T>; ++l) lanes<T>(out)[l] = static_cast<T>(f(lanes<T>(b)[l], imm));
}

}  // namespace tilejit::x86::emulator

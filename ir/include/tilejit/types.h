// Element types and their exact conversions: the one place where a float is rounded to or widened from 16 bits.
// The interpreter, the packers and the references call these; a target's instructions must give the same bits.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tilejit {

/// The spelling of an enumerator is its text in the IR and in problem lines. `u4` is an unsigned nibble, two to a byte,
/// the low nibble first. `index` is a scalar 64-bit integer: loop variables, m, and gathered positions.
enum class Type : uint8_t { f32, bf16, f16, i32, i16, i8, u8, u4, index };

std::string_view to_string(Type type);
std::optional<Type> parse_type(std::string_view text);

/// Bits of one element in memory (u4: 4, index: 64).
int bits_of(Type type);
bool is_float(Type type);
/// Bytes that `count` elements occupy in memory, rounded up.
inline int64_t bytes_of(Type type, int64_t count) { return (count * bits_of(type) + 7) / 8; }

inline float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
/// Round to nearest even; a subnormal f32 becomes a signed zero; a NaN becomes quiet (as vcvtneps2bf16).
uint16_t f32_to_bf16(float value);
float f16_to_f32(uint16_t bits);
/// Round to nearest even, subnormals kept, overflow to infinity; a NaN becomes quiet (as vcvtps2ph).
uint16_t f32_to_f16(float value);

}  // namespace tilejit

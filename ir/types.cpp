#include <tilejit/types.h>

#include <array>
#include <utility>

namespace tilejit {
namespace {

struct TypeRow {
  Type type;
  std::string_view name;
  int bits;
  bool floating;
};

constexpr std::array type_rows = {
    TypeRow{Type::f32, "f32", 32, true},      TypeRow{Type::bf16, "bf16", 16, true},
    TypeRow{Type::f16, "f16", 16, true},      TypeRow{Type::i32, "i32", 32, false},
    TypeRow{Type::i16, "i16", 16, false},     TypeRow{Type::i8, "i8", 8, false},
    TypeRow{Type::u8, "u8", 8, false},        TypeRow{Type::u4, "u4", 4, false},
    TypeRow{Type::index, "index", 64, false},
};

const TypeRow& row(Type type) { return type_rows[static_cast<size_t>(type)]; }

}  // namespace

std::string_view to_string(Type type) { return row(type).name; }
int bits_of(Type type) { return row(type).bits; }
bool is_float(Type type) { return row(type).floating; }

std::optional<Type> parse_type(std::string_view text) {
  for (const TypeRow& r : type_rows)
    if (r.name == text) return r.type;
  return std::nullopt;
}

uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x0040u);
  if (magnitude < 0x00800000u) return static_cast<uint16_t>((bits >> 16) & 0x8000u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) {
    const uint32_t quiet = mantissa ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13) | quiet);
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

uint16_t f32_to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu));
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above round to infinity
  if (magnitude < 0x33000000u) return static_cast<uint16_t>(sign);             // below 2^-25: zero
  const uint32_t exponent = magnitude >> 23;
  // A subnormal f16 keeps fewer bits: the significand is shifted so that its unit is 2^-24.
  const uint32_t shift = exponent < 113 ? 126 - exponent : 13;
  const uint32_t significand = exponent < 113 ? (magnitude & 0x7fffffu) | 0x800000u : magnitude - (112u << 23);
  const uint32_t kept = significand >> shift;
  const uint32_t rest = significand & ((1u << shift) - 1u);
  const uint32_t half = 1u << (shift - 1);
  const uint32_t up = (rest > half || (rest == half && (kept & 1u))) ? 1u : 0u;
  return static_cast<uint16_t>(sign | (kept + up));
}

}  // namespace tilejit

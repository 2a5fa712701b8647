// Rows of vector instructions. Most are one C++ function of a lane: its signature says what the operands are, so that a row is
// a mnemonic and `lanewise<function>`. Fetching, modifiers, DPP, SDWA, EXEC and storing are the same for all (vector_forms.cpp).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "targets/amdgpu/emulator/instr.h"
#include "targets/amdgpu/emulator/lanes.h"

namespace tilejit::amdgpu::emulator {

/// Sixteen bits of a lane that are a float.
struct F16 {
  uint16_t bits = 0;
};
struct Bf16 {
  uint16_t bits = 0;
};
/// Two of them.
struct F16x2 {
  uint32_t bits = 0;
};
struct Bf16x2 {
  uint32_t bits = 0;
};
/// Two 16-bit integers.
struct I16x2 {
  uint32_t bits = 0;
};
/// A result with a bit of each lane: a carry, what a compare finds.
template <typename T>
struct WithMask {
  T value;
  bool bit;
};

/// What an operand is: how many bits of which meaning.
/// `mixed`: f16 or f32, as op_sel_hi says.
enum class Value : uint8_t { none, b16, f16, bf16, b32, f32, b64, f64, mask, f16x2, bf16x2, i16x2, f32x2, mixed, wide };

constexpr bool is_16_bits(Value v) { return v == Value::b16 || v == Value::f16 || v == Value::bf16; }
constexpr int words_of(Value v) { return v == Value::b64 || v == Value::f64 || v == Value::f32x2 ? 2 : 1; }

template <typename T>
constexpr Value value_of() {
  if constexpr (std::is_same_v<T, bool>) return Value::mask;
  if constexpr (std::is_same_v<T, float>) return Value::f32;
  if constexpr (std::is_same_v<T, double>) return Value::f64;
  if constexpr (std::is_same_v<T, F16>) return Value::f16;
  if constexpr (std::is_same_v<T, Bf16>) return Value::bf16;
  if constexpr (std::is_same_v<T, F16x2>) return Value::f16x2;
  if constexpr (std::is_same_v<T, Bf16x2>) return Value::bf16x2;
  if constexpr (std::is_same_v<T, I16x2>) return Value::i16x2;
  if constexpr (std::is_integral_v<T>) return sizeof(T) == 2 ? Value::b16 : sizeof(T) == 4 ? Value::b32 : Value::b64;
  return Value::none;
}

/// One execution: sources as lanes (64-bit ones in two registers) or as a mask, and room for the result.
struct Call {
  std::array<const Lanes*, 4> in = {};
  std::array<uint64_t, 4> mask = {};
  Lanes* out = nullptr;
  uint64_t mask_out = 0;
  const Instr* instr = nullptr;
  Wave* wave = nullptr;
};
using Compute = void (*)(Call& call);

namespace vector_flag {
inline constexpr uint16_t none = 0;
inline constexpr uint16_t accumulates = 1;   // the last source is the old destination, and is not written as an operand
inline constexpr uint16_t copies = 2;        // moves what may be undefined
inline constexpr uint16_t keeps_high = 4;    // of a 16-bit result on CDNA too, where others clear the high half
inline constexpr uint16_t saturates = 8;     // the row itself obeys `clamp`
inline constexpr uint16_t whole_wave = 16;   // EXEC does not matter
inline constexpr uint16_t packed = 32;       // op_sel, op_sel_hi, neg_lo, neg_hi belong to the row's halves
inline constexpr uint16_t high_result = 64;  // a 16-bit result goes to the high half
inline constexpr uint16_t raw_floats = 128;  // no flushing of f32 subnormals: bits move
inline constexpr uint16_t writes_exec = 256;
}  // namespace vector_flag

struct VectorRow {
  std::string_view mnemonic;
  Compute compute = nullptr;
  Value result = Value::none;  // none: only a mask
  bool gives_mask = false;
  uint8_t sources = 0;
  std::array<Value, 4> source = {};
  uint16_t flags = 0;
  uint8_t index = 0;  // for rows that share a function
  bool has(uint16_t flag) const { return (flags & flag) != 0; }
};

template <typename T>
inline T get(const Call& c, size_t source, size_t lane) {
  if constexpr (std::is_same_v<T, bool>) {
    return ((c.mask[source] >> lane) & 1) != 0;
  } else if constexpr (sizeof(T) == 8) {
    return std::bit_cast<T>((*c.in[source])[lane] | uint64_t{c.in[source][1][lane]} << 32);
  } else if constexpr (sizeof(T) == 4) {
    return std::bit_cast<T>((*c.in[source])[lane]);
  } else {
    return std::bit_cast<T>(static_cast<uint16_t>((*c.in[source])[lane]));
  }
}

template <typename T>
struct Put {
  static void one(Call& c, size_t lane, T value) {
    if constexpr (std::is_same_v<T, bool>) {
      c.mask_out |= uint64_t{value} << lane;
    } else if constexpr (sizeof(T) == 8) {
      const auto bits = std::bit_cast<uint64_t>(value);
      c.out[0][lane] = static_cast<uint32_t>(bits);
      c.out[1][lane] = static_cast<uint32_t>(bits >> 32);
    } else if constexpr (sizeof(T) == 4) {
      c.out[0][lane] = std::bit_cast<uint32_t>(value);
    } else {
      c.out[0][lane] = std::bit_cast<uint16_t>(value);
    }
  }
};
template <typename T>
struct Put<WithMask<T>> {
  static void one(Call& c, size_t lane, WithMask<T> value) {
    Put<T>::one(c, lane, value.value);
    Put<bool>::one(c, lane, value.bit);
  }
};

template <auto function, typename Signature>
struct LanewiseOf;
template <auto function, typename R, typename... A>
struct LanewiseOf<function, R (*)(A...)> {
  template <size_t... n>
  static void all(Call& c, std::index_sequence<n...>) {
    for (size_t lane = 0; lane < most_lanes; ++lane) Put<R>::one(c, lane, function(get<A>(c, n, lane)...));
  }
  static void compute(Call& c) { all(c, std::index_sequence_for<A...>{}); }
  static constexpr VectorRow row() {
    VectorRow r;
    r.compute = compute;
    r.result = value_of<R>() == Value::mask ? Value::none : value_of<R>();
    r.gives_mask = std::is_same_v<R, bool>;
    r.sources = sizeof...(A);
    r.source = {value_of<A>()...};
    return r;
  }
};
template <auto function, typename R, typename... A>
struct LanewiseOf<function, WithMask<R> (*)(A...)> : LanewiseOf<function, R (*)(A...)> {
  template <size_t... n>
  static void all(Call& c, std::index_sequence<n...>) {
    for (size_t lane = 0; lane < most_lanes; ++lane) Put<WithMask<R>>::one(c, lane, function(get<A>(c, n, lane)...));
  }
  static void compute(Call& c) { all(c, std::index_sequence_for<A...>{}); }
  static constexpr VectorRow row() {
    VectorRow r;
    r.compute = compute;
    r.result = value_of<R>();
    r.gives_mask = true;
    r.sources = sizeof...(A);
    r.source = {value_of<A>()...};
    return r;
  }
};

/// A row from a function of one lane.
template <auto function>
constexpr VectorRow lanewise(std::string_view mnemonic, uint16_t flags = vector_flag::none) {
  constexpr auto pointer = +function;
  VectorRow r = LanewiseOf<pointer, std::remove_const_t<decltype(pointer)>>::row();
  r.mnemonic = mnemonic;
  r.flags = flags;
  return r;
}

/// A row whose function sees all lanes at once.
constexpr VectorRow whole(std::string_view mnemonic, Compute compute, Value result, std::array<Value, 4> source,
                          uint16_t flags = vector_flag::none) {
  VectorRow r;
  r.mnemonic = mnemonic;
  r.compute = compute;
  r.result = result;
  r.source = source;
  while (r.sources < 4 && source[r.sources] != Value::none) ++r.sources;
  r.flags = flags;
  return r;
}

std::span<const VectorRow> float_rows();
std::span<const VectorRow> half_rows();
std::span<const VectorRow> convert_rows();
std::span<const VectorRow> integer_rows();
std::span<const VectorRow> carry_rows();
std::span<const VectorRow> compare_rows();
std::span<const VectorRow> packed_rows();
std::span<const VectorRow> lane_rows();

/// Executes a vector row, or a pair of them.
void run_vector(Wave& wave, const Instr& i);

}  // namespace tilejit::amdgpu::emulator

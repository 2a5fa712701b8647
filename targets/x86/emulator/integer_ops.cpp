// Integer arithmetic, logic and shifts by lanes.
#include <algorithm>
#include <functional>
#include <type_traits>

#include "targets/x86/emulator/lanes.h"

namespace tilejit::x86::emulator {
namespace {

template <typename T>
T larger(T a, T b) {
  return std::max(a, b);
}
template <typename T>
T smaller(T a, T b) {
  return std::min(a, b);
}
/// Of the product's low half: the same for signed and unsigned.
uint32_t product(uint32_t a, uint32_t b) { return a * b; }
uint32_t product16(uint16_t a, uint16_t b) { return uint32_t{a} * b; }

/// The smallest integer stays what it is.
template <typename T>
T magnitude(T x) {
  using U = std::make_unsigned_t<T>;
  return x < 0 ? static_cast<T>(static_cast<U>(0 - static_cast<U>(x))) : x;
}

/// A count of all bits or more shifts everything out.
template <typename T>
T shift_left(T x, uint32_t count) {
  return count >= sizeof(T) * 8 ? T{0} : static_cast<T>(x << count);
}
template <typename T>
T shift_right(T x, uint32_t count) {
  return count >= sizeof(T) * 8 ? T{0} : static_cast<T>(x >> count);
}
template <typename T>
T shift_sign(T x, uint32_t count) {
  return static_cast<T>(x >> std::min<uint32_t>(count, sizeof(T) * 8 - 1));
}

uint64_t and_not(uint64_t a, uint64_t b) { return ~a & b; }

/// Bit n of imm is the result where the bits of (old destination, a, b) are the number n.
void ternary(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  for (size_t l = 0; l < lane_count<uint64_t>; ++l) {
    const uint64_t x = out.u64[l];
    uint64_t result = 0;
    for (uint32_t n = 0; n < 8; ++n)
      if ((i.imm >> n & 1) != 0)
        result |=
            ((n & 4) != 0 ? x : ~x) & ((n & 2) != 0 ? a.u64[l] : ~a.u64[l]) & ((n & 1) != 0 ? b.u64[l] : ~b.u64[l]);
    out.u64[l] = result;
  }
}

constexpr uint8_t none = row_flag::none;
constexpr uint8_t zeroes = row_flag::zeroes;
constexpr uint8_t imm = row_flag::immediate;
constexpr uint8_t ternary_flags = row_flag::immediate | row_flag::accumulates;
constexpr Compute bits_and = binary<uint64_t, std::bit_and<uint64_t>{}>;
constexpr Compute bits_or = binary<uint64_t, std::bit_or<uint64_t>{}>;
constexpr Compute bits_xor = binary<uint64_t, std::bit_xor<uint64_t>{}>;
constexpr Compute bits_and_not = binary<uint64_t, and_not>;

constexpr VectorRow rows[] = {
    {"vpaddb", 2, 1, none, binary<uint8_t, std::plus<>{}>},
    {"vpaddw", 2, 2, none, binary<uint16_t, std::plus<>{}>},
    {"vpaddd", 2, 4, none, binary<uint32_t, std::plus<>{}>},
    {"vpaddq", 2, 8, none, binary<uint64_t, std::plus<>{}>},
    {"vpsubb", 2, 1, zeroes, binary<uint8_t, std::minus<>{}>},
    {"vpsubw", 2, 2, zeroes, binary<uint16_t, std::minus<>{}>},
    {"vpsubd", 2, 4, zeroes, binary<uint32_t, std::minus<>{}>},
    {"vpsubq", 2, 8, zeroes, binary<uint64_t, std::minus<>{}>},
    {"vpmullw", 2, 2, none, binary<uint16_t, product16>},
    {"vpmulld", 2, 4, none, binary<uint32_t, product>},
    {"vpmaxsb", 2, 1, none, binary<int8_t, larger<int8_t>>},
    {"vpmaxsw", 2, 2, none, binary<int16_t, larger<int16_t>>},
    {"vpmaxsd", 2, 4, none, binary<int32_t, larger<int32_t>>},
    {"vpmaxub", 2, 1, none, binary<uint8_t, larger<uint8_t>>},
    {"vpmaxuw", 2, 2, none, binary<uint16_t, larger<uint16_t>>},
    {"vpmaxud", 2, 4, none, binary<uint32_t, larger<uint32_t>>},
    {"vpminsb", 2, 1, none, binary<int8_t, smaller<int8_t>>},
    {"vpminsw", 2, 2, none, binary<int16_t, smaller<int16_t>>},
    {"vpminsd", 2, 4, none, binary<int32_t, smaller<int32_t>>},
    {"vpminub", 2, 1, none, binary<uint8_t, smaller<uint8_t>>},
    {"vpminuw", 2, 2, none, binary<uint16_t, smaller<uint16_t>>},
    {"vpminud", 2, 4, none, binary<uint32_t, smaller<uint32_t>>},
    {"vpabsb", 1, 1, none, unary<int8_t, magnitude<int8_t>>},
    {"vpabsw", 1, 2, none, unary<int16_t, magnitude<int16_t>>},
    {"vpabsd", 1, 4, none, unary<int32_t, magnitude<int32_t>>},
    {"vpsllw", 1, 2, imm, with_immediate<uint16_t, shift_left<uint16_t>>},
    {"vpslld", 1, 4, imm, with_immediate<uint32_t, shift_left<uint32_t>>},
    {"vpsllq", 1, 8, imm, with_immediate<uint64_t, shift_left<uint64_t>>},
    {"vpsrlw", 1, 2, imm, with_immediate<uint16_t, shift_right<uint16_t>>},
    {"vpsrld", 1, 4, imm, with_immediate<uint32_t, shift_right<uint32_t>>},
    {"vpsrlq", 1, 8, imm, with_immediate<uint64_t, shift_right<uint64_t>>},
    {"vpsraw", 1, 2, imm, with_immediate<int16_t, shift_sign<int16_t>>},
    {"vpsrad", 1, 4, imm, with_immediate<int32_t, shift_sign<int32_t>>},
    {"vpsraq", 1, 8, imm, with_immediate<int64_t, shift_sign<int64_t>>},
    {"vpsllvd", 2, 4, none, binary<uint32_t, shift_left<uint32_t>>},
    {"vpsrlvd", 2, 4, none, binary<uint32_t, shift_right<uint32_t>>},
    {"vpsravd", 2, 4, none,
     binary<int32_t, [](int32_t x, int32_t n) { return shift_sign(x, static_cast<uint32_t>(n)); }>},
    {"vpand", 2, 4, none, bits_and},
    {"vpandd", 2, 4, none, bits_and},
    {"vpandq", 2, 8, none, bits_and},
    {"vandps", 2, 4, none, bits_and},
    {"vpandn", 2, 4, none, bits_and_not},
    {"vpandnd", 2, 4, none, bits_and_not},
    {"vpandnq", 2, 8, none, bits_and_not},
    {"vandnps", 2, 4, none, bits_and_not},
    {"vpor", 2, 4, none, bits_or},
    {"vpord", 2, 4, none, bits_or},
    {"vporq", 2, 8, none, bits_or},
    {"vorps", 2, 4, none, bits_or},
    {"vpxor", 2, 4, zeroes, bits_xor},
    {"vpxord", 2, 4, zeroes, bits_xor},
    {"vpxorq", 2, 8, zeroes, bits_xor},
    {"vxorps", 2, 4, zeroes, bits_xor},
    {"vpternlogd", 2, 4, ternary_flags, ternary},
    {"vpternlogq", 2, 8, ternary_flags, ternary},
};

}  // namespace

std::span<const VectorRow> integer_rows() { return rows; }

}  // namespace tilejit::x86::emulator

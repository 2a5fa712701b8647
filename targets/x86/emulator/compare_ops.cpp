// Comparisons of lanes; the result is a mask register.
#include <array>

#include "targets/x86/emulator/lanes.h"

namespace tilejit::x86::emulator {
namespace {

template <typename T, typename F>
uint64_t for_lanes(const Vector& a, const Vector& b, F f) {
  uint64_t mask = 0;
  for (size_t l = 0; l < lane_count<T>; ++l) mask |= uint64_t{f(lanes<T>(a)[l], lanes<T>(b)[l])} << l;
  return mask;
}

/// Predicates 8..15 are 0..7 where a NaN answers the other way, except for ordered and unordered; 16..31 differ from 0..15 only
/// in the exceptions that they signal.
uint64_t compare_floats(const Vector& a, const Vector& b, const Instr& i) {
  // What each predicate says of: less, equal, greater, unordered.
  constexpr std::array<std::array<bool, 4>, 16> truth = {{
      {false, true, false, false},   // eq
      {true, false, false, false},   // lt
      {true, true, false, false},    // le
      {false, false, false, true},   // unord
      {true, false, true, true},     // neq
      {false, true, true, true},     // nlt
      {false, false, true, true},    // nle
      {true, true, true, false},     // ord
      {false, true, false, true},    // eq_u
      {true, false, false, true},    // nge
      {true, true, false, true},     // ngt
      {false, false, false, false},  // false
      {true, false, true, false},    // neq_o
      {false, true, true, false},    // ge
      {false, false, true, false},   // gt
      {true, true, true, true},      // true
  }};
  const auto& says = truth[static_cast<size_t>(i.imm & 15)];
  return for_lanes<float>(a, b, [&](float x, float y) { return says[x < y ? 0 : x == y ? 1 : x > y ? 2 : 3]; });
}

template <typename T>
uint64_t compare_integers(const Vector& a, const Vector& b, const Instr& i) {
  return for_lanes<T>(a, b, [&](T x, T y) {
    switch (i.imm & 7) {
      case 0: return x == y;
      case 1: return x < y;
      case 2: return x <= y;
      case 3: return false;
      case 4: return x != y;
      case 5: return x >= y;
      case 6: return x > y;
      default: return true;
    }
  });
}

template <typename T>
uint64_t test(const Vector& a, const Vector& b, const Instr&) {
  return for_lanes<T>(a, b, [](T x, T y) { return (x & y) != 0; });
}
template <typename T>
uint64_t test_not(const Vector& a, const Vector& b, const Instr&) {
  return for_lanes<T>(a, b, [](T x, T y) { return (x & y) == 0; });
}
/// The top bits of b's lanes.
template <typename T>
uint64_t signs(const Vector&, const Vector& b, const Instr&) {
  return for_lanes<T>(b, b, [](T x, T) { return x < 0; });
}

constexpr uint8_t none = row_flag::none;
constexpr uint8_t imm = row_flag::immediate;

constexpr VectorRow rows[] = {
    {"vcmpps", 2, 4, imm | row_flag::rounds, nullptr, compare_floats},
    {"vpcmpb", 2, 1, imm, nullptr, compare_integers<int8_t>},
    {"vpcmpw", 2, 2, imm, nullptr, compare_integers<int16_t>},
    {"vpcmpd", 2, 4, imm, nullptr, compare_integers<int32_t>},
    {"vpcmpq", 2, 8, imm, nullptr, compare_integers<int64_t>},
    {"vpcmpub", 2, 1, imm, nullptr, compare_integers<uint8_t>},
    {"vpcmpuw", 2, 2, imm, nullptr, compare_integers<uint16_t>},
    {"vpcmpud", 2, 4, imm, nullptr, compare_integers<uint32_t>},
    {"vpcmpuq", 2, 8, imm, nullptr, compare_integers<uint64_t>},
    {"vptestmb", 2, 1, none, nullptr, test<uint8_t>},
    {"vptestmw", 2, 2, none, nullptr, test<uint16_t>},
    {"vptestmd", 2, 4, none, nullptr, test<uint32_t>},
    {"vptestnmb", 2, 1, none, nullptr, test_not<uint8_t>},
    {"vptestnmw", 2, 2, none, nullptr, test_not<uint16_t>},
    {"vptestnmd", 2, 4, none, nullptr, test_not<uint32_t>},
    {"vpmovb2m", 1, 1, none, nullptr, signs<int8_t>},
    {"vpmovw2m", 1, 2, none, nullptr, signs<int16_t>},
    {"vpmovd2m", 1, 4, none, nullptr, signs<int32_t>},
};

}  // namespace

std::span<const VectorRow> compare_rows() { return rows; }

}  // namespace tilejit::x86::emulator

// Rows of everything that is not a vector computation: scalar instructions, branches, waits, lane moves.
//
// A scalar computation is one C++ function, its signature says what the operands are: 32- and 64-bit integers, a 16-bit
// immediate, and `bool` for SCC; a result is a value, a bool (SCC), or both (WithScc).
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "targets/amdgpu/emulator/instr.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {

namespace general_flag {
inline constexpr uint16_t none = 0;
inline constexpr uint16_t reads_scc = 1;
inline constexpr uint16_t writes_scc = 2;
inline constexpr uint16_t updates_first = 4;  // the first operand is read too
inline constexpr uint16_t reads_exec = 8;     // and SALU may not see it in flight
inline constexpr uint16_t reads_m0 = 16;
inline constexpr uint16_t copies = 32;
inline constexpr uint16_t reads_vcc = 64;
inline constexpr uint16_t from_text =
    128;  // the decoder reads the rest of the line (waits, sleeps, hardware registers)
}  // namespace general_flag

struct GeneralRow {
  std::string_view mnemonic;
  Run run = nullptr;
  Class kind = Class::salu;
  uint8_t operands = 0;
  uint8_t destinations = 0;  // the first operands
  uint16_t flags = 0;
  std::array<uint8_t, 4> words = {};  // of each operand; 0: any
  bool has(uint16_t flag) const { return (flags & flag) != 0; }
};

template <typename T>
struct WithScc {
  T value;
  bool scc;
};

template <typename T>
inline T take(const Wave& w, const Operand& o) {
  if constexpr (sizeof(T) == 8)
    return std::bit_cast<T>(w.words(o));
  else
    return static_cast<T>(w.word(o));
}

template <typename T>
inline void give(Wave& w, const Operand& o, T value) {
  if constexpr (sizeof(T) == 8)
    w.set_pair(o.first, static_cast<uint64_t>(value));
  else
    w.set_scalar(o.first, static_cast<uint32_t>(value));
}

template <typename R>
struct ScalarResult {
  static constexpr bool has_value = true;
  static constexpr bool has_scc = false;
  static constexpr uint8_t words = sizeof(R) / 4;
  static void put(Wave& w, const Instr& i, R value) { give(w, i.operand[0], value); }
};
template <>
struct ScalarResult<bool> {
  static constexpr bool has_value = false;
  static constexpr bool has_scc = true;
  static constexpr uint8_t words = 0;
  static void put(Wave& w, const Instr&, bool value) { w.set_scc(value); }
};
template <typename T>
struct ScalarResult<WithScc<T>> {
  static constexpr bool has_value = true;
  static constexpr bool has_scc = true;
  static constexpr uint8_t words = sizeof(T) / 4;
  static void put(Wave& w, const Instr& i, WithScc<T> value) {
    give(w, i.operand[0], value.value);
    w.set_scc(value.scc);
  }
};

template <auto function, bool updates, typename Signature>
struct ScalarOf;
template <auto function, bool updates, typename R, typename... A>
struct ScalarOf<function, updates, R (*)(A...)> {
  using Result = ScalarResult<R>;
  static constexpr size_t first = Result::has_value && !updates ? 1 : 0;
  template <typename T>
  static T source(const Wave& w, const Instr& i, size_t n) {
    if constexpr (std::is_same_v<T, bool>)
      return w.scc();
    else
      return take<T>(w, i.operand[first + n]);
  }
  template <size_t... n>
  static void all(Wave& w, const Instr& i, std::index_sequence<n...>) {
    Result::put(w, i, function(source<A>(w, i, n)...));
  }
  static void run(Wave& w, const Instr& i) { all(w, i, std::index_sequence_for<A...>{}); }
  static constexpr GeneralRow row() {
    constexpr bool reads_scc = (std::is_same_v<A, bool> || ...);
    GeneralRow r;
    r.run = run;
    r.operands = static_cast<uint8_t>(first + sizeof...(A) - (reads_scc ? 1 : 0));
    r.destinations = Result::has_value ? 1 : 0;
    r.flags = static_cast<uint16_t>((reads_scc ? general_flag::reads_scc : 0) |
                                    (Result::has_scc ? general_flag::writes_scc : 0) |
                                    (updates ? general_flag::updates_first : 0));
    size_t at = 0;
    if (first == 1) r.words[at++] = Result::words;
    for (const size_t bytes : {(std::is_same_v<A, bool> ? size_t{0} : sizeof(A))...})
      if (bytes != 0 && at < r.words.size()) r.words[at++] = bytes == 8 ? 2 : 1;
    return r;
  }
};

template <auto function, bool updates = false>
constexpr GeneralRow scalar_row(std::string_view mnemonic, uint16_t flags = general_flag::none) {
  constexpr auto pointer = +function;
  GeneralRow r = ScalarOf<pointer, updates, std::remove_const_t<decltype(pointer)>>::row();
  r.mnemonic = mnemonic;
  r.flags = static_cast<uint16_t>(r.flags | flags);
  return r;
}

std::span<const GeneralRow> scalar_rows();
std::span<const GeneralRow> scalar_mask_rows();
std::span<const GeneralRow> scalar_float_rows();
std::span<const GeneralRow> control_rows();
std::span<const GeneralRow> wait_rows();
std::span<const GeneralRow> lane_move_rows();
std::span<const GeneralRow> crossbar_rows();

}  // namespace tilejit::amdgpu::emulator

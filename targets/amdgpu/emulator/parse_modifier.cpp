#include "targets/amdgpu/emulator/parse_modifier.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "targets/amdgpu/emulator/parse_text.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// `[0,1,1]` as numbers.
std::optional<std::vector<int64_t>> parse_list(std::string_view text) {
  if (!text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<int64_t> list;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    int64_t value = 0;
    if (!parse_integer(text.substr(0, comma), value)) return std::nullopt;
    list.push_back(value);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return list;
}

/// Element n of the list at bit n * width.
std::optional<uint32_t> packed_list(std::string_view text, unsigned width) {
  const auto list = parse_list(text);
  if (!list || list->size() * width > 32) return std::nullopt;
  uint32_t bits = 0;
  for (size_t n = 0; n < list->size(); ++n) {
    if ((*list)[n] < 0 || (*list)[n] >> width != 0) return std::nullopt;
    bits |= static_cast<uint32_t>((*list)[n]) << (n * width);
  }
  return bits;
}

struct Bits {
  std::string_view name;
  uint8_t Modifiers::*field;
};
constexpr Bits bit_lists[] = {{"op_sel_hi", &Modifiers::op_sel_hi},
                              {"op_sel", &Modifiers::op_sel},
                              {"neg_lo", &Modifiers::neg_lo},
                              {"neg_hi", &Modifiers::neg_hi}};
constexpr Bits small_numbers[] = {{"row_mask", &Modifiers::row_mask}, {"bank_mask", &Modifiers::bank_mask},
                                  {"cbsz", &Modifiers::cbsz},         {"abid", &Modifiers::abid},
                                  {"blgp", &Modifiers::blgp},         {"bitop3", &Modifiers::bitop3}};

struct Control {
  std::string_view name;
  Lanewise dpp;
  bool has_value;
};
constexpr Control controls[] = {{"row_shl", Lanewise::row_shl, true},
                                {"row_shr", Lanewise::row_shr, true},
                                {"row_ror", Lanewise::row_ror, true},
                                {"row_share", Lanewise::row_share, true},
                                {"row_newbcast", Lanewise::row_newbcast, true},
                                {"row_xmask", Lanewise::row_xmask, true},
                                {"row_bcast", Lanewise::row_bcast, true},
                                {"row_mirror", Lanewise::row_mirror, false},
                                {"row_half_mirror", Lanewise::row_half_mirror, false},
                                {"wave_shl", Lanewise::wave_shl, true},
                                {"wave_shr", Lanewise::wave_shr, true},
                                {"wave_rol", Lanewise::wave_rol, true},
                                {"wave_ror", Lanewise::wave_ror, true}};

constexpr std::pair<std::string_view, Select> selects[] = {
    {"BYTE_0", Select::byte_0}, {"BYTE_1", Select::byte_1}, {"BYTE_2", Select::byte_2}, {"BYTE_3", Select::byte_3},
    {"WORD_0", Select::word_0}, {"WORD_1", Select::word_1}, {"DWORD", Select::dword}};
constexpr std::pair<std::string_view, Unused> unused[] = {
    {"UNUSED_PAD", Unused::pad}, {"UNUSED_SEXT", Unused::sext}, {"UNUSED_PRESERVE", Unused::preserve}};

template <typename T, size_t n>
bool find_value(const std::pair<std::string_view, T> (&table)[n], std::string_view name, T& out) {
  for (const auto& [key, value] : table)
    if (key == name) {
      out = value;
      return true;
    }
  return false;
}

/// Words that have no value. Those of the cache policy are known and change no result.
bool parse_word(std::string_view word, Modifiers& m) {
  for (const std::string_view policy : {"slc", "dlc", "nt", "sc1", "scc", "lwe"})
    if (word == policy) return true;
  if (word == "glc" || word == "sc0") return m.gives_old = true;
  if (word == "clamp") return m.clamp = true;
  if (word == "offen") return m.offen = true;
  if (word == "idxen") return m.idxen = true;
  if (word == "lds") return m.lds = true;
  for (const Control& control : controls)
    if (!control.has_value && control.name == word) {
      m.dpp = control.dpp;
      return true;
    }
  return false;
}

bool parse_sdwa(std::string_view name, std::string_view value, Modifiers& m) {
  if (name == "dst_sel") return (m.sdwa = true) && find_value(selects, value, m.dst_sel);
  if (name == "dst_unused") return (m.sdwa = true) && find_value(unused, value, m.dst_unused);
  if (name == "src0_sel") return (m.sdwa = true) && find_value(selects, value, m.src_sel[0]);
  if (name == "src1_sel") return (m.sdwa = true) && find_value(selects, value, m.src_sel[1]);
  return false;
}

bool parse_dpp(std::string_view name, std::string_view value, Modifiers& m) {
  if (name == "quad_perm" || name == "dpp8") {
    const auto list = packed_list(value, name == "dpp8" ? 3 : 2);
    m.dpp = name == "dpp8" ? Lanewise::dpp8 : Lanewise::quad_perm;
    m.dpp_value = list.value_or(0);
    return list.has_value();
  }
  int64_t number = 0;
  if (!parse_integer(value, number)) return false;
  for (const Control& control : controls)
    if (control.has_value && control.name == name) {
      m.dpp = control.dpp;
      m.dpp_value = static_cast<uint32_t>(number);
      return true;
    }
  // Both spellings of "on": the older assembler writes bound_ctrl:0.
  if (name == "bound_ctrl") return m.bound_ctrl = true;
  if (name == "fi") {
    m.fetch_inactive = number != 0;
    return true;
  }
  return false;
}

bool parse_number_of(std::string_view name, std::string_view value, Modifiers& m) {
  int64_t number = 0;
  if (!parse_integer(value, number)) return false;
  if (name == "offset" || name == "offset0") {
    m.offset = static_cast<int32_t>(number);
    return true;
  }
  if (name == "offset1") {
    m.offset1 = static_cast<int32_t>(number);
    return true;
  }
  if (name == "mul" && (number == 2 || number == 4)) {
    m.omod = static_cast<float>(number);
    return true;
  }
  if (name == "div" && number == 2) {
    m.omod = 0.5F;
    return true;
  }
  for (const Bits& field : small_numbers)
    if (field.name == name && number >= 0 && number < 256) {
      m.*field.field = static_cast<uint8_t>(number);
      return true;
    }
  return false;
}

}  // namespace

Result<void> parse_modifier(std::string_view word, Modifiers& m) {
  if (parse_word(word, m)) return {};
  const size_t colon = word.find(':');
  if (colon != std::string_view::npos) {
    const auto name = word.substr(0, colon);
    const auto value = word.substr(colon + 1);
    for (const Bits& field : bit_lists)
      if (field.name == name) {
        const auto list = packed_list(value, 1);
        if (!list) break;
        m.*field.field = static_cast<uint8_t>(*list);
        m.has_op_sel |= name == "op_sel" || name == "op_sel_hi";
        if (name == "op_sel_hi") m.has_op_sel_hi = true;
        return {};
      }
    if (name == "th" || name == "scope") {
      m.gives_old |= value == "TH_ATOMIC_RETURN" || value == "TH_ATOMIC_NT_RETURN";
      return {};
    }
    if (name == "offset" && value.starts_with("swizzle")) return {};  // the row reads it from the encoding
    if (parse_sdwa(name, value, m) || parse_dpp(name, value, m) || parse_number_of(name, value, m)) return {};
  }
  return invalid(fmt::format("the emulator does not understand `{}`", word));
}

}  // namespace tilejit::amdgpu::emulator

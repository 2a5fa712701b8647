#include "targets/amdgpu/emulator/parse_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "targets/amdgpu/emulator/parse_modifier.h"

namespace tilejit::amdgpu::emulator {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Parts between separators that stand outside of brackets.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t from = 0;
  for (size_t n = 0; n < text.size(); ++n) {
    if (text[n] == '[' || text[n] == '(') ++depth;
    if (text[n] == ']' || text[n] == ')') --depth;
    if (text[n] != separator || depth != 0) continue;
    if (const auto part = trimmed(text.substr(from, n - from)); !part.empty()) parts.push_back(part);
    from = n + 1;
  }
  if (const auto part = trimmed(text.substr(from)); !part.empty()) parts.push_back(part);
  return parts;
}

struct Named {
  std::string_view name;
  uint16_t first;
  uint8_t words;
};
constexpr Named named[] = {
    {"vcc", scalar::vcc, 2},
    {"vcc_lo", scalar::vcc, 1},
    {"vcc_hi", scalar::vcc + 1, 1},
    {"exec", scalar::exec, 2},
    {"exec_lo", scalar::exec, 1},
    {"exec_hi", scalar::exec + 1, 1},
    {"m0", scalar::m0, 1},
    {"null", scalar::null, 1},
    {"scc", scalar::scc, 1},
    {"src_scc", scalar::scc, 1},
    {"flat_scratch", scalar::flat_scratch, 2},
    {"flat_scratch_lo", scalar::flat_scratch, 1},
    {"flat_scratch_hi", scalar::flat_scratch + 1, 1},
    {"xnack_mask", scalar::xnack_mask, 2},
};

struct File {
  std::string_view prefix;
  Kind kind;
  uint16_t base;
  uint16_t size;
};
constexpr File files[] = {{"ttmp", Kind::sgpr, scalar::ttmp, 16},
                          {"v", Kind::vgpr, 0, 256},
                          {"a", Kind::vgpr, first_agpr, 256},
                          {"s", Kind::sgpr, 0, scalar::vcc}};

/// v0, v0.l, v[0:3], s7, ttmp9, vcc_lo.
std::optional<Operand> parse_register(std::string_view text) {
  Operand o;
  for (const Named& n : named)
    if (n.name == text) {
      o.kind = Kind::sgpr;
      o.first = n.first;
      o.words = n.words;
      return o;
    }
  if (text.ends_with(".l") || text.ends_with(".h")) {
    o.half = text.back() == 'l' ? Half::low : Half::high;
    text.remove_suffix(2);
  }
  for (const File& file : files) {
    if (!text.starts_with(file.prefix)) continue;
    std::string_view number = text.substr(file.prefix.size());
    int64_t first = 0;
    int64_t last = 0;
    if (number.starts_with('[') && number.ends_with(']')) {
      const auto ends = split(number.substr(1, number.size() - 2), ':');
      if (ends.empty() || ends.size() > 2 || !parse_integer(ends[0], first) || !parse_integer(ends.back(), last))
        continue;
    } else if (parse_integer(number, first) && number.front() != '-') {
      last = first;
    } else {
      continue;
    }
    if (first < 0 || last < first || last >= file.size || last - first >= 32) return std::nullopt;
    o.kind = file.kind;
    o.first = static_cast<uint16_t>(file.base + first);
    o.words = static_cast<uint8_t>(last - first + 1);
    return o;
  }
  return std::nullopt;
}

std::optional<Operand> parse_constant(std::string_view text) {
  Operand o;
  o.kind = Kind::constant;
  int64_t integer = 0;
  if (parse_integer(text, integer)) {
    o.written = text.find("0x") != std::string_view::npos ? Written::literal : Written::integer;
    o.value = static_cast<uint64_t>(integer);
    return o;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), o.real);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  o.written = Written::real;
  return o;
}

std::optional<Operand> parse_operand(std::string_view text) {
  if (text == "off") return Operand{.kind = Kind::off};
  if (text.starts_with("lit(") || text.starts_with("lit64(")) {
    text.remove_prefix(text.find('(') + 1);
    text.remove_suffix(1);
  }
  const auto inside = [&](std::string_view open, std::string_view close) {
    if (!text.starts_with(open) || !text.ends_with(close) || text.size() <= open.size() + close.size()) return false;
    text = text.substr(open.size(), text.size() - open.size() - close.size());
    return true;
  };
  Operand flags;
  flags.sign_extend = inside("sext(", ")");
  if (const auto constant = parse_constant(text)) return constant;
  if (inside("neg(", ")")) {
    flags.negate = true;
  } else if (text.starts_with('-')) {
    flags.negate = true;
    text.remove_prefix(1);
  }
  flags.magnitude = inside("|", "|") || inside("abs(", ")");
  auto o = parse_register(text);
  if (!o) o = parse_constant(text);
  if (!o) return std::nullopt;
  o->negate = flags.negate;
  o->magnitude = flags.magnitude;
  o->sign_extend = flags.sign_extend;
  return o;
}

std::string without_encoding(std::string_view mnemonic) {
  // s_getreg_b32 and v_mov_b32 end in sizes that look like none of these.
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view suffix : {"_e32", "_e64", "_dpp8", "_dpp", "_sdwa"}) {
      if (!mnemonic.ends_with(suffix)) continue;
      mnemonic.remove_suffix(suffix.size());
      again = true;
    }
  }
  return std::string(mnemonic);
}

/// Instructions whose operands only their own row reads, from `rest`.
bool speaks_for_itself(std::string_view mnemonic) {
  for (const std::string_view stem :
       {"s_waitcnt", "s_wait_", "s_delay_alu", "s_sendmsg", "s_getreg", "s_setreg", "s_icache", "s_set_inst_prefetch",
        "s_inst_prefetch", "s_sleep", "s_clause", "s_nop"})
    if (mnemonic.starts_with(stem)) return true;
  return false;
}

}  // namespace

bool parse_integer(std::string_view text, int64_t& value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  uint64_t bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return false;
  value = static_cast<int64_t>(negative ? ~bits + 1 : bits);
  return true;
}

Result<Parsed> parse_instruction(std::string_view text) {
  Parsed p;
  text = trimmed(text);
  const size_t space = text.find(' ');
  p.mnemonic = without_encoding(text.substr(0, space));
  if (space == std::string_view::npos) return p;
  p.rest = std::string(trimmed(text.substr(space)));
  if (speaks_for_itself(p.mnemonic)) return p;
  for (const std::string_view piece : split(p.rest, ',')) {
    const auto words = split(piece, ' ');
    size_t n = 0;
    if (const auto o = parse_operand(words[0])) {
      p.operands.push_back(*o);
      n = 1;
    }
    for (; n < words.size(); ++n) TRY(parse_modifier(words[n], p.modifiers));
  }
  if (p.operands.size() > std::tuple_size_v<decltype(Instr::operand)>)
    return invalid("more operands than the emulator keeps");
  return p;
}

}  // namespace tilejit::amdgpu::emulator

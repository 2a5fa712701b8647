#include "targets/x86/emulator/parse_operands.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <unordered_map>

namespace tilejit::x86::emulator {
namespace {

constexpr std::array<const char*, 8> old_names = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};

std::string general_name(uint8_t n, int bytes) {
  if (n >= 8) return fmt::format("r{}{}", n, bytes == 8 ? "" : bytes == 4 ? "d" : bytes == 2 ? "w" : "b");
  std::string name = old_names[n];
  if (bytes == 8) return "r" + name;
  if (bytes == 4) return "e" + name;
  if (bytes == 2) return name;
  return n < 4 ? name.substr(0, 1) + "l" : name + "l";
}

using Registers = std::unordered_map<std::string, Operand>;
Registers make_registers() {
  Registers names;
  for (uint8_t n = 0; n < 16; ++n)
    for (const uint8_t bytes : {uint8_t{1}, uint8_t{2}, uint8_t{4}, uint8_t{8}})
      names[general_name(n, bytes)] = {Kind::general, n, bytes};
  for (uint8_t n = 0; n < 32; ++n) {
    names[fmt::format("xmm{}", n)] = {Kind::vector, n, 16};
    names[fmt::format("ymm{}", n)] = {Kind::vector, n, 32};
    names[fmt::format("zmm{}", n)] = {Kind::vector, n, 64};
  }
  for (uint8_t n = 0; n < 8; ++n) names[fmt::format("k{}", n)] = {Kind::mask, n, 8};
  return names;
}

std::optional<Operand> find_register(std::string_view name) {
  static const Registers registers = make_registers();
  const auto found = registers.find(std::string(name));
  return found == registers.end() ? std::nullopt : std::optional(found->second);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// Decimal or 0x-hexadecimal with a sign; unsigned 64-bit values wrap to the signed ones of the same bits.
std::optional<int64_t> parse_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return static_cast<int64_t>(negative ? ~value + 1 : value);
}

Error not_understood(std::string_view part) {
  return invalid(fmt::format("the emulator does not understand the operand `{}`", part));
}

/// One term between + and - of an address.
Result<void> parse_term(std::string_view term, Parsed& p) {
  const size_t star = term.find('*');
  const auto by_name = find_register(star == std::string_view::npos ? term : term.substr(star + 1));
  if (term == "rip") {
    p.is_rip_relative = true;
  } else if (star != std::string_view::npos) {
    const auto scale = parse_number(term.substr(0, star));
    if (!by_name || by_name->kind != Kind::general || by_name->bytes != 8 || !scale) return not_understood(term);
    p.memory.index = by_name->reg;
    p.memory.scale = static_cast<uint8_t>(*scale);
  } else if (by_name) {
    if (by_name->kind != Kind::general || by_name->bytes != 8) return not_understood(term);
    (p.memory.base == no_register ? p.memory.base : p.memory.index) = by_name->reg;
  } else if (const auto disp = parse_number(term)) {
    p.memory.disp += *disp;
  } else {
    return not_understood(term);
  }
  return {};
}

/// `base + 4*index - 0x40`.
Result<void> parse_address(std::string_view inside, Parsed& p) {
  std::string term;
  bool minus = false;
  for (size_t at = 0; at <= inside.size(); ++at) {
    const char c = at < inside.size() ? inside[at] : '+';
    if (c == ' ') continue;
    if ((c != '+' && c != '-') || (term.empty() && at == 0)) {
      term += c;
      continue;
    }
    TRY(parse_term(minus ? "-" + term : term, p));
    term.clear();
    minus = c == '-';
  }
  constexpr uint8_t rsp = 4;
  p.memory.of_stack = p.memory.base == rsp;
  if (p.memory.base == no_register && p.memory.index == no_register && !p.is_rip_relative)
    return not_understood(inside);
  return {};
}

std::optional<uint8_t> pointer_bytes(std::string_view size) {
  static const std::unordered_map<std::string_view, uint8_t> sizes = {
      {"", 0},          {"byte ptr", 1},     {"word ptr", 2},     {"dword ptr", 4},
      {"qword ptr", 8}, {"xmmword ptr", 16}, {"ymmword ptr", 32}, {"zmmword ptr", 64}};
  const auto found = sizes.find(size);
  return found == sizes.end() ? std::nullopt : std::optional(found->second);
}

/// `dword ptr [rax + 0x8]{1to16}`.
Result<Operand> parse_memory(std::string_view text, Parsed& p) {
  const size_t open = text.find('[');
  const size_t close = text.find(']');
  const auto bytes = pointer_bytes(trimmed(text.substr(0, open)));
  if (close == std::string_view::npos || !bytes) return not_understood(text);
  Operand operand{Kind::memory, 0, *bytes};
  TRY(parse_address(text.substr(open + 1, close - open - 1), p));
  const std::string_view broadcast = trimmed(text.substr(close + 1));
  if (broadcast.empty()) return operand;
  if (!broadcast.starts_with("{1to") || !broadcast.ends_with("}")) return not_understood(text);
  const auto copies = parse_number(broadcast.substr(4, broadcast.size() - 5));
  if (!copies || *copies * operand.bytes > 64) return not_understood(text);
  operand.copies = static_cast<uint8_t>(*copies);
  return operand;
}

/// Takes ` {k1}` and ` {z}` off the end of the first operand.
Result<std::string_view> take_masks(std::string_view text, Parsed& p) {
  if (text.ends_with("{z}")) {
    p.zeroing = true;
    text = trimmed(text.substr(0, text.size() - 3));
  }
  const size_t open = text.rfind("{k");
  if (open == std::string_view::npos) return text;
  const auto mask = find_register(text.substr(open + 1, 2));
  if (!mask || open + 4 != text.size()) return not_understood(text);
  p.mask = mask->reg;
  return trimmed(text.substr(0, open));
}

Result<Operand> parse_operand(std::string_view text, Parsed& p) {
  if (p.operands == 0) text = TRY(take_masks(text, p));
  if (text.find('[') != std::string_view::npos) return parse_memory(text, p);
  if (const auto by_name = find_register(text)) return *by_name;
  const auto imm = parse_number(text);
  if (!imm) return not_understood(text);
  p.imm = *imm;
  return Operand{Kind::immediate};
}

}  // namespace

Result<Parsed> parse_instruction(std::string_view text) {
  Parsed p;
  const size_t space = text.find(' ');
  p.mnemonic = text.substr(0, space);
  std::string_view rest = space == std::string_view::npos ? "" : text.substr(space + 1);
  while (!(rest = trimmed(rest)).empty()) {
    const size_t comma = rest.find(',');
    if (p.operands == p.operand.size()) return invalid("the emulator knows no instruction of so many operands");
    p.operand[p.operands] = TRY(parse_operand(trimmed(rest.substr(0, comma)), p));
    ++p.operands;
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return p;
}

std::string register_name(Kind kind, int number) {
  if (kind == Kind::vector) return fmt::format("zmm{}", number);
  if (kind == Kind::mask) return fmt::format("k{}", number);
  return general_name(static_cast<uint8_t>(number), 8);
}

}  // namespace tilejit::x86::emulator

#include "ir/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace tilejit::ir {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_alnum(char c) { return is_digit(c) || is_letter(c); }

}  // namespace

Token Lexer::take() {
  const Token token = ahead_;
  advance();
  return token;
}

bool Lexer::at(std::string_view symbol_or_word) const {
  return (ahead_.kind == TokenKind::symbol || ahead_.kind == TokenKind::word) && ahead_.text == symbol_or_word;
}

bool Lexer::accept(std::string_view symbol_or_word) {
  if (!at(symbol_or_word)) return false;
  advance();
  return true;
}

void Lexer::skip_space() {
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == '/' && char_at(position_ + 1) == '/') {
      position_ = std::min(text_.find('\n', position_), text_.size());
      --position_;
    } else if (c == '\n') {
      ++line_;
      line_start_ = position_ + 1;
    } else if (c != ' ' && c != '\t' && c != '\r') {
      return;
    }
  }
}

/// A `.` belongs to a word when a letter or digit follows: `load.clip` is one word, `%i..8` is three tokens.
size_t Lexer::word_length(size_t from) const {
  size_t i = from;
  while (is_alnum(char_at(i)) || (i > from && char_at(i) == '.' && is_alnum(char_at(i + 1)))) ++i;
  return i - from;
}

size_t Lexer::number_length(size_t from) const {
  size_t i = from;
  const auto digits = [&] {
    while (is_digit(char_at(i))) ++i;
  };
  if (char_at(i) == '0' && char_at(i + 1) == 'x') return word_length(from);
  digits();
  if (char_at(i) == '.' && is_digit(char_at(i + 1))) {
    ++i;
    digits();
  }
  const bool is_signed = char_at(i + 1) == '+' || char_at(i + 1) == '-';
  if (char_at(i) == 'e' && is_digit(char_at(is_signed ? i + 2 : i + 1))) {
    i += is_signed ? 2 : 1;
    digits();
  }
  return i - from;
}

void Lexer::advance() {
  skip_space();
  const size_t start = position_;
  const char c = char_at(start);
  TokenKind kind = TokenKind::bad;
  size_t skipped = 0;
  size_t length = 1;
  if (start >= text_.size()) {
    kind = TokenKind::end;
    length = 0;
  } else if (c == '%') {
    length = word_length(start + 1);
    kind = length > 0 ? TokenKind::name : TokenKind::bad;
    skipped = length > 0 ? 1 : 0;
    length = std::max<size_t>(length, 1);
  } else if (is_digit(c)) {
    length = number_length(start);
    if (!is_alnum(char_at(start + length))) kind = TokenKind::number;
  } else if (is_letter(c)) {
    length = word_length(start);
    kind = TokenKind::word;
  } else if (c == '.' && char_at(start + 1) == '.') {
    length = 2;
    kind = TokenKind::symbol;
  } else if (c != '\0' && std::string_view("{}[](),:=*+-").find(c) != std::string_view::npos) {
    kind = TokenKind::symbol;
  }
  ahead_ = {kind, text_.substr(start + skipped, length), line_, static_cast<int32_t>(start - line_start_) + 1};
  position_ = start + skipped + length;
}

Result<void> Lexer::expect(std::string_view symbol_or_word, std::string_view after) {
  if (accept(symbol_or_word)) return {};
  return expected(fmt::format("`{}` after {}", symbol_or_word, after));
}

Result<std::string_view> Lexer::expect_name(std::string_view what) {
  if (ahead_.kind != TokenKind::name) return expected(what);
  return take().text;
}

Result<std::string_view> Lexer::expect_word(std::string_view what) {
  if (ahead_.kind != TokenKind::word) return expected(what);
  return take().text;
}

Result<int64_t> Lexer::expect_integer(std::string_view what, int64_t least, int64_t most) {
  const Token first = ahead_;
  const bool negative = accept("-");
  if (ahead_.kind != TokenKind::number) return expected(what);
  const Token number = take();
  uint64_t magnitude = 0;
  const auto [end, status] = std::from_chars(number.text.begin(), number.text.end(), magnitude);
  if (end != number.text.end() && status != std::errc::result_out_of_range)
    return error(number, fmt::format("{} is a decimal integer, found {}", what, quoted(number)));
  constexpr auto top = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const bool fits = status == std::errc() && magnitude <= top + (negative ? 1 : 0);
  const auto value = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  if (!fits || value < least || value > most)
    return error(first, fmt::format("{} lies between {} and {}, found {}{}", what, least, most, negative ? "-" : "",
                                    quoted(number)));
  return value;
}

Error Lexer::error(const Token& at, std::string_view message) const {
  return invalid(fmt::format("{}:{}:{}: {}", file_, at.line, at.column, message));
}

Error Lexer::expected(std::string_view what) const {
  return error(ahead_, fmt::format("expected {}, found {}", what, quoted(ahead_)));
}

std::string quoted(const Token& token) {
  constexpr size_t longest = 40;
  if (token.kind == TokenKind::end) return "the end of the text";
  std::string text = token.kind == TokenKind::name ? "`%" : "`";
  for (char c : token.text.substr(0, longest)) {
    const bool printable = c >= ' ' && c <= '~';
    text += printable ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text + (token.text.size() > longest ? "...`" : "`");
}

}  // namespace tilejit::ir

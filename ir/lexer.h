// The tokens of tile IR text, one ahead, each with its place. `//` comments and white space only separate tokens.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace tilejit::ir {

enum class TokenKind : uint8_t {
  name,    // %acc, %x.1: a register, loop variable or buffer; `text` is without the %
  word,    // load.clip, m, bf16
  number,  // 12, 0.5, 1e-05, 0x7fc00000
  symbol,  // one of { } [ ] ( ) , : = * + - ..
  end,     // of the text
  bad,     // a character that starts no token, or a malformed name or number
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string_view text;
  int32_t line = 1;
  int32_t column = 1;  // in bytes, from 1
};

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file) : text_(text), file_(file) { advance(); }

  const Token& peek() const { return ahead_; }
  Token take();
  /// Whether the token ahead is this symbol or word.
  bool at(std::string_view symbol_or_word) const;
  /// Takes the token ahead if it is this symbol or word.
  bool accept(std::string_view symbol_or_word);

  Result<void> expect(std::string_view symbol_or_word, std::string_view after);
  Result<std::string_view> expect_name(std::string_view what);
  Result<std::string_view> expect_word(std::string_view what);
  /// A decimal integer that a minus sign may precede, from `least` to `most`.
  Result<int64_t> expect_integer(std::string_view what, int64_t least, int64_t most);

  /// `FILE:LINE:COLUMN: message`, at a token.
  Error error(const Token& at, std::string_view message) const;
  /// The same at the token ahead: `expected WHAT, found TOKEN`.
  Error expected(std::string_view what) const;

 private:
  void advance();
  void skip_space();
  size_t word_length(size_t from) const;
  size_t number_length(size_t from) const;
  char char_at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  std::string_view text_;
  std::string_view file_;
  size_t position_ = 0;
  size_t line_start_ = 0;
  int32_t line_ = 1;
  Token ahead_;
};

/// A token as messages quote it: printable, at most 40 characters.
std::string quoted(const Token& token);

}  // namespace tilejit::ir

// The parser and the verifier on texts that someone else damaged: no crash, no hang; and what is accepted prints and reads
// back as the same program.
#include <gtest/gtest.h>

#include <cctype>
#include <random>

#include "ir/parse.h"
#include "ir/print.h"
#include "ir/verify.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_kernel.h"

namespace tilejit::ir {
namespace {

constexpr std::string_view pieces[] = {"{",
                                       "}",
                                       "[",
                                       "]",
                                       "(",
                                       ")",
                                       ",",
                                       ":",
                                       "=",
                                       "*",
                                       "+",
                                       "-",
                                       "..",
                                       "%",
                                       "//",
                                       "\n",
                                       " ",
                                       "m",
                                       "for",
                                       "serial",
                                       "tasks",
                                       "waves",
                                       "step",
                                       "ceil(",
                                       "floor(",
                                       "min(",
                                       "load",
                                       "store.clip",
                                       "fill",
                                       "wait",
                                       "barrier",
                                       "lane",
                                       "zero",
                                       "strided",
                                       "kernel",
                                       "0",
                                       "1",
                                       "-1",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       "18446744073709551616",
                                       "2147483648",
                                       "1e999",
                                       "0x7fc00000",
                                       "inf",
                                       "nan",
                                       "f32[",
                                       "u4",
                                       "index",
                                       "%x",
                                       "%x.1",
                                       "%.",
                                       "\xff",
                                       "\x80",
                                       "."};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string mutated(std::string text) {
    for (uint64_t edits = 1 + below(8); edits > 0 && !text.empty(); --edits) edit(text);
    return text;
  }

 private:
  uint64_t below(uint64_t n) { return random_() % n; }

  void edit(std::string& text) {
    const size_t at = below(text.size());
    const std::string_view piece = pieces[below(std::size(pieces))];
    switch (below(7)) {
      case 0: text[at] = static_cast<char>(below(256)); return;
      case 1: text.erase(at, 1 + below(12)); return;
      case 2: text.insert(at, piece); return;
      case 3: text.resize(at); return;
      case 4: text.insert(at, text.substr(below(text.size()), below(80))); return;
      case 5: replace_token(text, at, piece); return;
      case 6: replace_line(text, at); return;
    }
  }

  static bool in_token(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.'; }

  void replace_token(std::string& text, size_t at, std::string_view piece) {
    while (at < text.size() && !in_token(text[at])) ++at;
    size_t end = at;
    while (end < text.size() && in_token(text[end])) ++end;
    text.replace(at, end - at, piece);
  }

  /// A line is doubled, or another one put in its place.
  void replace_line(std::string& text, size_t at) {
    const std::string line = line_at(text, at);
    text.insert(text.find(line), chance() ? line : line_at(text, below(text.size())));
  }

  static std::string line_at(const std::string& text, size_t at) {
    const size_t before = text.rfind('\n', at == 0 ? 0 : at - 1);
    const size_t start = before == std::string::npos ? 0 : before + 1;
    const size_t end = text.find('\n', start);
    return text.substr(start, end == std::string::npos ? std::string::npos : end - start + 1);
  }

  bool chance() { return below(2) == 0; }

  std::mt19937_64 random_;
};

/// file:line:column: message, without anything that is not printable.
bool is_located(const std::string& message) {
  for (char c : message)
    if (c < ' ' || c > '~') return false;
  size_t at = 0;
  if (message.compare(0, 2, "f:") != 0) return false;
  at = 2;
  for (int number = 0; number < 2; ++number) {
    const size_t start = at;
    while (at < message.size() && std::isdigit(static_cast<unsigned char>(message[at])) != 0) ++at;
    if (at == start || at >= message.size() || message[at] != ':') return false;
    ++at;
  }
  return message.compare(at, 1, " ") == 0 && message.size() > at + 1;
}

void check(const std::string& text) {
  const Result<Program> program = parse(text, "f");
  if (!program.ok()) {
    EXPECT_EQ(program.error().kind, ErrorKind::invalid);
    EXPECT_TRUE(is_located(program.error().message)) << program.error().message;
    return;
  }
  const std::string printed = print(*program);
  const Result<Program> again = parse(printed, "f");
  ASSERT_TRUE(again.ok()) << again.error().message << "\n" << printed;
  EXPECT_TRUE(again->same(*program)) << printed;
  EXPECT_EQ(print(*again), print(*program));
  EXPECT_EQ(verify(*again).size(), verify(*program).size());
}

TEST(ParseFuzz, DamagedTextsAreErrorsOrPrograms) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(3000));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    SCOPED_TRACE(test::reproduction(seed));
    const Kernel kernel = test::random_kernel(seed / 8, {.lanes16 = true, .bf16_dot = true, .instructions = 8});
    const std::string text = Mutator(seed).mutated(print(kernel));
    check(text);
    if (testing::Test::HasFailure()) FAIL() << text;
  }
}

}  // namespace
}  // namespace tilejit::ir

#include "ir/parse_index.h"

#include <fmt/format.h>

namespace tilejit::ir {
namespace {

constexpr int64_t most = std::numeric_limits<int64_t>::max();
constexpr int64_t least = std::numeric_limits<int64_t>::min();

Error too_large(const Lexer& lexer, const Token& at) { return lexer.error(at, "this index does not fit 64 bits"); }

/// factor * var, or the number `factor` when var is none.
struct Product {
  int64_t factor = 1;
  Value var = Value::none;
};

bool at_variable(const Lexer& lexer) { return lexer.peek().kind == TokenKind::name || lexer.at("m"); }

Result<Product> parse_product(Lexer& lexer, const FindIndex& find, bool negative) {
  const Token first = lexer.peek();
  Product product{negative ? -1 : 1, Value::none};
  do {
    const Token factor = lexer.peek();
    if (at_variable(lexer)) {
      if (product.var != Value::none)
        return lexer.error(factor,
                           fmt::format("{} is a second variable in a product; an index is linear", quoted(factor)));
      product.var = factor.kind == TokenKind::name ? TRY(find(factor)) : value_m;
      lexer.take();
      continue;
    }
    const int64_t number = TRY(lexer.expect_integer("a number, `m` or an index like `%i`", 0, most));
    if (__builtin_mul_overflow(product.factor, number, &product.factor)) return too_large(lexer, first);
  } while (lexer.accept("*"));
  return product;
}

Result<void> add_product(Lexer& lexer, const Token& at, Affine& sum, const Product& product) {
  int64_t total = 0;
  const int64_t before = product.var == Value::none ? sum.constant() : sum.coef_of(product.var);
  if (__builtin_add_overflow(before, product.factor, &total)) return too_large(lexer, at);
  if (product.var == Value::none) {
    sum = sum + Affine(product.factor);
    return {};
  }
  if (before == 0 && product.factor != 0 && sum.size() == Affine::max_terms)
    return lexer.error(at, fmt::format("an index has at most {} variables", Affine::max_terms));
  sum.add(product.var, product.factor);
  return {};
}

Result<int64_t> parse_divisor(Lexer& lexer) {
  TRY(lexer.expect(",", "what is divided"));
  const int64_t divisor = TRY(lexer.expect_integer("a divisor", 1, most));
  TRY(lexer.expect(")", "the divisor"));
  return divisor;
}

Result<Bound> parse_rounded(Lexer& lexer, const FindIndex& find) {
  Bound bound;
  if (lexer.accept("ceil")) bound.rounding = Rounding::ceil;
  if (lexer.accept("floor")) bound.rounding = Rounding::floor;
  if (bound.rounding == Rounding::exact) {
    bound.value = TRY(parse_affine(lexer, find));
    return bound;
  }
  TRY(lexer.expect("(", "a rounding"));
  bound.value = TRY(parse_affine(lexer, find));
  bound.divisor = TRY(parse_divisor(lexer));
  return bound;
}

/// `m` or `ceil(m,8)` at the token ahead, into an extent of one such unit.
Result<Extent> parse_unit(Lexer& lexer) {
  if (lexer.accept("m")) return Extent::of_m();
  TRY(lexer.expect("ceil", "`*`, as in `8*ceil(m,8)`"));
  TRY(lexer.expect("(", "`ceil`"));
  TRY(lexer.expect("m", "`ceil(`"));
  return Extent::of_m(1, TRY(parse_divisor(lexer)));
}

/// One product of a dimension: a number, `m`, `ceil(m,8)`, or such a unit times a number, in either order.
Result<Extent> parse_extent_product(Lexer& lexer) {
  if (lexer.at("m") || lexer.at("ceil")) {
    Extent unit = TRY(parse_unit(lexer));
    if (lexer.accept("*")) unit.per = TRY(lexer.expect_integer("a factor of m", 1, most));
    return unit;
  }
  const Token at = lexer.peek();
  const int64_t number = TRY(lexer.expect_integer("a dimension (a number, `m` or `ceil(m,8)*8`)", least, most));
  if (!lexer.accept("*")) return Extent(number);
  if (number < 1) return lexer.error(at, "a factor of m is at least 1");
  Extent unit = TRY(parse_unit(lexer));
  unit.per = number;
  return unit;
}

}  // namespace

Result<Affine> parse_affine(Lexer& lexer, const FindIndex& find) {
  Affine sum;
  bool negative = lexer.accept("-");
  while (true) {
    const Token at = lexer.peek();
    const Product product = TRY(parse_product(lexer, find, negative));
    TRY(add_product(lexer, at, sum, product));
    if (!lexer.at("+") && !lexer.at("-")) return sum;
    negative = lexer.take().text == "-";
  }
}

Result<Bound> parse_bound(Lexer& lexer, const FindIndex& find) {
  if (!lexer.accept("min")) return parse_rounded(lexer, find);
  TRY(lexer.expect("(", "`min`"));
  const int64_t limit = TRY(lexer.expect_integer("the limit of a bound", least, most));
  TRY(lexer.expect(",", "the limit"));
  Bound bound = TRY(parse_rounded(lexer, find));
  bound.limit = limit;
  TRY(lexer.expect(")", "the bound"));
  return bound;
}

Result<std::vector<Slice>> parse_slices(Lexer& lexer, const FindIndex& find) {
  std::vector<Slice> slices;
  TRY(lexer.expect("[", "the buffer's name"));
  do {
    Slice slice;
    slice.start = TRY(parse_affine(lexer, find));
    if (lexer.accept(":"))
      slice.extent = static_cast<int32_t>(
          TRY(lexer.expect_integer("the extent of a slice", 0, std::numeric_limits<int32_t>::max())));
    slices.push_back(slice);
  } while (lexer.accept(","));
  if (!lexer.accept("]")) return lexer.expected("`,`, `]` or `:extent` after a slice's start");
  return slices;
}

Result<Extent> parse_extent(Lexer& lexer) {
  Extent sum = TRY(parse_extent_product(lexer));
  while (lexer.at("+") || lexer.at("-")) {
    const Token at = lexer.peek();
    if (lexer.at("+")) lexer.take();
    const Extent next = TRY(parse_extent_product(lexer));
    if (!sum.is_constant() && !next.is_constant()) return lexer.error(at, "a dimension names m only once");
    if (__builtin_add_overflow(sum.constant, next.constant, &sum.constant)) return too_large(lexer, at);
    if (next.is_constant()) continue;
    sum.per = next.per;
    sum.divisor = next.divisor;
  }
  return sum;
}

}  // namespace tilejit::ir

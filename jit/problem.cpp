#include "jit/problem.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "ir/mma.h"

namespace tilejit {
namespace {

template <typename T>
using Names = std::span<const std::pair<std::string_view, T>>;

constexpr std::array<std::pair<std::string_view, Scheme>, 5> scheme_names = {{{"w4a16", Scheme::w4a16},
                                                                              {"w8a16", Scheme::w8a16},
                                                                              {"w8a8", Scheme::w8a8},
                                                                              {"w4a8", Scheme::w4a8},
                                                                              {"w16a16", Scheme::w16a16}}};
constexpr std::array<std::pair<std::string_view, ZeroDomain>, 3> zero_names = {
    {{"none", ZeroDomain::none}, {"int", ZeroDomain::integer}, {"float", ZeroDomain::floating}}};
constexpr std::array<std::pair<std::string_view, Dot>, 6> dot_names = {{{"auto", Dot::automatic},
                                                                        {"fma", Dot::fma},
                                                                        {"bf16", Dot::bf16},
                                                                        {"i8x2", Dot::i8x2},
                                                                        {"mma", Dot::mma},
                                                                        {"i8", Dot::i8}}};
constexpr std::array<std::pair<std::string_view, Epilogue>, 8> epilogue_names = {{{"bias", Epilogue::bias},
                                                                                  {"relu", Epilogue::relu},
                                                                                  {"silu", Epilogue::silu},
                                                                                  {"gelu", Epilogue::gelu},
                                                                                  {"gelu_tanh", Epilogue::gelu_tanh},
                                                                                  {"mul", Epilogue::mul},
                                                                                  {"residual", Epilogue::residual},
                                                                                  {"swiglu", Epilogue::swiglu}}};
constexpr std::array<std::pair<std::string_view, Bits>, 2> bits_names = {
    {{"exact", Bits::exact}, {"relaxed", Bits::relaxed}}};
constexpr std::array<std::pair<std::string_view, Type>, 3> float_names = {
    {{"bf16", Type::bf16}, {"f16", Type::f16}, {"f32", Type::f32}}};

template <typename T>
std::string_view name_of(Names<T> names, T value) {
  for (const auto& [name, v] : names)
    if (v == value) return name;
  return "?";
}

template <typename T>
std::string spellings(Names<T> names) {
  std::string all;
  for (const auto& [name, v] : names) all += (all.empty() ? "" : ", ") + std::string(name);
  return all;
}

template <typename T>
Result<T> choose(Names<T> names, std::string_view key, std::string_view text) {
  for (const auto& [name, v] : names)
    if (name == text) return v;
  return invalid(fmt::format("problem: {}={} is unknown; it may be {}", key, text, spellings(names)));
}

Result<int64_t> integer(std::string_view key, std::string_view text, int64_t lo, int64_t hi) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lo || value > hi)
    return invalid(fmt::format("problem: {}={} is not an integer from {} to {}", key, text, lo, hi));
  return value;
}

Result<void> set_epilogue(Problem& p, std::string_view text) {
  p.epilogue.clear();
  if (text == "none") return {};
  while (true) {
    const size_t plus = text.find('+');
    std::string_view word = text.substr(0, plus);
    if (const size_t dot = word.find('.'); dot != std::string_view::npos && word.substr(0, dot) == "bias") {
      p.bias_type = TRY(choose<Type>(float_names, "bias type", word.substr(dot + 1)));
      word = "bias";
    }
    const Epilogue e = TRY(choose<Epilogue>(epilogue_names, "epilogue", word));
    if (p.has(e)) return invalid(fmt::format("problem: epilogue names {} twice", word));
    p.epilogue.push_back(e);
    if (plus == std::string_view::npos) return {};
    text.remove_prefix(plus + 1);
  }
}

constexpr std::string_view mma_prefix = "mma.";

/// The name of a row of numerics without the type of its inputs.
std::string_view family_of(const ir::MmaRow& row) { return row.name.substr(0, row.name.find('_')); }

/// `dot=mma.cdna3`: any row of the family, until the type of the activations is known.
Result<void> set_numerics(Problem& p, std::string_view family) {
  std::string families;
  for (const ir::MmaRow& row : ir::mma_rows()) {
    if (!is_float(row.input)) continue;
    if (family_of(row) == family) {
      p.dot = Dot::mma;
      p.numerics = static_cast<int>(&row - ir::mma_rows().data());
      return {};
    }
    if (families.find(family_of(row)) == std::string::npos)
      families += fmt::format("{}{}", families.empty() ? "" : ", ", family_of(row));
  }
  return invalid(fmt::format("problem: dot=mma.{} is unknown; it may be mma. with {}", family, families));
}

/// The row of the same family for another type of activations, none if there is none.
std::optional<int> numerics_for(int row, Type type) {
  const std::string_view family = family_of(ir::mma_rows()[static_cast<size_t>(row)]);
  return ir::find_mma(fmt::format("{}_{}", family, to_string(type)));
}

struct Key {
  std::string_view name;
  Result<void> (*set)(Problem&, std::string_view);
};

constexpr std::array keys = {
    Key{"m",
        [](Problem& p, std::string_view v) -> Result<void> {
          p.m = v == "*" ? Problem::any_m : TRY(integer("m", v, 1, Problem::max_size));
          return {};
        }},
    Key{"n",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.n = TRY(integer("n", v, 1, Problem::max_size)), Result<void>();
        }},
    Key{"k",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.k = TRY(integer("k", v, 1, Problem::max_size)), Result<void>();
        }},
    Key{"a",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.a = TRY(choose<Type>(float_names, "a", v)), Result<void>();
        }},
    Key{"out",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.out = TRY(choose<Type>(float_names, "out", v)), Result<void>();
        }},
    Key{"g",
        [](Problem& p, std::string_view v) -> Result<void> {
          p.group = v == "-1" ? -1 : TRY(integer("g", v, 1, Problem::max_size));
          return {};
        }},
    Key{"zp",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.zp = TRY(choose<ZeroDomain>(zero_names, "zp", v)), Result<void>();
        }},
    Key{"z",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.zero = static_cast<int>(TRY(integer("z", v, 0, 255))), Result<void>();
        }},
    Key{"s",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.s = TRY(choose<Type>(float_names, "s", v)), Result<void>();
        }},
    Key{"perm",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.perm = TRY(integer("perm", v, 0, 1)) != 0, Result<void>();
        }},
    Key{"dot",
        [](Problem& p, std::string_view v) -> Result<void> {
          if (v.starts_with(mma_prefix)) return set_numerics(p, v.substr(mma_prefix.size()));
          return p.dot = TRY(choose<Dot>(dot_names, "dot", v)), Result<void>();
        }},
    Key{"ks",
        [](Problem& p, std::string_view v) -> Result<void> {
          p.ks = v == "auto" ? 0 : static_cast<int>(TRY(integer("ks", v, 1, 4096)));
          return {};
        }},
    Key{"epilogue", set_epilogue},
    Key{"bits",
        [](Problem& p, std::string_view v) -> Result<void> {
          return p.bits = TRY(choose<Bits>(bits_names, "bits", v)), Result<void>();
        }},
};

Result<void> set_word(Problem& p, std::string_view word, std::vector<std::string_view>& seen) {
  const size_t equals = word.find('=');
  if (equals == std::string_view::npos)
    return invalid(fmt::format("problem: '{}' is not key=value (only the first word, the scheme, stands alone)", word));
  const std::string_view name = word.substr(0, equals);
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
  if (key == keys.end()) {
    std::string all;
    for (const Key& k : keys) all += (all.empty() ? "" : ", ") + std::string(k.name);
    return invalid(fmt::format("problem: the key '{}' is unknown; keys are {}", name, all));
  }
  if (std::find(seen.begin(), seen.end(), name) != seen.end())
    return invalid(fmt::format("problem: the key '{}' is given twice", name));
  seen.push_back(name);
  return key->set(p, word.substr(equals + 1));
}

std::string epilogue_text(const Problem& p) {
  std::string text;
  for (const Epilogue e : p.epilogue) {
    text += (text.empty() ? "" : "+") + std::string(name_of<Epilogue>(epilogue_names, e));
    if (e == Epilogue::bias && p.bias_type != Type::f32) text += "." + std::string(to_string(p.bias_type));
  }
  return text;
}

}  // namespace

int default_zero(Scheme scheme) {
  switch (scheme) {
    case Scheme::w4a16:
    case Scheme::w4a8: return 8;
    case Scheme::w8a16:
    case Scheme::w8a8: return 128;
    case Scheme::w16a16: return 0;
  }
  return 0;
}

Result<void> check(const Problem& p) {
  for (const auto& [name, value] : {std::pair{"n", p.n}, std::pair{"k", p.k}})
    if (value == 0) return invalid(fmt::format("problem: {} is missing; write {}=4096", name, name));
  if (p.n * p.k > int64_t{1} << 40) return invalid(fmt::format("problem: n*k = {} is over 2^40 weights", p.n * p.k));
  if (p.dot == Dot::bf16 && p.a != Type::bf16)
    return invalid(fmt::format("problem: dot=bf16 needs a=bf16, but a={}; use dot=fma", to_string(p.a)));
  if (p.numerics >= 0 && (p.dot != Dot::mma || ir::mma_rows()[static_cast<size_t>(p.numerics)].input != p.a))
    return invalid(fmt::format("problem: {} are not the numerics of dot={} with a={}",
                               ir::mma_rows()[static_cast<size_t>(p.numerics)].name, to_string(p.dot), to_string(p.a)));
  const bool integer_scheme = p.quantizes_rows();
  if (integer_scheme && p.dot != Dot::automatic && p.dot != Dot::i8)
    return invalid(fmt::format("problem: {} has dot=i8 only, not dot={}", to_string(p.scheme), to_string(p.dot)));
  if (!integer_scheme && p.dot == Dot::i8)
    return invalid(fmt::format("problem: dot=i8 belongs to w8a8 and w4a8, not {}; use dot=fma", to_string(p.scheme)));
  if (p.scheme == Scheme::w16a16 &&
      (p.group != -1 || p.zp != ZeroDomain::none || p.zero != 0 || p.s != Type::f32 || p.perm))
    return invalid("problem: w16a16 has no scales, groups, zero points or permutation; leave g, zp, z, s and perm out");
  if (p.scheme == Scheme::w16a16 && p.dot == Dot::i8x2)
    return invalid("problem: dot=i8x2 belongs to w4a16 and w8a16, not w16a16; use dot=fma");
  if (p.zp == ZeroDomain::integer && p.zero != default_zero(p.scheme))
    return invalid(fmt::format("problem: z={} with zp=int: the zero points are stored, leave z out", p.zero));
  if (p.weight_bits() < 16 && p.zero > 1 << p.weight_bits())
    return invalid(fmt::format("problem: z={} is over 2^{} for {}", p.zero, p.weight_bits(), to_string(p.scheme)));
  if (p.ks > p.segment_units())
    return invalid(fmt::format("problem: ks={} is more than the {} {} of k={} g={}", p.ks, p.segment_units(),
                               p.group == -1 ? "units of 128" : "groups", p.k, p.group));
  if (p.has(Epilogue::swiglu) && p.n % 2 != 0)
    return invalid(fmt::format("problem: swiglu needs an even n, not n={}", p.n));
  if (p.has(Epilogue::bias) && p.columns_at(Epilogue::bias) != p.n)
    return invalid("problem: bias[n] stands before swiglu, which leaves n/2 columns; write bias+swiglu");
  return {};
}

int Problem::weight_bits() const {
  switch (scheme) {
    case Scheme::w4a16:
    case Scheme::w4a8: return 4;
    case Scheme::w8a16:
    case Scheme::w8a8: return 8;
    case Scheme::w16a16: return 16;
  }
  return 0;
}

Type Problem::weight_type() const {
  switch (scheme) {
    case Scheme::w4a16:
    case Scheme::w4a8: return Type::u4;
    case Scheme::w8a16:
    case Scheme::w8a8: return Type::u8;
    case Scheme::w16a16: return a;
  }
  return a;
}

int Problem::packed_k() const {
  // Halves of f16 would have to be gathered before they are widened; 16 channels side by side are widened as they lie.
  if (scheme == Scheme::w16a16) return a == Type::bf16 ? 2 : 1;
  return 32 / weight_bits();
}

int64_t Problem::columns_at(Epilogue e) const {
  const auto at = std::find(epilogue.begin(), epilogue.end(), e);
  return std::find(epilogue.begin(), at, Epilogue::swiglu) == at ? n : out_columns();
}

bool Problem::has(Epilogue e) const { return std::find(epilogue.begin(), epilogue.end(), e) != epilogue.end(); }

std::string_view to_string(Scheme scheme) { return name_of<Scheme>(scheme_names, scheme); }
std::string_view to_string(ZeroDomain zp) { return name_of<ZeroDomain>(zero_names, zp); }
std::string_view to_string(Dot dot) { return name_of<Dot>(dot_names, dot); }

Result<Problem> parse_problem(std::string_view line) {
  Problem p;
  std::vector<std::string_view> seen;
  bool first = true;
  bool has_zero = false;
  bool has_out = false;
  while (true) {
    const size_t start = line.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) break;
    line.remove_prefix(start);
    const std::string_view word = line.substr(0, line.find_first_of(" \t\r\n"));
    line.remove_prefix(word.size());
    if (first)
      p.scheme = TRY(choose<Scheme>(scheme_names, "scheme", word));
    else
      TRY(set_word(p, word, seen));
    first = false;
    has_zero |= word.starts_with("z=");
    has_out |= word.starts_with("out=");
  }
  if (first) return invalid("problem: the line is empty; write for example 'w4a16 m=1 n=4096 k=4096 a=bf16 g=128'");
  if (!has_zero) p.zero = default_zero(p.scheme);
  if (!has_out) p.out = p.a;
  if (p.numerics >= 0) p.numerics = numerics_for(p.numerics, p.a).value_or(p.numerics);
  TRY(check(p));
  return p;
}

std::string print_problem(const Problem& p) {
  std::string t = fmt::format("{} m={} n={} k={} a={}", to_string(p.scheme),
                              p.m == Problem::any_m ? "*" : std::to_string(p.m), p.n, p.k, to_string(p.a));
  if (p.out != p.a) t += fmt::format(" out={}", to_string(p.out));
  if (p.group != -1) t += fmt::format(" g={}", p.group);
  if (p.zp != ZeroDomain::none) t += fmt::format(" zp={}", to_string(p.zp));
  if (p.zero != default_zero(p.scheme)) t += fmt::format(" z={}", p.zero);
  if (p.s != Type::f32) t += fmt::format(" s={}", to_string(p.s));
  if (p.perm) t += " perm=1";
  if (p.dot != Dot::automatic) t += fmt::format(" dot={}", to_string(p.dot));
  if (p.numerics >= 0) t += fmt::format(".{}", family_of(ir::mma_rows()[static_cast<size_t>(p.numerics)]));
  if (p.ks != 0) t += fmt::format(" ks={}", p.ks);
  if (!p.epilogue.empty()) t += " epilogue=" + epilogue_text(p);
  if (p.bits != Bits::exact) t += fmt::format(" bits={}", name_of<Bits>(bits_names, p.bits));
  return t;
}

}  // namespace tilejit

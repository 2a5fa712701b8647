#include "ir/parse.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <unordered_map>

#include "ir/lexer.h"
#include "ir/mma.h"
#include "ir/names.h"
#include "ir/parse_index.h"
#include "ir/print.h"

namespace tilejit::ir {
namespace {

constexpr size_t longest_text = size_t{64} << 20;
constexpr int32_t most_int32 = std::numeric_limits<int32_t>::max();
constexpr int64_t most_int64 = std::numeric_limits<int64_t>::max();
constexpr std::string_view mma_prefix = "mma.";
constexpr int64_t least_int64 = std::numeric_limits<int64_t>::min();

std::optional<Op> find_op(std::string_view name) {
  for (int i = 0; i < op_count; ++i)
    if (info(static_cast<Op>(i)).name == name) return static_cast<Op>(i);
  return std::nullopt;
}

/// The ops that stand behind `%x =`.
std::string names_of_writing_ops() {
  std::string names;
  for (int i = 0; i < op_count; ++i)
    if (info(static_cast<Op>(i)).writes)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", info(static_cast<Op>(i)).name);
  return names;
}

class KernelParser {
 public:
  explicit KernelParser(Lexer& lexer) : lexer_(lexer) {}
  Result<Kernel> parse();

 private:
  struct OpenLoop {
    std::string_view name;
    int32_t line;
  };

  Result<void> parameters();
  Result<void> buffer(std::optional<Space> space);
  Result<void> own_buffer();
  Result<void> statement();
  Result<void> loop(Instr& instr);
  Result<void> end_of_loop(Instr& instr);
  Result<void> assignment(Instr& instr);
  Result<void> right_side(Instr& instr, const Token& first);
  Result<void> action(Instr& instr);
  Result<int64_t> mma_row(const Token& word) const;
  Result<void> operands(Instr& instr);
  Result<void> lane(Instr& instr);
  Result<void> access(BufferId& id, std::vector<Slice>& slices);
  Result<Value> register_operand();
  Result<Value> index_operand(const Token& name) const;
  Result<TileType> tile_type();
  Result<int64_t> fill_bits(const Token& literal, bool negative, Type type) const;
  Result<Value> define(const Token& name, TileType tile);
  Error unknown(const Token& name) const;

  FindIndex find_index() {
    return [this](const Token& name) { return index_operand(name); };
  }

  Lexer& lexer_;
  Kernel kernel_;
  std::unordered_map<std::string_view, Value> values_;  // registers, and the variables of open loops
  std::unordered_map<std::string_view, BufferId> buffers_;
  std::vector<OpenLoop> open_;
};

Result<Kernel> KernelParser::parse() {
  if (!lexer_.accept("kernel")) return lexer_.expected("`kernel`");
  kernel_.name = TRY(lexer_.expect_word("the kernel's name"));
  TRY(parameters());
  TRY(lexer_.expect("{", "the parameters"));
  while (lexer_.at("scratch") || lexer_.at("shared")) TRY(own_buffer());
  while (!open_.empty() || !lexer_.accept("}")) TRY(statement());
  return std::move(kernel_);
}

Result<void> KernelParser::parameters() {
  TRY(lexer_.expect("(", "the kernel's name"));
  if (lexer_.accept(")")) return {};
  do { TRY(buffer(std::nullopt)); } while (lexer_.accept(","));
  if (!lexer_.accept(")")) return lexer_.expected("`,` or `)` after a parameter");
  return {};
}

/// `%w: global u4[64,512,64,8] strided`; without the space when it is known already.
Result<void> KernelParser::buffer(std::optional<Space> space) {
  const Token at = lexer_.peek();
  Buffer result;
  const std::string_view name = TRY(lexer_.expect_name("a buffer's name, like `%a`"));
  if (!is_identifier(name))
    return lexer_.error(at, fmt::format("the buffer's name {} starts with a digit", quoted(at)));
  result.name = name;
  TRY(lexer_.expect(":", "the buffer's name"));
  if (!space && lexer_.accept("global")) space = Space::global;
  if (!space && lexer_.accept("workspace")) space = Space::workspace;
  if (!space) return lexer_.expected("`global` or `workspace` before a parameter's type");
  result.space = *space;
  const Token type = lexer_.peek();
  const auto element = parse_type(TRY(lexer_.expect_word("an element type")));
  if (!element || *element == Type::index)
    return lexer_.error(type,
                        fmt::format("{} is not an element type: f32, bf16, f16, i32, i16, i8, u8, u4", quoted(type)));
  result.type = *element;
  TRY(lexer_.expect("[", "the element type"));
  do { result.dims.push_back(TRY(parse_extent(lexer_))); } while (lexer_.accept(","));
  if (!lexer_.accept("]")) return lexer_.expected("`,` or `]` after a dimension");
  result.strided = lexer_.accept("strided");
  buffers_.try_emplace(name, kernel_.add_buffer(std::move(result)));
  return {};
}

Result<void> KernelParser::own_buffer() {
  const Space space = lexer_.take().text == "scratch" ? Space::scratch : Space::shared;
  return buffer(space);
}

Result<void> KernelParser::statement() {
  Instr& instr = kernel_.body.emplace_back();
  instr.line = lexer_.peek().line;
  if (lexer_.accept("for")) return loop(instr);
  if (lexer_.at("}")) return end_of_loop(instr);
  if (lexer_.peek().kind == TokenKind::name) return assignment(instr);
  if (lexer_.peek().kind == TokenKind::word) return action(instr);
  if (open_.empty()) return lexer_.expected("an instruction or the kernel's `}`");
  return lexer_.expected(fmt::format("an instruction or the `}}` of the loop at line {}", open_.back().line));
}

Result<void> KernelParser::loop(Instr& instr) {
  instr.op = Op::for_loop;
  bool known = false;
  for (LoopKind kind : {LoopKind::serial, LoopKind::unrolled, LoopKind::tasks, LoopKind::waves}) {
    if (known || !lexer_.accept(to_string(kind))) continue;
    instr.loop = kind;
    known = true;
  }
  if (!known) return lexer_.expected("a loop's kind (serial, unrolled, tasks, waves)");
  const Token name = lexer_.peek();
  TRY(lexer_.expect_name("the loop's variable, like `%i`"));
  if (values_.contains(name.text)) return lexer_.error(name, fmt::format("{} is already in use here", quoted(name)));
  TRY(lexer_.expect("=", "the loop's variable"));
  instr.lo = TRY(parse_bound(lexer_, find_index()));
  TRY(lexer_.expect("..", "the loop's first value"));
  instr.hi = TRY(parse_bound(lexer_, find_index()));
  if (lexer_.accept("step")) instr.step = TRY(lexer_.expect_integer("the step", least_int64, most_int64));
  TRY(lexer_.expect("{", "the loop's bounds"));
  instr.dst = kernel_.add_value(std::string(name.text), {Type::index, {}});
  values_.emplace(name.text, instr.dst);
  open_.push_back({name.text, name.line});
  return {};
}

Result<void> KernelParser::end_of_loop(Instr& instr) {
  lexer_.take();
  instr.op = Op::end;
  values_.erase(open_.back().name);
  open_.pop_back();
  return {};
}

/// An instruction that writes no register.
Result<void> KernelParser::action(Instr& instr) {
  const Token word = lexer_.take();
  instr.clip = word.text == "store.clip";
  const bool into_l2 = word.text == "prefetch.l2";
  const auto op = find_op(instr.clip ? "store" : into_l2 ? "prefetch" : word.text);
  if (op && info(*op).writes)
    return lexer_.error(word, fmt::format("{} writes a register: `%x = {} ...`", quoted(word), word.text));
  if (!op || *op == Op::for_loop || *op == Op::end)
    return lexer_.error(
        word, fmt::format("unknown instruction {}; without `%x =`: for, store, store.clip, prefetch, prefetch.l2, "
                          "async_copy, barrier, wait",
                          quoted(word)));
  instr.op = *op;
  if (*op == Op::barrier) return {};
  if (*op == Op::wait) {
    instr.imm = TRY(lexer_.expect_integer("the number of copies that may stay in flight", 0, most_int32));
    return {};
  }
  TRY(access(instr.buffer, instr.slices));
  if (*op == Op::prefetch) {
    instr.imm = into_l2 ? 2 : 1;
    return {};
  }
  TRY(lexer_.expect(",", "the buffer's slices"));
  if (*op == Op::async_copy) return access(instr.source, instr.source_slices);
  instr.args[0] = TRY(register_operand());
  return {};
}

Result<void> KernelParser::assignment(Instr& instr) {
  const Token name = lexer_.take();
  TRY(lexer_.expect("=", "the register's name"));
  Token word = lexer_.peek();
  TRY(lexer_.expect_word("an op"));
  instr.clip = word.text == "load.clip";
  if (word.text.starts_with(mma_prefix)) instr.imm = TRY(mma_row(word));
  const auto op = find_op(instr.clip ? "load" : word.text.starts_with(mma_prefix) ? info(Op::mma).name : word.text);
  if (op == Op::mma && word.text == info(Op::mma).name) return mma_row(word).error();
  if (!op || !info(*op).writes)
    return lexer_.error(word, fmt::format("{} is not an op that writes a register: {}, load.clip", quoted(word),
                                          names_of_writing_ops()));
  instr.op = *op;
  if (*op == Op::load_index) {
    TRY(access(instr.buffer, instr.slices));
    instr.dst = TRY(define(name, {Type::index, {}}));
    return {};
  }
  const bool negative = *op == Op::fill && lexer_.accept("-");
  const Token literal = lexer_.peek();
  TRY(right_side(instr, literal));
  TRY(lexer_.expect(":", "the operands"));
  const TileType tile = TRY(tile_type());
  if (*op == Op::fill) instr.imm = TRY(fill_bits(literal, negative, tile.type));
  instr.dst = TRY(define(name, tile));
  return {};
}

/// What stands between the op and the type of its result.
Result<void> KernelParser::right_side(Instr& instr, const Token& first) {
  if (instr.op == Op::fill) {
    if (first.kind != TokenKind::number && !lexer_.at("inf")) return lexer_.expected("a number or `inf`");
    lexer_.take();
    return {};
  }
  if (instr.op == Op::load) return access(instr.buffer, instr.slices);
  TRY(operands(instr));
  if (instr.op == Op::unpack || instr.op == Op::unpack_zero) TRY(lane(instr));
  if (instr.op == Op::shift_left || instr.op == Op::shift_right) {
    TRY(lexer_.expect("by", "the operand"));
    instr.imm = TRY(lexer_.expect_integer("the number of bits", least_int64, most_int64));
  }
  if (instr.op != Op::unpack) return {};
  TRY(lexer_.expect("zero", "the lane"));
  instr.imm = TRY(lexer_.expect_integer("the zero point", least_int64, most_int64));
  return {};
}

/// The row of numerics that stands behind the dot.
Result<int64_t> KernelParser::mma_row(const Token& word) const {
  const std::string_view name = word.text.size() > mma_prefix.size() ? word.text.substr(mma_prefix.size()) : "";
  if (const auto row = find_mma(name)) return int64_t{*row};
  std::string names;
  for (const MmaRow& row : mma_rows()) names += fmt::format("{}mma.{}", names.empty() ? "" : ", ", row.name);
  return lexer_.error(word, fmt::format("{} names no row of numerics: {}", quoted(word), names));
}

/// As many operands as the text has, up to the three that an instruction can hold; verify knows how many the op takes.
Result<void> KernelParser::operands(Instr& instr) {
  size_t count = 0;
  do {
    if (count == instr.args.size()) return lexer_.expected("at most three operands");
    instr.args[count++] = TRY(register_operand());
  } while (lexer_.accept(","));
  return {};
}

Result<void> KernelParser::lane(Instr& instr) {
  TRY(lexer_.expect("lane", "the operands"));
  const Token at = lexer_.peek();
  const Affine affine = TRY(parse_affine(lexer_, find_index()));
  const bool plain = affine.size() == 0 || (affine.size() == 1 && affine.begin()->coef == 1);
  if (!plain || affine.constant() < -most_int32 || affine.constant() > most_int32)
    return lexer_.error(at, "a lane is a number, a loop variable, or a loop variable plus a number");
  instr.lane_constant = static_cast<int32_t>(affine.constant());
  if (affine.size() == 1) instr.lane_var = affine.begin()->var;
  return {};
}

Result<void> KernelParser::access(BufferId& id, std::vector<Slice>& slices) {
  const Token name = lexer_.peek();
  TRY(lexer_.expect_name("a buffer, like `%a[...]`"));
  const auto found = buffers_.find(name.text);
  if (found == buffers_.end())
    return lexer_.error(name, fmt::format("{} is not a buffer of this kernel", quoted(name)));
  id = found->second;
  slices = TRY(parse_slices(lexer_, find_index()));
  return {};
}

Error KernelParser::unknown(const Token& name) const {
  if (buffers_.contains(name.text))
    return lexer_.error(name, fmt::format("{} is a buffer, not a register: load from it first", quoted(name)));
  return lexer_.error(name, fmt::format("{} is not defined here", quoted(name)));
}

Result<Value> KernelParser::register_operand() {
  const Token name = lexer_.peek();
  TRY(lexer_.expect_name("a register, like `%x`"));
  const auto found = values_.find(name.text);
  if (found == values_.end()) return unknown(name);
  return found->second;
}

Result<Value> KernelParser::index_operand(const Token& name) const {
  const auto found = values_.find(name.text);
  if (found == values_.end()) return unknown(name);
  const TileType& tile = kernel_.value(found->second).tile;
  if (tile.type == Type::index) return found->second;
  return lexer_.error(name, fmt::format("{} is a tile ({}), not an index", quoted(name), print(tile)));
}

Result<TileType> KernelParser::tile_type() {
  const Token word = lexer_.peek();
  const auto type = parse_type(TRY(lexer_.expect_word("the type of the result, like `f32[4,64]`")));
  if (!type || *type == Type::index)
    return lexer_.error(word,
                        fmt::format("{} is not an element type: f32, bf16, f16, i32, i16, i8, u8, u4", quoted(word)));
  TRY(lexer_.expect("[", "the element type"));
  TileType tile{*type, {}};
  tile.shape.rows = static_cast<int32_t>(TRY(lexer_.expect_integer("a tile's rows", 0, most_int32)));
  TRY(lexer_.expect(",", "the rows"));
  tile.shape.cols = static_cast<int32_t>(TRY(lexer_.expect_integer("a tile's columns", 0, most_int32)));
  if (lexer_.accept(","))
    tile.shape.depth = static_cast<int32_t>(TRY(lexer_.expect_integer("a tile's depth", 0, most_int32)));
  TRY(lexer_.expect("]", "the tile's shape"));
  return tile;
}

/// The literal of a fill: a decimal or the bits in hex of an f32, else a decimal integer.
Result<int64_t> KernelParser::fill_bits(const Token& literal, bool negative, Type type) const {
  const std::string_view text = literal.text;
  if (text.starts_with("0x")) {
    uint32_t bits = 0;
    const auto [end, status] = std::from_chars(text.begin() + 2, text.end(), bits, 16);
    if (status == std::errc() && end == text.end() && !negative && type == Type::f32) return int64_t{bits};
    return lexer_.error(literal, fmt::format("{} is not the 32 bits of an f32", quoted(literal)));
  }
  if (type == Type::f32) {
    float value = 0;
    const auto [end, status] = std::from_chars(text.begin(), text.end(), value);
    if (status == std::errc() && end == text.end())
      return int64_t{std::bit_cast<uint32_t>(value) ^ (negative ? 0x80000000u : 0u)};
    return lexer_.error(literal, fmt::format("{} is outside the range of f32", quoted(literal)));
  }
  uint64_t magnitude = 0;
  const auto [end, status] = std::from_chars(text.begin(), text.end(), magnitude);
  if (status != std::errc() || end != text.end() || magnitude > static_cast<uint64_t>(most_int64))
    return lexer_.error(literal, fmt::format("{} is not an integer of 64 bits", quoted(literal)));
  return negative ? -static_cast<int64_t>(magnitude) : static_cast<int64_t>(magnitude);
}

Result<Value> KernelParser::define(const Token& name, TileType tile) {
  const auto found = values_.find(name.text);
  if (found == values_.end()) {
    const Value value = kernel_.add_value(std::string(name.text), tile);
    values_.emplace(name.text, value);
    return value;
  }
  for (const OpenLoop& open : open_)
    if (open.name == name.text)
      return lexer_.error(name, fmt::format("{} is the variable of the loop at line {}", quoted(name), open.line));
  const TileType& before = kernel_.value(found->second).tile;
  if (before == tile) return found->second;
  return lexer_.error(name,
                      fmt::format("{} is {} already and cannot become {}", quoted(name), print(before), print(tile)));
}

}  // namespace

Result<Program> parse(std::string_view text, std::string_view file) {
  if (text.size() > longest_text) return invalid(fmt::format("{}: the text is longer than 64 MiB", file));
  Lexer lexer(text, file);
  Program program;
  do { program.kernels.push_back(TRY(KernelParser(lexer).parse())); } while (lexer.peek().kind != TokenKind::end);
  return program;
}

}  // namespace tilejit::ir

#include "ir/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>

#include "ir/mma.h"
#include "ir/names.h"

namespace tilejit::ir {
namespace {

constexpr size_t header_width = 120;

std::string affine_text(const Names& names, const Affine& affine) {
  std::vector<Term> terms(affine.begin(), affine.end());
  std::stable_sort(terms.begin(), terms.end(),
                   [&](const Term& a, const Term& b) { return names.rank(a.var) < names.rank(b.var); });
  std::string text;
  for (const Term& t : terms) {
    const uint64_t magnitude = t.coef < 0 ? 0 - static_cast<uint64_t>(t.coef) : static_cast<uint64_t>(t.coef);
    if (t.coef < 0) text += '-';
    if (t.coef >= 0 && !text.empty()) text += '+';
    text += names.of(t.var);
    if (magnitude != 1) text += fmt::format("*{}", magnitude);
  }
  if (text.empty()) return fmt::format("{}", affine.constant());
  if (affine.constant() != 0) text += fmt::format("{:+}", affine.constant());
  return text;
}

std::string bound_text(const Names& names, const Bound& bound) {
  std::string text = affine_text(names, bound.value);
  if (bound.rounding != Rounding::exact) {
    const char* function = bound.rounding == Rounding::floor ? "floor" : "ceil";
    text = fmt::format("{}({},{})", function, text, bound.divisor);
  }
  return bound.limit == Bound::no_limit ? text : fmt::format("min({},{})", bound.limit, text);
}

std::string lane_text(const Names& names, const Instr& instr) {
  if (instr.lane_var == Value::none) return fmt::format("{}", instr.lane_constant);
  const std::string var = names.of(instr.lane_var);
  return instr.lane_constant == 0 ? var : fmt::format("{}{:+}", var, instr.lane_constant);
}

/// The name of a row of numerics.
std::string mma_name(int64_t row) {
  const auto rows = mma_rows();
  return row >= 0 && row < std::ssize(rows) ? std::string(rows[static_cast<size_t>(row)].name)
                                            : fmt::format("?{}", row);
}

/// The shortest decimal that reads back as the same f32; NaNs keep their payload in hex.
std::string fill_text(Type type, int64_t imm) {
  const auto bits = static_cast<uint64_t>(imm);
  if (type != Type::f32) return fmt::format("{}", imm);
  const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
  return std::isnan(value) || bits > 0xffffffffu ? fmt::format("{:#x}", bits) : fmt::format("{}", value);
}

class Printer {
 public:
  explicit Printer(const Kernel& kernel) : kernel_(kernel), names_(kernel) {}

  std::string instruction(const Instr& instr);
  std::string whole();
  void step(const Instr& instr) { names_.step(instr); }
  const Names& names() const { return names_; }

 private:
  std::string header() const;
  std::string buffer_name(BufferId id) const;
  std::string access(BufferId id, const std::vector<Slice>& slices) const;
  std::string operands(const Instr& instr) const;
  std::string type_of(Value value) const;
  std::string loop(const Instr& instr) const;
  std::string computation(const Instr& instr) const;

  const Kernel& kernel_;
  Names names_;
};

std::string Printer::buffer_name(BufferId id) const {
  const auto index = static_cast<size_t>(id);
  return "%" +
         (index < kernel_.buffers.size() ? kernel_.buffers[index].name : fmt::format("?{}", static_cast<int>(id)));
}

std::string Printer::access(BufferId id, const std::vector<Slice>& slices) const {
  std::string text = buffer_name(id) + "[";
  for (const Slice& s : slices) {
    if (&s != slices.data()) text += ", ";
    text += affine_text(names_, s.start);
    if (s.extent != 1) text += fmt::format(":{}", s.extent);
  }
  return text + "]";
}

std::string Printer::operands(const Instr& instr) const {
  std::string text;
  for (Value v : instr.args)
    if (v != Value::none) text += (text.empty() ? "" : ", ") + names_.of(v);
  return text;
}

std::string Printer::type_of(Value value) const {
  const auto index = static_cast<size_t>(value);
  return index < kernel_.values.size() ? print(kernel_.values[index].tile) : "?";
}

std::string Printer::loop(const Instr& instr) const {
  std::string text = fmt::format("for {} {} = {}..{}", to_string(instr.loop), names_.of(instr.dst),
                                 bound_text(names_, instr.lo), bound_text(names_, instr.hi));
  if (instr.step != 1) text += fmt::format(" step {}", instr.step);
  return text + " {";
}

/// The right side of an instruction that writes a tile.
std::string Printer::computation(const Instr& instr) const {
  std::string name(info(instr.op).name);
  if (instr.op == Op::mma) name += "." + mma_name(instr.imm);
  name += instr.clip ? ".clip " : " ";
  const bool in_values = static_cast<size_t>(instr.dst) < kernel_.values.size();
  const Type type = in_values ? kernel_.value(instr.dst).tile.type : Type::i32;
  if (instr.op == Op::fill) return name + fill_text(type, instr.imm);
  if (instr.op == Op::load) return name + access(instr.buffer, instr.slices);
  std::string text = name + operands(instr);
  if (instr.op == Op::unpack || instr.op == Op::unpack_zero) text += " lane " + lane_text(names_, instr);
  if (instr.op == Op::unpack) text += fmt::format(" zero {}", instr.imm);
  if (instr.op == Op::shift_left || instr.op == Op::shift_right) text += fmt::format(" by {}", instr.imm);
  return text;
}

std::string Printer::instruction(const Instr& instr) {
  const std::string_view name = info(instr.op).name;
  switch (instr.op) {
    case Op::for_loop: return loop(instr);
    case Op::end: return "}";
    case Op::barrier: return std::string(name);
    case Op::wait: return fmt::format("{} {}", name, instr.imm);
    case Op::prefetch:
      return fmt::format("{}{} {}", name, instr.imm == 2 ? ".l2" : "", access(instr.buffer, instr.slices));
    case Op::async_copy:
      return fmt::format("{} {}, {}", name, access(instr.buffer, instr.slices),
                         access(instr.source, instr.source_slices));
    case Op::store:
      return fmt::format("{}{} {}, {}", name, instr.clip ? ".clip" : "", access(instr.buffer, instr.slices),
                         operands(instr));
    case Op::load_index:
      return fmt::format("{} = {} {}", names_.of(instr.dst), name, access(instr.buffer, instr.slices));
    case Op::fill:
    case Op::convert:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::fma:
    case Op::max:
    case Op::min:
    case Op::div:
    case Op::round:
    case Op::exp:
    case Op::erf:
    case Op::tanh:
    case Op::bitcast:
    case Op::bit_and:
    case Op::bit_or:
    case Op::shift_left:
    case Op::shift_right:
    case Op::reduce_max:
    case Op::reduce_add:
    case Op::dot_i8:
    case Op::unpack:
    case Op::unpack_zero:
    case Op::dot_bf16:
    case Op::mma:
    case Op::load: return fmt::format("{} = {} : {}", names_.of(instr.dst), computation(instr), type_of(instr.dst));
  }
  return "?";
}

std::string declaration(const Buffer& buffer, bool with_space) {
  std::string text = fmt::format("%{}: ", buffer.name);
  if (with_space) text += fmt::format("{} ", to_string(buffer.space));
  text += fmt::format("{}[", to_string(buffer.type));
  for (const Extent& e : buffer.dims) text += (&e == buffer.dims.data() ? "" : ",") + print(e);
  return text + (buffer.strided ? "] strided" : "]");
}

std::string Printer::header() const {
  std::vector<std::string> parameters;
  for (const Buffer& b : kernel_.buffers)
    if (b.is_parameter()) parameters.push_back(declaration(b, true));
  std::string line = fmt::format("kernel {}({}) {{\n", kernel_.name, fmt::join(parameters, ", "));
  if (line.size() <= header_width) return line;
  return fmt::format("kernel {}(\n    {}) {{\n", kernel_.name, fmt::join(parameters, ",\n    "));
}

std::string Printer::whole() {
  std::string text = header();
  for (const Buffer& b : kernel_.buffers)
    if (!b.is_parameter()) text += fmt::format("  {} {}\n", to_string(b.space), declaration(b, false));
  size_t depth = 1;
  for (const Instr& instr : kernel_.body) {
    step(instr);
    if (instr.op == Op::end && depth > 0) --depth;
    fmt::format_to(std::back_inserter(text), "{:{}}{}\n", "", 2 * depth, instruction(instr));
    if (instr.op == Op::for_loop) ++depth;
  }
  return text + "}\n";
}

/// The printer as it is at `instr`; at the end of the kernel for an instruction that is not in its body.
Printer printer_at(const Kernel& kernel, const Instr* instr) {
  Printer printer(kernel);
  for (const Instr& i : kernel.body) {
    printer.step(i);
    if (&i == instr) break;
  }
  return printer;
}

}  // namespace

std::string print(const Kernel& kernel) { return Printer(kernel).whole(); }

std::string print(const Program& program) {
  std::string text;
  for (const Kernel& k : program.kernels) text += (text.empty() ? "" : "\n") + print(k);
  return text;
}

std::string print(const Kernel& kernel, const Instr& instr) { return printer_at(kernel, &instr).instruction(instr); }

std::string print(const Kernel& kernel, const Affine& affine) {
  return affine_text(printer_at(kernel, nullptr).names(), affine);
}

std::string print(const Kernel& kernel, const Bound& bound) {
  return bound_text(printer_at(kernel, nullptr).names(), bound);
}

std::string print(const Extent& extent) {
  if (extent.is_constant()) return fmt::format("{}", extent.constant);
  std::string text = extent.divisor == 1 ? "m" : fmt::format("ceil(m,{})", extent.divisor);
  if (extent.per != 1) text += fmt::format("*{}", extent.per);
  return extent.constant == 0 ? text : text + fmt::format("{:+}", extent.constant);
}

std::string print(const TileType& tile) {
  if (tile.type == Type::index) return "index";
  const std::string depth = tile.shape.depth == 1 ? "" : fmt::format(",{}", tile.shape.depth);
  return fmt::format("{}[{},{}{}]", to_string(tile.type), tile.shape.rows, tile.shape.cols, depth);
}

}  // namespace tilejit::ir

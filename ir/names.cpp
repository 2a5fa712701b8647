#include "ir/names.h"

#include <fmt/format.h>

#include <algorithm>

namespace tilejit::ir {
namespace {

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// Whether the character at i may stand there in a name.
bool fits(std::string_view text, size_t i) {
  return is_alnum(text[i]) || (text[i] == '.' && i > 0 && i + 1 < text.size() && is_alnum(text[i + 1]));
}

/// The nearest spelling that the parser reads as one name.
std::string spelled(std::string_view name) {
  std::string text(name.empty() ? "v" : name);
  for (size_t i = 0; i < text.size(); ++i)
    if (!fits(text, i)) text[i] = '_';
  return text;
}

template <typename Taken>
std::string unique_name(const std::string& base, const Taken& taken) {
  std::string name = base;
  for (int n = 1; taken(name); ++n) name = fmt::format("{}.{}", base, n);
  return name;
}

}  // namespace

bool is_name(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i)
    if (!fits(text, i)) return false;
  return !text.empty();
}

bool is_identifier(std::string_view text) { return is_name(text) && !(text[0] >= '0' && text[0] <= '9'); }

Names::Names(const Kernel& kernel)
    : kernel_(&kernel), names_(kernel.values.size()),
      ranks_(kernel.values.size(), std::numeric_limits<int32_t>::max()) {
  if (!ranks_.empty()) ranks_[0] = 0;
  name_registers();
}

bool Names::known(Value value) const {
  return static_cast<int32_t>(value) > 0 && static_cast<size_t>(value) < names_.size();
}

void Names::name_registers() {
  std::vector<Value> order;
  std::unordered_set<std::string> bases;
  std::vector<bool> seen(names_.size(), false);
  for (const Instr& instr : kernel_->body) {
    if (instr.op == Op::for_loop || !known(instr.dst) || seen[static_cast<size_t>(instr.dst)]) continue;
    seen[static_cast<size_t>(instr.dst)] = true;
    order.push_back(instr.dst);
    bases.insert(spelled(kernel_->value(instr.dst).name));
  }
  for (Value v : order) {
    const std::string base = spelled(kernel_->value(v).name);
    std::string& name = names_[static_cast<size_t>(v)];
    name = unique_name(
        base, [&](const std::string& n) { return registers_.contains(n) || (n != base && bases.contains(n)); });
    registers_.insert(name);
  }
}

void Names::define(Value value) {
  int32_t& rank = ranks_[static_cast<size_t>(value)];
  rank = defined_++;
}

void Names::step(const Instr& instr) {
  if (instr.op == Op::end) {
    if (!open_.empty()) open_.pop_back();
    return;
  }
  if (instr.op != Op::for_loop) {
    if (known(instr.dst) && rank(instr.dst) == std::numeric_limits<int32_t>::max()) define(instr.dst);
    return;
  }
  if (known(instr.dst)) {
    const auto taken = [&](const std::string& n) {
      return registers_.contains(n) || std::any_of(open_.begin(), open_.end(), [&](Value v) {
               return known(v) && names_[static_cast<size_t>(v)] == n;
             });
    };
    names_[static_cast<size_t>(instr.dst)] = unique_name(spelled(kernel_->value(instr.dst).name), taken);
    define(instr.dst);
  }
  open_.push_back(instr.dst);
}

std::string Names::of(Value value) const {
  if (value == value_m) return "m";
  if (!known(value)) return fmt::format("%?{}", static_cast<int32_t>(value));
  const std::string& name = names_[static_cast<size_t>(value)];
  return "%" + (name.empty() ? spelled(kernel_->value(value).name) : name);
}

int32_t Names::rank(Value value) const {
  return value == value_m || known(value) ? ranks_[static_cast<size_t>(value)] : std::numeric_limits<int32_t>::max();
}

}  // namespace tilejit::ir

// The names of values in a kernel's text. A register keeps its name when it is the only one so called, else it becomes
// name.1, name.2 ...; a loop variable keeps its name as long as no register and no loop around it is called the same.
// `m` is value 0; every other name is printed behind a `%`.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ir/ir.h"

namespace tilejit::ir {

/// Letters, digits, `_`, and a `.` that a letter or digit follows: the characters of a name behind `%`.
bool is_name(std::string_view text);
/// A name that does not start with a digit or a `.`: kernels and buffers.
bool is_identifier(std::string_view text);

/// Follows the text of a kernel from its first instruction on: `step` takes the instructions in order, so that `of` knows
/// which loops are open.
class Names {
 public:
  explicit Names(const Kernel& kernel);

  /// To be called for each instruction before it is printed.
  void step(const Instr& instr);
  /// How `value` is written after the instructions so far: `m` or `%name`; `%?7` for a value that the kernel does not have.
  std::string of(Value value) const;
  /// Position in the order of definition: the order in which the terms of an index are written.
  int32_t rank(Value value) const;

 private:
  void name_registers();
  void define(Value value);
  bool known(Value value) const;

  const Kernel* kernel_;
  std::vector<std::string> names_;
  std::vector<int32_t> ranks_;
  std::unordered_set<std::string> registers_;
  std::vector<Value> open_;  // the variables of the loops around, outermost first
  int32_t defined_ = 1;      // m is rank 0
};

}  // namespace tilejit::ir
